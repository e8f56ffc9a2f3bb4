"""Trying again what could not be read: entries and documents, one or many by the same statements."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from doculume.errors import Conflict
from knowledge.models import Document, Entry, IngestionJob
from knowledge.tasks import hint_all

MOST_AT_ONCE = 1000


@transaction.atomic
def retry(account_id: int, entry_ids: Sequence[UUID]) -> int:
    """Queue those of the entries anew whose reading was given up; how many there were. Others are left alone."""
    # The entries first, as whoever deletes them locks them; then the jobs before the documents, as whoever fails one.
    list(_of_account(account_id).filter(id__in=entry_ids).select_for_update().values_list("id").order_by("id"))
    failed = given_up(account_id).filter(entry_id__in=entry_ids)
    found = list(failed.select_for_update(of=("self",)).values_list("id", "entry_id"))
    again(IngestionJob.objects.filter(account_id=account_id, id__in=[job for job, _ in found]))
    documents = Document.objects.filter(account_id=account_id, entry_id__in=[entry for _, entry in found])
    documents.filter(status=Document.Status.FAILED).update(
        status=Document.Status.PENDING, progress=0.0, error_code="", error_message="", processed_at=None
    )
    hint_all([job for job, _ in found])
    return len(found)


def retry_one(account_id: int, entry_id: UUID) -> None:
    """Raises Conflict for an entry that was not given up."""
    if not retry(account_id, [entry_id]):
        raise Conflict("Only what could not be read can be tried again.")


def retry_collection(account_id: int, collection_id: UUID) -> int:
    """What was given up in a collection, as much as is sensible in one request; how many that were."""
    failed = given_up(account_id).filter(entry__collection_id=collection_id)
    return retry(account_id, list(failed.values_list("entry_id", flat=True)[:MOST_AT_ONCE]))


def given_up(account_id: int) -> QuerySet[IngestionJob]:
    """Jobs that failed, for what their entries hold now."""
    failed = IngestionJob.objects.filter(account_id=account_id, status=IngestionJob.Status.FAILED)
    return failed.filter(entry__account_id=account_id, generation=F("entry__generation"))


def again(jobs: QuerySet[IngestionJob]) -> None:
    """Due from now on, also for how long a provider is waited for."""
    jobs.update(
        status=IngestionJob.Status.WAITING,
        attempts=0,
        provider_failures=0,
        finished_at=None,
        last_error="",
        next_attempt_at=Now(),
        created_at=Now(),
    )


def _of_account(account_id: int) -> QuerySet[Entry]:
    return Entry.objects.filter(account_id=account_id)
