"""File names are data: shown, never used as a path."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 255
# Controls, bidirectional overrides and other invisible marks make a name read as something it is not.
INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


def safe_filename(name: str) -> str:
    """`name` made safe to show and to offer as a download: no folders, nothing invisible, at most 255 characters."""
    name = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    name = "".join(character for character in name if unicodedata.category(character) not in INVISIBLE)
    name = UNSAFE.sub("_", name).strip().strip(".").strip()
    if len(name) > LONGEST:
        stem, dot, suffix = name.rpartition(".")
        name = stem[: LONGEST - len(suffix) - 1] + dot + suffix if dot and len(suffix) <= 10 else name[:LONGEST]
    return name or "document"
