"""Counting what an account holds and how many answers it got, against what its plan allows.

Each count is one conditional statement on one row, so that of any number of requests at once exactly as many pass
as the plan has left.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import ceil

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.models import Account, AnswerUsage, StoredUsage
from doculume.errors import DoculumeError


class QuotaExceeded(DoculumeError):
    """The plan has nothing left of something. 402 in the message dialect, 429 in the others."""

    code = "quota_exceeded"
    status_code = 429
    message = "The plan's quota is used up."


def charge(account: Account, *, entries: int = 0, stored_bytes: int = 0) -> None:
    """Count what is about to be stored, in the caller's transaction: what rolls back costs nothing.

    Raises `QuotaExceeded`, and then nothing was counted. Others who store for the account wait for the transaction's
    end, so charge late in it.
    """
    allowed = account.allowance
    StoredUsage.objects.get_or_create(account=account)
    row = StoredUsage.objects.filter(account=account)
    if allowed.entries is not None and entries > 0:
        row = row.filter(entries__lte=allowed.entries - entries)
    if allowed.stored_bytes is not None and stored_bytes > 0:
        row = row.filter(stored_bytes__lte=allowed.stored_bytes - stored_bytes)
    if not row.update(entries=F("entries") + entries, stored_bytes=F("stored_bytes") + stored_bytes):
        raise QuotaExceeded("The plan's room for entries and files is used up.", retry_after=3600)


def give_back(account_id: int, *, entries: int = 0, stored_bytes: int = 0) -> None:
    """Count what was deleted, in the transaction that deletes it."""
    StoredUsage.objects.filter(account_id=account_id).update(
        entries=Greatest(F("entries") - entries, 0), stored_bytes=Greatest(F("stored_bytes") - stored_bytes, 0)
    )


def reserve_answer(account: Account) -> date:
    """Count one answer before it is made. Returns its month, for `give_back_answer` if it comes to nothing.

    Raises `QuotaExceeded` with the seconds until the next month.
    """
    limit = account.allowance.answers_per_month
    now = timezone.now()
    month = now.astimezone(UTC).date().replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute(RESERVE, {"account": account.pk, "month": month, "limit": limit})
        if cursor.fetchone() is None:
            raise QuotaExceeded("This month's answers are used up.", retry_after=_seconds_left(month, now))
    return month


def give_back_answer(account_id: int, month: date) -> None:
    """An answer that was reserved came to nothing."""
    AnswerUsage.objects.filter(account_id=account_id, month=month, answers__gt=0).update(answers=F("answers") - 1)


RESERVE = """
INSERT INTO accounts_answerusage AS usage (account_id, month, answers)
SELECT %(account)s, %(month)s, 1 WHERE %(limit)s::int IS NULL OR %(limit)s::int > 0
ON CONFLICT (account_id, month) DO UPDATE SET answers = usage.answers + excluded.answers
WHERE %(limit)s::int IS NULL OR usage.answers < %(limit)s::int
RETURNING answers
"""


def _seconds_left(month: date, now: datetime) -> int:
    following = (month + timedelta(days=32)).replace(day=1)
    return ceil((datetime(following.year, following.month, 1, tzinfo=UTC) - now).total_seconds())
