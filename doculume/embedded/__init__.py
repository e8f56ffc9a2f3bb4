"""PostgreSQL and Valkey from wheels, run under a small supervisor of our own.

Nothing here needs Django, so that settings may ask where the servers will listen before they have ever run.
"""

from __future__ import annotations

from pathlib import Path

from doculume.embedded import postgres, valkey


def database_url(var: Path) -> str:
    """The URL of the embedded database of the data folder `var`, with its password; it need not have run yet."""
    return postgres.url(var.resolve())


def redis_url(var: Path) -> str:
    """The `unix://` URL of the embedded Redis-compatible server of `var`; it need not have run yet."""
    return valkey.url(var.resolve())
