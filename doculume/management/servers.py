from __future__ import annotations

from django.conf import settings


def embedded_servers() -> frozenset[str]:
    """Which of "postgres" and "valkey" this configuration leaves to the embedded servers."""
    chosen = {"postgres": settings.EMBEDDED_DATABASE, "valkey": settings.EMBEDDED_REDIS}
    return frozenset(name for name, embedded in chosen.items() if embedded)
