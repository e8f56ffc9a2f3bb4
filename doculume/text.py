"""What text must be before it is kept."""

from __future__ import annotations


def storable(text: str) -> str:
    """`text` without what neither UTF-8 nor PostgreSQL can hold: NUL, and lone surrogates (each becomes `?`)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
