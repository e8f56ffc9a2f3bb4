"""Counting what an account holds and how many answers it got, against what its plan allows.

Each count is one conditional statement on one row, so that of any number of requests at once exactly as many pass
as the plan has left.

Held is what there is now: entries, and as bytes the uploaded files as they came and the text of entries as it was
sent (UTF-8). What is made of it (chunks, vectors, indexes) costs the deployment, and the account nothing. Of two
accounts that each keep a copy, each is charged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any, NoReturn

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.models import Account, AnswerUsage, StoredUsage
from doculume.errors import DoculumeError

# Room comes from deleting or from another plan, not from waiting; but whoever tries again by itself needs a number.
TRY_STORING_AGAIN_SECONDS = 3600


class QuotaExceeded(DoculumeError):
    """The plan has nothing left of something. 402 in the message dialect, 429 in the others."""

    code = "quota_exceeded"
    status_code = 429
    message = "The plan's quota is used up."


def charge(account: Account, *, entries: int = 0, stored_bytes: int = 0) -> None:
    """Count what is about to be stored, in the caller's transaction: what rolls back costs nothing.

    Raises `QuotaExceeded`, and then nothing was counted. Who holds more than a plan allows (a smaller plan since)
    keeps it and adds nothing. Others who store for the account wait for the transaction's end, so charge late in it.
    """
    allowed = account.allowance
    bound = {
        "account": account.pk,
        "entries": entries,
        "bytes": stored_bytes,
        # What does not grow is not held against its limit.
        "most_entries": allowed.entries if entries > 0 else None,
        "most_bytes": allowed.stored_bytes if stored_bytes > 0 else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(CHARGE, bound)
        if cursor.fetchone() is None:
            raise _no_room()


def refuse_if_full(account: Account, *, entries: int = 0, stored_bytes: int = 0) -> None:
    """Raise what `charge` would, if it already shows; counts nothing. For before the work that charging comes after."""
    allowed = account.allowance
    held = held_by(account)
    if entries and allowed.entries is not None and held.entries + entries > allowed.entries:
        raise _no_room()
    if stored_bytes and allowed.stored_bytes is not None and held.stored_bytes + stored_bytes > allowed.stored_bytes:
        raise _no_room()


def give_back(account_id: int, *, entries: int = 0, stored_bytes: int = 0) -> None:
    """Count what was deleted, late in the transaction that deletes it."""
    StoredUsage.objects.filter(account_id=account_id).update(
        entries=Greatest(F("entries") - entries, 0), stored_bytes=Greatest(F("stored_bytes") - stored_bytes, 0)
    )


def reserve_answer(account: Account) -> date:
    """Count one answer before it is made. Returns its month, for `give_back_answers` if it comes to nothing.

    Raises `QuotaExceeded` with the seconds until the next month. Others who ask in the account wait for the end of
    the caller's transaction, so do it late in it.
    """
    month, statement, bound = reservation(account)
    with connection.cursor() as cursor:
        cursor.execute(statement, bound)
        if cursor.fetchone() is None:
            refuse_answers(month)
    return month


def reservation(account: Account) -> tuple[date, str, dict[str, Any]]:
    """For who counts it with what they store: the month, a statement that returns a row if there is one left, and what
    is bound to it."""
    month = this_month()
    return month, RESERVE, {"account": account.pk, "month": month, "limit": account.allowance.answers_per_month}


def refuse_answers(month: date) -> NoReturn:
    """Where there was none left."""
    raise QuotaExceeded("This month's answers are used up.", retry_after=_seconds_left(month))


def give_back_answers(account_id: int, month: date, count: int = 1) -> None:
    """Answers that were reserved came to nothing. Each only once: do it with the statement that ends the answer."""
    AnswerUsage.objects.filter(account_id=account_id, month=month).update(answers=Greatest(F("answers") - count, 0))


def held_by(account: Account) -> StoredUsage:
    """All zero where nothing was ever stored."""
    return StoredUsage.objects.filter(account=account).first() or StoredUsage(account=account)


@dataclass(frozen=True, slots=True)
class Used:
    """What an account holds, and how many answers it got this month."""

    answers: int
    entries: int
    stored_bytes: int


def used_by(account: Account) -> Used:
    """All of it by one statement."""
    with connection.cursor() as cursor:
        cursor.execute(USED, {"account": account.pk, "month": this_month()})
        return Used(*cursor.fetchone())


def this_month() -> date:
    """Its first day, in UTC."""
    return timezone.now().astimezone(UTC).date().replace(day=1)


def answers_this_month(account_id: int) -> int:
    used = (
        AnswerUsage.objects.filter(account_id=account_id, month=this_month()).values_list("answers", flat=True).first()
    )
    return used or 0


CHARGE = """
INSERT INTO accounts_storedusage AS held (account_id, entries, stored_bytes)
SELECT %(account)s, %(entries)s, %(bytes)s
WHERE (%(most_entries)s::bigint IS NULL OR %(entries)s <= %(most_entries)s::bigint)
  AND (%(most_bytes)s::bigint IS NULL OR %(bytes)s <= %(most_bytes)s::bigint)
ON CONFLICT (account_id) DO UPDATE
SET entries = held.entries + excluded.entries, stored_bytes = held.stored_bytes + excluded.stored_bytes
WHERE (%(most_entries)s::bigint IS NULL OR held.entries + excluded.entries <= %(most_entries)s::bigint)
  AND (%(most_bytes)s::bigint IS NULL OR held.stored_bytes + excluded.stored_bytes <= %(most_bytes)s::bigint)
RETURNING entries
"""

RESERVE = """
INSERT INTO accounts_answerusage AS used (account_id, month, answers)
SELECT %(account)s, %(month)s, 1 WHERE %(limit)s::bigint IS NULL OR %(limit)s::bigint > 0
ON CONFLICT (account_id, month) DO UPDATE SET answers = used.answers + excluded.answers
WHERE %(limit)s::bigint IS NULL OR used.answers < %(limit)s::bigint
RETURNING answers
"""


USED = """
SELECT
  coalesce((SELECT answers FROM accounts_answerusage WHERE account_id = %(account)s AND month = %(month)s), 0),
  coalesce(held.entries, 0), coalesce(held.stored_bytes, 0)
FROM (VALUES (1)) AS always
LEFT JOIN accounts_storedusage AS held ON held.account_id = %(account)s
"""


def _no_room() -> QuotaExceeded:
    return QuotaExceeded("The plan's room for entries and files is used up.", retry_after=TRY_STORING_AGAIN_SECONDS)


def _seconds_left(month: date) -> int:
    following = (month + timedelta(days=32)).replace(day=1)
    return ceil((datetime(following.year, following.month, 1, tzinfo=UTC) - timezone.now()).total_seconds())
