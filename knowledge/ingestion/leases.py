"""The queue: `IngestionJob` rows, claimed for a while by one worker at a time.

All times are the database's. A claim counts its attempt as it is made, so that work which kills its worker runs out
of attempts. While a job is worked on, a thread renews its lease; a worker that dies stops renewing, and the job is
due again when the lease has run out.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Func, IntegerField, Q, QuerySet
from django.db.models.functions import Now

from doculume.ids import new_id
from knowledge import news
from knowledge.ingestion.errors import IngestionError
from knowledge.models import Document, Entry, IngestionJob

log = logging.getLogger(__name__)

Status = IngestionJob.Status
LONGEST_WAIT = 240.0  # seconds; promise: done within 5 minutes of the last fault clearing
SHORTEST_WAIT = 15.0


_FINISH = """
    UPDATE knowledge_ingestionjob SET status = %s, lease_owner = '', lease_expires_at = NULL, finished_at = now()
    WHERE account_id = %s AND id = ANY(%s) AND status = %s AND lease_owner = %s RETURNING id
"""


class GaveWay(Exception):
    """The job had its turn while others wait: it is to be put back behind them."""


class LeaseLost(Exception):
    """Somebody else has the job now, or its entry is gone: what was made of it must be thrown away."""


def owner_name() -> str:
    """Different for each claim, so that a worker never takes a later claim of its own for an earlier one."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{new_id().hex}"


def due() -> Q:
    """Jobs that may be claimed: waiting long enough, or claimed by a worker that no longer renews."""
    waiting = Q(status=Status.WAITING, next_attempt_at__lte=Now())
    abandoned = Q(status=Status.RUNNING, lease_expires_at__lt=Now())
    return waiting | abandoned


def claim(job_id: UUID, owner: str) -> IngestionJob | None:
    """The job, now leased to `owner`; None when it is not due, done, gone or out of attempts."""
    wanted = IngestionJob.objects.filter(due(), id=job_id, attempts__lt=settings.INGESTION["max_attempts"])
    return _leased_to(owner).filter(id=job_id).first() if _lease(wanted, owner) else None


def claim_alike(job: IngestionJob, most: int, longest: int) -> list[IngestionJob]:
    """Up to `most` other jobs, leased to the same owner: first attempts at entries of the same collection that no file
    was uploaded for, of at most `longest` bytes. In no order: to put all that wait in order takes longer than these."""
    waiting = IngestionJob.objects.filter(
        account_id=job.account_id, status=Status.WAITING, next_attempt_at__lte=Now(), attempts=0
    )
    with transaction.atomic():
        chosen = waiting.order_by().select_for_update(skip_locked=True).values_list("id", "entry_id", "generation")
        found = {(entry, generation): ident for ident, entry, generation in chosen[:most]}
        entries = Entry.objects.filter(
            account_id=job.account_id,
            id__in=[entry for entry, _ in found],
            collection_id=job.entry.collection_id,
            document=None,
        ).annotate(size=Func("raw_text", function="octet_length", output_field=IntegerField()))
        small = entries.filter(size__lte=longest).values_list("id", "generation")
        ids = [found[generation] for generation in small if generation in found]
        if not _lease(waiting.filter(id__in=ids), job.lease_owner):
            return []
    return list(_leased_to(job.lease_owner).filter(account_id=job.account_id, id__in=ids))


def _lease(jobs: QuerySet[IngestionJob], owner: str) -> int:
    """How many were claimed by it."""
    return jobs.update(
        status=Status.RUNNING,
        attempts=F("attempts") + 1,
        lease_owner=owner,
        lease_expires_at=Now() + lease_duration(),
    )


def _leased_to(owner: str) -> QuerySet[IngestionJob]:
    """Not by their ids alone: whoever stalls for longer than a lease must not take the next owner's for its own."""
    own = IngestionJob.objects.filter(lease_owner=owner, status=Status.RUNNING)
    return own.select_related("entry", "entry__document", "account")


def lease_duration() -> timedelta:
    return timedelta(seconds=settings.INGESTION["lease_seconds"])


def renew(job: IngestionJob) -> None:
    """Raises LeaseLost when the job is no longer its owner's."""
    if not _own(job).update(lease_expires_at=Now() + lease_duration()):
        raise LeaseLost


def _own(job: IngestionJob):  # type: ignore[no-untyped-def]
    return IngestionJob.objects.filter(
        account_id=job.account_id, id=job.id, status=Status.RUNNING, lease_owner=job.lease_owner
    )


def _let_go(job: IngestionJob, status: IngestionJob.Status, **changes: Any) -> int:
    """End the owner's lease in a state; 0 when it was no longer the owner's."""
    return _own(job).update(status=status, lease_owner="", lease_expires_at=None, **changes)


@contextmanager
def kept(*jobs: IngestionJob) -> Iterator[None]:
    """Renew the leases in a thread of its own for as long as the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(jobs, stop), daemon=True, name="lease")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


def _renew_until(jobs: Sequence[IngestionJob], stop: threading.Event) -> None:
    kept = list(jobs)
    while kept and not stop.wait(settings.INGESTION["lease_seconds"] / 3):
        try:
            kept = [job for job in kept if _renewed(job)]
        except Exception:
            log.warning("the lease of job %s could not be renewed; trying again", kept[0].id, exc_info=True)
        finally:
            connection.close()


def _renewed(job: IngestionJob) -> bool:
    """False where it is done, or somebody else's."""
    try:
        renew(job)
    except LeaseLost:
        return False
    return True


def finish(jobs: Sequence[IngestionJob]) -> set[UUID]:
    """Mark done within the transaction that stores the work. Returns the ids of those that were still their owner's."""
    if not jobs:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            _FINISH, [Status.DONE, jobs[0].account_id, [job.id for job in jobs], Status.RUNNING, jobs[0].lease_owner]
        )
        return {row[0] for row in cursor.fetchall()}


@transaction.atomic
def fail(job: IngestionJob, error: IngestionError) -> None:
    """Give up: the document says why. A job that is somebody else's by now is left alone."""
    if _let_go(job, Status.FAILED, finished_at=Now(), last_error=error.error_code):
        document = Document.objects.filter(account_id=job.account_id, entry_id=job.entry_id)
        document.update(
            status=Document.Status.FAILED,
            error_code=error.error_code,
            error_message=error.message[:500],
            processed_at=Now(),
        )
        if failed := document.select_related("uploaded_by").first():
            news.could_not_read(failed)


def postpone(job: IngestionJob, *, reason: str, provider_at_fault: bool, retry_after: float | None = None) -> None:
    """Try again later, with growing pauses. A provider's fault does not count as an attempt."""
    failures = job.provider_failures if provider_at_fault else job.attempts
    wait = min(SHORTEST_WAIT * 2**failures, LONGEST_WAIT) * random.uniform(0.75, 1.0)  # noqa: S311
    wait = min(max(wait, retry_after or 0.0), 3600.0)
    uncounted = {"attempts": F("attempts") - 1, "provider_failures": F("provider_failures") + 1}
    changes = uncounted if provider_at_fault else {}
    next_attempt = Now() + timedelta(seconds=wait)
    _let_go(job, Status.WAITING, next_attempt_at=next_attempt, last_error=reason[:500], **changes)


def less_served(job_id: UUID) -> UUID | None:
    """A due job of an account that nobody works for, if somebody works for this job's account already.

    So that one account's thousand uploads do not stand before another's one.
    """
    at_work = IngestionJob.objects.filter(status=Status.RUNNING, lease_expires_at__gte=Now())
    if not at_work.filter(account_id__in=IngestionJob.objects.filter(id=job_id).values("account_id")).exists():
        return None
    waiting = IngestionJob.objects.filter(due(), attempts__lt=settings.INGESTION["max_attempts"])
    neglected = waiting.exclude(account_id__in=at_work.values("account_id"))
    return neglected.order_by("next_attempt_at").values_list("id", flat=True).first()


def others_wait(job: IngestionJob) -> bool:
    return IngestionJob.objects.filter(due()).exclude(id=job.id).exists()


def release(job: IngestionJob) -> None:
    """Put the job back at once, uncounted."""
    _let_go(job, Status.WAITING, attempts=F("attempts") - 1, next_attempt_at=Now())


def fail_abandoned(job: IngestionJob) -> None:
    """Give up on a job that ran out of attempts while nobody was there to say why: it killed its workers."""
    IngestionJob.objects.filter(account_id=job.account_id, id=job.id).update(
        status=Status.RUNNING, lease_owner="sweeper", lease_expires_at=Now() + lease_duration()
    )
    job.lease_owner = "sweeper"
    fail(job, IngestionError.of("parser_crashed"))
