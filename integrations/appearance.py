"""How an integration's widgets look: what of it can be chosen, and what is kept of what was chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

THEMES = ("auto", "light", "dark")
POSITIONS = ("bottom-right", "bottom-left")
LANGUAGES = ("auto", "en", "de", "nl", "fr", "es", "ja", "ar")
COLOR = re.compile(r"#[0-9a-f]{6}")
DEFAULT_COLOR = "#1d5c55"
# Texts of the widget that a site may put in its own words.
TEXTS = ("title", "ask", "note", "support", "supportHint", "sent", "noneHint")
LONGEST_TEXT = 300
DEFAULTS = {"theme": "auto", "color": DEFAULT_COLOR, "position": "bottom-right", "language": "auto"}


def appearance_of(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen, without what is not ours to show; for the rest what there is by default.

    `{theme, color, position, language, texts: {name: text}}`, safe to hand to any page.
    """
    texts = chosen.get("texts")
    own = texts if isinstance(texts, Mapping) else {}
    return {
        "theme": _one_of(chosen, "theme", THEMES),
        "color": _color(chosen.get("color")),
        "position": _one_of(chosen, "position", POSITIONS),
        "language": _one_of(chosen, "language", LANGUAGES),
        "texts": {name: str(own[name])[:LONGEST_TEXT] for name in TEXTS if own.get(name)},
    }


def _one_of(chosen: Mapping[str, Any], name: str, words: tuple[str, ...]) -> str:
    word = chosen.get(name)
    return word if isinstance(word, str) and word in words else DEFAULTS[name]


def _color(value: Any) -> str:
    return value.lower() if isinstance(value, str) and COLOR.fullmatch(value.lower()) else DEFAULT_COLOR
