"""`{% options rows chosen=id %}`: the lines of a list to choose one of some rows from."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any, Protocol

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
LONGEST = 60


class Named(Protocol):
    id: Any
    name: str


@register.simple_tag
def options(rows: Iterable[Named], chosen: Any = None) -> SafeString:
    """Of rows with an `id` and a `name`, long names cut. Some lists have hundreds, so none takes a template's time."""
    return mark_safe("".join(_option(row, row.id == chosen) for row in rows))  # noqa: S308 -- escaped below


def _option(row: Named, is_chosen: bool) -> str:
    selected = " selected" if is_chosen else ""
    return f'<option value="{escape(row.id)}"{selected}>{escape(shortened(row.name))}</option>'


def shortened(text: str, most: int = LONGEST) -> str:
    """A letter keeps its accents or goes with them."""
    if len(text) <= most:
        return text
    end = most - 1
    while end and unicodedata.combining(text[end]):
        end -= 1
    return f"{text[:end]}…"
