"""Removing what deleted accounts and people left behind, in small steps that may be cut off anywhere.

The rows are the queue: accounts and users with `deleted_at`. Each step is a transaction of its own that removes a
bounded number of rows and leaves nothing half done, so that it does not matter who takes it, how often, or whether
they are killed. What an app holds is removed by its own erasers, which it hands over in `AppConfig.ready`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

from django.db import IntegrityError, OperationalError, connection, models, router, transaction

from accounts.models import Account, User

log = logging.getLogger(__name__)

# Given the id of an account or a person, takes a step at each `next()`, within a transaction that is its caller's,
# and ends when it found nothing more to remove. It never waits for rows that others hold: it leaves them for later.
Eraser = Callable[[int], Iterator[object]]

ROWS = 2_000  # a step
FAULTS = 5  # deadlocks and the like, before a turn is given up
TURN_SECONDS = 5.0  # so long for one account, while others wait

_of_accounts: list[Eraser] = []
_of_people: list[Eraser] = []


class NotYet(Exception):
    """Time is up, or somebody else is at it: the rest is for a later turn."""


def erases(*, account: Eraser, person: Eraser) -> None:
    """Register an app's erasers. Those of the apps above come first, because their rows refer to those below."""
    _of_accounts.insert(0, account)
    _of_people.insert(0, person)


def erase_accounts(account_ids: list[int], seconds: float) -> bool:
    """Whether nothing of these deleted accounts is left; stops after about so many seconds."""
    deadline = time.monotonic() + seconds
    gone = [_attempt(_erase_account, account_id, deadline) for account_id in account_ids]
    return all(gone)


def erase_person(user_id: int, seconds: float) -> bool:
    """Whether nothing of this deleted person is left. Their own account has to be gone before."""
    return _attempt(_erase_person, user_id, time.monotonic() + seconds)


def erase_deleted(seconds: float) -> bool:
    """Take turns at all that waits, the longest waiting first. Whether all of it is gone now."""
    deadline, everything = time.monotonic() + seconds, True
    for queue, erase in ((Account.objects, _erase_account), (User.objects, _erase_person)):
        waiting = queue.filter(deleted_at__isnull=False).order_by("deleted_at").values_list("pk", flat=True)
        for ident in waiting:
            everything &= _attempt(erase, ident, min(deadline, time.monotonic() + TURN_SECONDS))
    return everything


def delete_some(model: type[models.Model], account_id: int) -> int:
    """Delete up to `ROWS` rows of the account that nobody holds at the moment; how many.

    By where they lie: of a table with a key of two columns thousands of keys are slow to find.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    chosen = f"SELECT ctid FROM {table} WHERE account_id = %s LIMIT %s FOR UPDATE SKIP LOCKED"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE account_id = %s AND ctid = ANY(ARRAY({chosen}))",  # noqa: S608
            [account_id, account_id, ROWS],
        )
        return int(cursor.rowcount)


def raw_delete(rows: models.QuerySet[Any]) -> int:
    """One DELETE with no cascade and no signals: the database refuses what something still refers to."""
    return rows._raw_delete(router.db_for_write(rows.model))


def until_none(delete: Callable[[], int]) -> Iterator[int]:
    """A step for each time that something was deleted."""
    while count := delete():
        yield count


def _attempt(erase: Callable[[int, float], None], ident: int, deadline: float) -> bool:
    try:
        erase(ident, deadline)
    except NotYet:
        return False
    except Exception:
        # One that cannot be removed must not keep the others from it; the sweep comes back to it.
        log.exception("%s %d failed and will be tried again", erase.__name__, ident)
        return False
    return True


def _erase_account(account_id: int, deadline: float) -> None:
    for eraser in _of_accounts:
        _take_steps(eraser, account_id, f"account {account_id}", deadline)
    _drop_account(account_id)


def _erase_person(user_id: int, deadline: float) -> None:
    for eraser in _of_people:
        _take_steps(eraser, user_id, f"person {user_id}", deadline)
    with transaction.atomic():
        _lock(f"person {user_id}")
        user = User.objects.filter(pk=user_id, deleted_at__isnull=False).first()
        if user is None:
            return
        if Account.objects.filter(personal_of=user).exists():
            raise NotYet
        user.delete()


def _take_steps(eraser: Eraser, ident: int, subject: str, deadline: float) -> None:
    steps, faults, more = eraser(ident), 0, True
    while more:
        try:
            with transaction.atomic():
                _lock(subject)
                more = next(steps, None) is not None
        except (OperationalError, IntegrityError):
            # A deadlock, or a row that came while its owner went. The rows say where to go on.
            faults += 1
            if faults > FAULTS:
                raise
            steps = eraser(ident)
        # After a step that did something, not before it: so there is always some progress.
        if more and time.monotonic() > deadline:
            raise NotYet


def _lock(subject: str) -> None:
    """For one transaction, so that a worker that dies holds nothing. Raises `NotYet` if somebody else has it."""
    key = int.from_bytes(blake2b(f"erasure of {subject}".encode(), digest_size=8).digest(), "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise NotYet


def _drop_account(account_id: int) -> None:
    """The last row of all. Raises `NotYet` if by the database's own check something still refers to it: an upload
    that was under way, or a row that was held."""
    try:
        with transaction.atomic():
            _lock(f"account {account_id}")
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            raw_delete(Account.objects.filter(pk=account_id, deleted_at__isnull=False))
    except IntegrityError as error:
        raise NotYet from error
