"""A language in which all that is translated stands in brackets, from right to left: what has none is unmarked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

from django.apps import apps
from django.conf import settings
from django.test import override_settings
from django.utils.translation import trans_real

LANGUAGE = "ar"
SAID_ALOUD = ("aria-label", "title", "placeholder", "alt", "aria-description")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# What is written by people or machines, in whatever language: nobody translates it.
QUOTED = {"bdi", "code", "kbd", "pre", "mark", "script", "style", "textarea", "samp"}
WORD = re.compile(r"[^\W\d_]{2,}")


class Brackets:
    """Speaks like a catalog."""

    plural = staticmethod(lambda number: int(number != 1))

    def to_language(self) -> str:
        return LANGUAGE

    language = to_language

    def gettext(self, text: str) -> str:
        return f"⟦{text.rpartition(chr(4))[2]}⟧" if text.strip() else text

    def ngettext(self, one: str, many: str, number: float) -> str:
        return self.gettext(one if number == 1 else many)


@contextmanager
def spoken() -> Iterator[dict[str, str]]:
    """Within it pages speak it to whoever sends these headers."""
    # Django forgets all catalogs when the languages change: so this one is gone again by itself.
    with override_settings(LANGUAGES=[*settings.LANGUAGES, (LANGUAGE, "Pseudo")]):
        catalogs: Any = trans_real
        catalogs._translations[LANGUAGE] = Brackets()
        yield {"Accept-Language": LANGUAGE}


class Reader(HTMLParser):
    """What somebody reads or hears of a page, and what of it is outside of brackets; but for what is quoted."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[tuple[str, str]] = []
        self._depth = 0
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        quoted = tag in QUOTED or named.get("dir") == "auto" or named.get("translate") == "no"
        if not quoted and not self._is_quoted:
            names = [*SAID_ALOUD, *(["value"] if tag == "input" and named.get("type") in ("submit", "button") else [])]
            self.pieces += [(named[name] or "", _outside(named[name] or "")[0]) for name in names if name in named]
        if tag not in VOID:
            self._open.append((tag, quoted))

    def handle_endtag(self, tag: str) -> None:
        while self._open and any(name == tag for name, _ in self._open):
            if self._open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        # A sentence in brackets may have tags in it.
        rest, self._depth = _outside(data, self._depth)
        if not self._is_quoted:
            self.pieces.append((data, rest))

    @property
    def _is_quoted(self) -> bool:
        return any(quoted for _, quoted in self._open)


def unmarked(html: str, known: list[str], names: set[str]) -> list[str]:
    """Pieces with words outside of brackets that are neither data nor `names`."""
    reader = Reader()
    reader.feed(html)
    left = []
    for piece, rest in reader.pieces:
        for text in known:
            rest = rest.replace(text, " ")
        if set(WORD.findall(rest)) - names:
            left.append(" ".join(piece.split()))
    return left


def _outside(piece: str, depth: int = 0) -> tuple[str, int]:
    """What of it is outside of brackets, and how many are open at its end."""
    rest = []
    for letter in piece:
        depth = max(0, depth + (letter == "⟦") - (letter == "⟧"))
        if depth == 0 and letter != "⟧":
            rest.append(letter)
    return "".join(rest), depth


def data_of_people() -> list[str]:
    """Every text that is stored, longest first; but no words that the product chose itself."""
    found: set[str] = set()
    for model in apps.get_models():
        if model.__module__.split(".")[0] in ("accounts", "llm_settings", "knowledge", "chat", "integrations"):
            fields = [one for one in model._meta.concrete_fields if not getattr(one, "choices", None)]
            for row in model._base_manager.values_list(*(one.attname for one in fields)):
                found |= set(_texts(list(row)))
    return sorted(found, key=len, reverse=True)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) > 1:
            yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
