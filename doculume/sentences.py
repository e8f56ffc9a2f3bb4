"""Sentences that are English for programs and logs, and in the reader's language on pages.

Whoever raises or stores a sentence does not know who will read it: the API is English whatever a browser asks for. So
it stays English until a page shows it, by `told`.
"""

from __future__ import annotations

from typing import Any, Self

from django.utils.translation import gettext


class Sentence(str):
    """English with its values filled in, which remembers how it reads without them.

    `Sentence("At most %(most)s can be open.", most=5)`. What has no values is any literal; see `doculume.catalogs`.
    """

    __slots__ = ("template", "values")
    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, **values: Any) -> Self:
        made = super().__new__(cls, template % values)
        made.template, made.values = template, values
        return made


def told(text: str) -> str:
    """`text` in the language of the page; what has no translation stays as it is."""
    if isinstance(text, Sentence):
        return gettext(text.template) % text.values
    return gettext(str(text)) if text else ""
