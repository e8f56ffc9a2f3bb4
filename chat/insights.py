"""What is asked of an account, counted: how often, whether it was answered, how fast, and what is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import Account

# Bounds of what is counted as equally fast, in milliseconds: to ten minutes, each a seventh above the one before.
STEP = 1.15
BOUNDS = [round(10 * STEP**number) for number in range(80)]
# What is asked most is counted among so many of the newest.
NEWEST = 5_000

# One reading of an index. What was stopped says nothing about how long an answer takes.
_DAYS = """
    SELECT (created_at AT TIME ZONE 'UTC')::date, outcome,
           CASE WHEN outcome = 'answered' THEN width_bucket(total_ms, %s::int[]) END, count(*)
    FROM chat_askedquestion WHERE account_id = %s AND created_at >= %s {at} GROUP BY 1, 2, 3
"""
_TOP = """
    WITH newest AS MATERIALIZED (
        SELECT asked, text, outcome, created_at FROM chat_askedquestion
        WHERE account_id = %s AND created_at >= %s {at} ORDER BY created_at DESC LIMIT %s
    ), most AS (
        SELECT asked, count(*) AS times, count(*) FILTER (WHERE outcome = 'answered') AS answered,
               max(created_at) AS last
        FROM newest GROUP BY asked ORDER BY times DESC, last DESC LIMIT %s
    )
    SELECT DISTINCT ON (most.times, most.last, most.asked) newest.text, most.times, most.answered
    FROM most JOIN newest ON newest.asked = most.asked
    ORDER BY most.times DESC, most.last DESC, most.asked, newest.created_at DESC
"""
_OPEN = """
    SELECT (array_agg(id ORDER BY created_at DESC))[1], (array_agg(text ORDER BY created_at DESC))[1],
           count(*), max(created_at), count(*) OVER ()
    FROM chat_askedquestion
    WHERE account_id = %s AND created_at >= %s {at}
      AND outcome = 'unanswered' AND entry_id IS NULL AND dismissed_at IS NULL
    GROUP BY asked ORDER BY count(*) DESC, max(created_at) DESC LIMIT %s OFFSET %s
"""
_OPEN_COUNT = """
    SELECT count(DISTINCT asked) FROM chat_askedquestion
    WHERE account_id = %s AND created_at >= %s AND outcome = 'unanswered' AND entry_id IS NULL AND dismissed_at IS NULL
"""
TOP = 10


@dataclass(frozen=True, slots=True)
class Day:
    """How many questions of a day (UTC) ended how, and `total_ms` as `Insights` has it."""

    day: date
    answered: int = 0
    unanswered: int = 0
    failed: int = 0
    stopped: int = 0
    total_ms: tuple[float, float] | None = None

    @property
    def asked(self) -> int:
        return self.answered + self.unanswered + self.failed + self.stopped


@dataclass(frozen=True, slots=True)
class Often:
    """A question, as it was asked last, how often it was, and how often it was answered."""

    text: str
    times: int
    answered: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A question that nothing was found for; `id` is of the last one that was asked so."""

    id: Any
    text: str
    times: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Insights:
    """Each of `days` is there, whether anything was asked or not. `total_ms`: milliseconds, near enough; the median,
    and what 95 of a hundred answers take at most."""

    days: list[Day]
    top: list[Often]
    total_ms: tuple[float, float] | None

    @property
    def asked(self) -> int:
        return sum(day.asked for day in self.days)

    @property
    def answered(self) -> int:
        return sum(day.answered for day in self.days)

    @property
    def unanswered(self) -> int:
        return sum(day.unanswered for day in self.days)

    @property
    def seconds(self) -> tuple[float, float] | None:
        """`total_ms`, as people say it."""
        return (self.total_ms[0] / 1000, self.total_ms[1] / 1000) if self.total_ms else None

    @property
    def share(self) -> float | None:
        """Of those that came to an end, how many were answered."""
        ended = self.answered + self.unanswered + sum(day.failed for day in self.days)
        return self.answered / ended if ended else None


def first_day(days: int) -> datetime:
    """The beginning of the first of the last so many days, today included."""
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)


@dataclass(frozen=True, slots=True)
class Where:
    """Only what was asked at one integration; or at none, that is by members and programs."""

    integration_id: UUID | None

    @property
    def condition(self) -> tuple[str, list[Any]]:
        if self.integration_id is None:
            return "AND integration_id IS NULL", []
        return "AND integration_id = %s", [self.integration_id]


def insights(account: Account, days: int, where: Where | None = None) -> Insights:
    """Of the last so many days, in two statements."""
    since = first_day(days)
    at, bound = where.condition if where else ("", [])
    counted: dict[date, dict[str, int]] = {}
    fast: dict[date, Counter[int]] = {}
    of_all: Counter[int] = Counter()
    for day, outcome, place, count in _rows(_DAYS.format(at=at), BOUNDS, account.pk, since, *bound):
        of_day = counted.setdefault(day, {})
        of_day[outcome] = of_day.get(outcome, 0) + count
        if place is not None:
            fast.setdefault(day, Counter())[place] += count
            of_all[place] += count
    dates = [since.date() + timedelta(days=number) for number in range(days)]
    top = _rows(_TOP.format(at=at), account.pk, since, *bound, NEWEST, TOP)
    return Insights(
        [Day(day, **counted.get(day, {}), total_ms=_speed(fast.get(day))) for day in dates],
        [Often(*row) for row in top],
        _speed(of_all),
    )


def missing(
    account: Account, since: datetime, first: int, count: int, where: Where | None = None
) -> tuple[list[Missing], int]:
    """Questions that nothing was found for, the most frequent first: some of them, and how many there are."""
    at, bound = where.condition if where else ("", [])
    rows = _rows(_OPEN.format(at=at), account.pk, since, *bound, count, first)
    return [Missing(*row[:4]) for row in rows], rows[0][4] if rows else 0


def open_count(account: Account, since: datetime) -> int:
    """How many different questions nothing was found for, and nobody has seen to."""
    return int(_rows(_OPEN_COUNT, account.pk, since)[0][0])


def _speed(counted: Counter[int] | None) -> tuple[float, float] | None:
    return (_part_below(counted, 0.5), _part_below(counted, 0.95)) if counted else None


def _part_below(counted: Counter[int], part: float) -> float:
    """About how many milliseconds such a part of all took at most."""
    left = part * counted.total()
    for place in sorted(counted):
        if left <= counted[place]:
            lower = BOUNDS[place - 1] if place else BOUNDS[0] / STEP
            return float(lower * STEP ** (left / counted[place]))
        left -= counted[place]
    raise AssertionError(part)


def _rows(statement: str, *bound: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, bound)
        return cursor.fetchall()
