"""What is asked of an account, counted: how often, whether it was answered, how fast, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import Account

_DAYS = """
    SELECT (created_at AT TIME ZONE 'UTC')::date, outcome, count(*) FROM chat_askedquestion
    WHERE account_id = %s AND created_at >= %s GROUP BY 1, 2
"""
# Milliseconds. What was stopped says nothing about how long an answer takes.
_SPEED = """
    SELECT percentile_cont(ARRAY[.5, .95]) WITHIN GROUP (ORDER BY first_ms),
           percentile_cont(ARRAY[.5, .95]) WITHIN GROUP (ORDER BY total_ms)
    FROM chat_askedquestion WHERE account_id = %s AND created_at >= %s AND outcome = 'answered'
"""
_TOP = """
    SELECT (array_agg(text ORDER BY created_at DESC))[1], count(*), count(*) FILTER (WHERE outcome = 'answered')
    FROM chat_askedquestion WHERE account_id = %s AND created_at >= %s
    GROUP BY asked ORDER BY count(*) DESC, max(created_at) DESC LIMIT %s
"""
_OPEN = """
    SELECT (array_agg(id ORDER BY created_at DESC))[1], (array_agg(text ORDER BY created_at DESC))[1],
           count(*), max(created_at)
    FROM chat_askedquestion
    WHERE account_id = %s AND created_at >= %s AND outcome = 'unanswered' AND entry_id IS NULL AND dismissed_at IS NULL
    GROUP BY asked ORDER BY count(*) DESC, max(created_at) DESC LIMIT %s OFFSET %s
"""
_OPEN_COUNT = """
    SELECT count(DISTINCT asked) FROM chat_askedquestion
    WHERE account_id = %s AND created_at >= %s AND outcome = 'unanswered' AND entry_id IS NULL AND dismissed_at IS NULL
"""
TOP = 10


@dataclass(frozen=True, slots=True)
class Day:
    """How many questions of a day (UTC) ended how."""

    day: date
    answered: int = 0
    unanswered: int = 0
    failed: int = 0
    stopped: int = 0

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
    """Each of `days` is there, whether anything was asked or not. Milliseconds: the median, and what 95 of a hundred
    answers take at most; None where nothing was answered, and of the first word where no model wrote."""

    days: list[Day]
    first_ms: tuple[float, float] | None
    total_ms: tuple[float, float] | None
    top: list[Often]

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


def insights(account: Account, days: int) -> Insights:
    """Of the last so many days, in three statements."""
    since = first_day(days)
    by_day: dict[date, dict[str, int]] = {}
    for day, outcome, count in _rows(_DAYS, account.pk, since):
        by_day.setdefault(day, {})[outcome] = count
    dates = [since.date() + timedelta(days=number) for number in range(days)]
    first, total = _rows(_SPEED, account.pk, since)[0]
    return Insights(
        [Day(day, **by_day.get(day, {})) for day in dates],
        _pair(first),
        _pair(total),
        [Often(*row) for row in _rows(_TOP, account.pk, since, TOP)],
    )


def missing(account: Account, since: datetime, first: int, count: int) -> tuple[list[Missing], int]:
    """Questions that nothing was found for, the most frequent first: some of them, and how many there are."""
    rows = [Missing(*row) for row in _rows(_OPEN, account.pk, since, count, first)]
    return rows, open_count(account, since)


def open_count(account: Account, since: datetime) -> int:
    """How many different questions nothing was found for, and nobody has seen to."""
    return int(_rows(_OPEN_COUNT, account.pk, since)[0][0])


def _pair(values: list[float | None] | None) -> tuple[float, float] | None:
    return (values[0], values[1]) if values and values[0] is not None and values[1] is not None else None


def _rows(statement: str, *bound: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, bound)
        return cursor.fetchall()
