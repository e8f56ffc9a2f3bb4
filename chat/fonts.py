"""Fonts for every script, cut down to the characters of one document.

They are Noto's, from two packages that hold nothing else; `docs/decisions/0051-export.md` says why. Each is a variable
font of thousands of glyphs: of those the document does not use none is kept, and the weight is fixed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

REGULAR = 400.0
# What joins with the character before it is drawn in that one's font.
JOINERS = {"\u200c", "\u200d", "\ufe0e", "\ufe0f", "\u20e3"}
# In each font but the document's own: a shaper draws what is not seen as a space of no width.
NEEDED = " " + "".join(sorted(JOINERS))
# Where a line may end.
ZERO_WIDTH_SPACE = "\u200b"
UNSEEN = JOINERS | {ZERO_WIDTH_SPACE}
KANA, HANGUL = re.compile(r"[\u3040-\u30ff]"), re.compile(r"[\u1100-\u11ff\uac00-\ud7af]")
# Where it lies in the collection: the same character is drawn otherwise in Japan, Korea and China.
JAPANESE, KOREAN, CHINESE = 0, 1, 2
SCRIPTS = [
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Bengali",
    "Gurmukhi",
    "Gujarati",
    "Oriya",
    "Tamil",
    "Telugu",
    "Kannada",
    "Malayalam",
    "Sinhala",
    "Thai",
    "Lao",
    "Myanmar",
    "Khmer",
    "Armenian",
    "Georgian",
    "Ethiopic",
]


@dataclass(frozen=True, slots=True)
class Face:
    """One font of a file that may be a collection."""

    name: str
    path: Path
    number: int = -1

    def covers(self) -> frozenset[int]:
        return _covered(self)


@cache
def _covered(face: Face) -> frozenset[int]:
    with TTFont(face.path, fontNumber=face.number, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _folder(package: str) -> Path:
    """Found and never imported: what is wanted of it are files."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No package named {package}: install what requirements.txt names.")
    return Path(spec.origin).parent


def faces_for(text: str) -> Iterator[Face]:
    """In the order in which they are asked for a character; the first is the document's own."""
    folder = _folder("manimgx_fonts")
    yield Face("NotoSans", folder / "NotoSans[wght].ttf")
    for script in SCRIPTS:
        yield Face(f"NotoSans{script}", folder / f"NotoSans{script}[wght].ttf")
    number = JAPANESE if KANA.search(text) else KOREAN if HANGUL.search(text) else CHINESE
    yield Face("NotoSansCJK", _folder("manimgx_fonts_cjk") / "NotoSansCJK-VF.otf.ttc", number)
    yield Face("NotoSansSymbols", folder / "NotoSansSymbols[wght].ttf")
    yield Face("NotoEmoji", folder / "NotoEmoji[wght].ttf")


def cast(text: str) -> dict[Face, str]:
    """Which characters of `text` each face draws, the document's own face first. Those of no face are left out.

    A face that is to draw something also gets what may join with it.
    """
    left = {character for character in text if character.isprintable() or character in UNSEEN}
    found: dict[Face, str] = {}
    for face in faces_for(text):
        own = {character for character in left - JOINERS if ord(character) in face.covers()}
        if own or not found:
            found[face] = "".join(sorted(own))
            left -= own
        if not left - JOINERS:
            break
    return found


def cut(face: Face, characters: str, target: Path) -> None:
    """Write a font with these characters only, at one weight, with all that shaping them needs."""
    options = subset.Options()
    options.layout_features = ["*"]
    options.notdef_outline = True
    options.ignore_missing_unicodes = True
    with TTFont(face.path, fontNumber=face.number, lazy=True) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(text=characters)
        cutter.subset(font)
        axes = {axis.axisTag: REGULAR if axis.axisTag == "wght" else axis.defaultValue for axis in font["fvar"].axes}
        instancer.instantiateVariableFont(font, axes, inplace=True)
        font.save(target)


def is_joining(character: str) -> bool:
    return character in JOINERS or unicodedata.category(character) in {"Mn", "Me", "Cf", "Sk"}
