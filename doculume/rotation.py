"""Encrypting what is kept anew, so that an old key can be given up.

Each app says in `AppConfig.ready` which of its columns hold what `doculume.crypto.encrypt` gave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models

from doculume.crypto import UnreadableSecret, rotated

ROWS = 500

_columns: list[_Column] = []


@dataclass(frozen=True, slots=True)
class _Column:
    model: type[models.Model]
    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of a column. `unreadable`: encrypted with a key that is not configured; left as it was."""

    column: str
    rows: int
    unreadable: int


def keeps_secrets(model: type[models.Model], column: str, *keys: str) -> None:
    """Register a column of encrypted text, or one of JSON that has encrypted text under `keys`."""
    _columns.append(_Column(model, column, keys))


def rotate() -> Iterator[Rotated]:
    """Encrypts every registered column anew under the first key, a row at a time: it may be cut off and run again."""
    for column in _columns:
        yield _rotate(column)


def _rotate(column: _Column) -> Rotated:
    rows, found = column.model._base_manager.all(), {"rows": 0, "unreadable": 0}
    for pk, kept in rows.order_by("pk").values_list("pk", column.name).iterator(chunk_size=ROWS):
        try:
            anew = _anew(kept, column.keys)
        except UnreadableSecret:
            found["unreadable"] += 1
            continue
        # Not over what somebody changed meanwhile, which is under the first key anyway.
        if anew != kept:
            found["rows"] += rows.filter(**{"pk": pk, column.name: kept}).update(**{column.name: anew})
    return Rotated(f"{column.model._meta.label}.{column.name}", **found)


def _anew(kept: Any, keys: tuple[str, ...]) -> Any:
    if keys:
        return {name: _anew(value, ()) if name in keys else value for name, value in kept.items()}
    if isinstance(kept, list):
        return [_anew(each, ()) for each in kept]
    return rotated(kept) if kept else kept
