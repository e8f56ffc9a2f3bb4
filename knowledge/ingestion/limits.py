"""How much reading one file may cost. Sizes are in bytes, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Bounds of one parse; the first group is kept by the operating system, the second by the parsers."""

    memory_bytes: int = 1024 * MB
    cpu_seconds: int = 60
    wall_seconds: float = 120.0

    unpacked_bytes: int = 200 * MB
    # An archive below the floor may be packed as tightly as it likes: small office files often are.
    ratio: int = 100
    ratio_floor_bytes: int = 10 * MB
    members: int = 10_000
    pages: int = 10_000
    text_chars: int = 50_000_000
    nesting: int = 5  # messages in messages, archives are never opened in archives
