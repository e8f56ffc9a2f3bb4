"""What moves entries after fusion: boosts, which leave relevance in charge, and sort keys, which replace it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from knowledge.search.meta import Bound, value_of

STRENGTHS = {"low": 0.10, "medium": 0.25, "high": 0.50}
MOST_TOGETHER = 0.50
# What an entry has beside its meta; a field of the same name in the meta goes first.
_OWN = {
    "title": ("text", "nullif(entry.title, '')"),
    "created_at": ("date", "entry.created_at"),
    "updated_at": ("date", "entry.updated_at"),
}


@dataclass(frozen=True, slots=True)
class Boost:
    """A signal that raises `final_score`; by how much at most, `STRENGTHS` says.

    `recency`: in full for a date of now or later, half of it for each `scale` seconds of age. `prefer_low`,
    `near_value`: in full at 0 or below, or at `target`, and half of it for each `scale` from there. `prefer_high`:
    nothing at 0 or below, half of it at `scale`, three quarters at twice that. A field that is missing or of another
    type changes nothing.
    """

    field: str
    type: Literal["recency", "prefer_low", "prefer_high", "near_value"]
    strength: Literal["low", "medium", "high"] = "medium"
    scale: float = 90 * 86_400.0
    target: float | None = None

    @property
    def kind(self) -> str:
        return "date" if self.type == "recency" else "number"

    def factor(self, value: float | None) -> float:
        """What the score is multiplied by, for the field's value (of a date: seconds since 1970)."""
        if value is None or not math.isfinite(value):
            return 1.0
        return 1.0 + STRENGTHS[self.strength] * self._closeness(value)

    def _closeness(self, value: float) -> float:
        if self.type == "recency":
            return _halved(datetime.now(UTC).timestamp() - value, self.scale)
        if self.type == "near_value":
            return _halved(abs(value - (self.target or 0.0)), self.scale)
        return _halved(value, self.scale) if self.type == "prefer_low" else 1 - _halved(value, self.scale)


def _halved(distance: float, scale: float) -> float:
    """1, half of it for each `scale`; never more than 1."""
    return 0.5 ** min(max(distance, 0.0) / scale, 1e3) if scale > 0 else float(distance <= 0)


def together(factors: Sequence[float]) -> float:
    return 1.0 + min(sum(factor - 1.0 for factor in factors), MOST_TOGETHER)


@dataclass(frozen=True, slots=True)
class SortKey:
    """Entries without the field, or with another type in it, come last in either direction."""

    field: str
    direction: Literal["asc", "desc"]
    type: Literal["date", "number", "text"] = "text"


def order_by(sorts: Sequence[SortKey]) -> Bound:
    """An ORDER BY's inside, on a table `entry`."""
    parts, bound = [], []
    for key in sorts:
        sql, values = sortable(key.field, key.type)
        collation = ' COLLATE "C"' if key.type == "text" else ""
        parts.append(f"({sql}){collation} {'DESC' if key.direction == 'desc' else 'ASC'} NULLS LAST")
        bound += values
    return ", ".join(parts), bound


def sortable(field: str, kind: str) -> Bound:
    """The field of `meta`, `searchable_meta` or, where it has none, of the entry itself; typed. On a table `entry`."""
    sql, bound = value_of(field, kind)
    return (f"coalesce({sql}, {_OWN[field][1]})", bound) if field in _OWN and _OWN[field][0] == kind else (sql, bound)


def as_seconds(value: Any) -> float | None:
    """A number or a moment from the database, for `Boost.factor`."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value)
