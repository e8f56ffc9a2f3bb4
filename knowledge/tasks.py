"""What workers do. Each task is an id and a verb, and safe to run twice, late, or for something that is gone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from doculume import hints
from doculume.errors import Conflict
from knowledge.ingestion import leases, together
from knowledge.ingestion.errors import IngestionError
from knowledge.ingestion.pipeline import ingest
from knowledge.models import IngestionJob, Reindexing
from llm_settings.models import EmbeddingModel
from llm_settings.providers.base import EmbeddingInvalid, ProviderError

log = logging.getLogger(__name__)

SWEEP_LOCK = 0x646F6375  # an advisory lock: of many workers one sweeps
HINTS_A_SWEEP = 100
GIVE_UP_AFTER = timedelta(hours=24)


def hint(job_id: UUID) -> None:
    """Tell a worker that the job is there, once the row is. A hint that gets lost is made up for by `sweep`."""
    hint_all([job_id])


def hint_all(job_ids: Sequence[UUID]) -> None:
    """`hint` at each, by one message: whoever wrote them in one request should not wait for as many of the broker's."""
    if len(job_ids) == 1:
        hints.hint(ingest_entry, str(job_ids[0]))
    elif job_ids:
        hints.hint(pass_on, [str(one) for one in job_ids])


@shared_task
def pass_on(job_ids: list[str]) -> None:
    """A hint at each job, so that every worker gets its share."""
    for job_id in job_ids:
        hint(UUID(job_id))


@shared_task
def ingest_entry(job_id: str) -> None:
    """Do the job, if it is due and nobody else does it; or another that has waited for a worker in vain. Small entries
    like it that wait as well are done along with it."""
    wanted = UUID(job_id)
    if neglected := leases.less_served(wanted):
        hint(wanted)
        wanted = neglected
    job = leases.claim(wanted, leases.owner_name())
    if job is None:
        return
    jobs = [job, *together.alike(job)]
    with leases.kept(*jobs):
        for one in together.ingest(jobs, _settling) if len(jobs) > 1 else jobs:
            with _settling(one):
                ingest(one)


@contextmanager
def _settling(job: IngestionJob) -> Iterator[None]:
    """Whatever goes wrong within it becomes the state of the job."""
    try:
        yield
    except leases.LeaseLost:
        log.info("job %s is no longer ours; its work is thrown away", job.id)
    except leases.GaveWay:
        leases.release(job)
        hint(job.id)
    except IngestionError as error:
        leases.fail(job, error)
    except SoftTimeLimitExceeded:
        leases.fail(job, IngestionError.of("timeout"))
    except ProviderError as error:
        _provider_failed(job, error)
    except Exception as error:
        log.exception("job %s failed", job.id)
        _failed_unexpectedly(job, error)


def _provider_failed(job: IngestionJob, error: ProviderError) -> None:
    code = "embedding_invalid" if isinstance(error, EmbeddingInvalid) else "provider_unavailable"
    if error.permanent or timezone.now() - job.created_at > GIVE_UP_AFTER:
        leases.fail(job, IngestionError.of(code, error.message))
    else:
        leases.postpone(job, reason=error.message, provider_at_fault=True, retry_after=error.retry_after)


def _failed_unexpectedly(job: IngestionJob, error: Exception) -> None:
    if job.attempts >= settings.INGESTION["max_attempts"]:
        leases.fail(job, IngestionError.of("parser_crashed"))
    else:
        leases.postpone(job, reason=type(error).__name__, provider_at_fault=False)


def hint_reindexing(job_id: UUID) -> None:
    """As `hint`, for a re-indexing."""
    hints.hint(reindex, str(job_id))


@shared_task
def reindex(job_id: str) -> None:
    """Take a turn, and make room for others before the next."""
    from knowledge import reindexing

    job = reindexing.take_turn(UUID(job_id))
    if job is not None and job.status == job.Status.WAITING and not job.last_error:
        hint_reindexing(job.id)
    elif job is not None and job.finished_at:
        reindexing.follow_the_accounts()


def hint_import(account_id: int, import_id: UUID) -> None:
    """As `hint`, for an import of entries."""
    hints.hint(import_rows, account_id, str(import_id))


@shared_task
def import_rows(account_id: int, import_id: str) -> None:
    """Take a turn, and make room for others before the next."""
    from knowledge.importing import running

    job = running.take_turn(account_id, UUID(import_id))
    if job is not None and job.status == job.Status.WAITING and not job.attempts:
        hint_import(account_id, job.id)


@shared_task
def sweep_imports() -> None:
    from knowledge.importing import sweeping

    sweeping.sweep()


@shared_task
def sweep() -> None:
    """Hint again at what is due, and fail what ran out of attempts. Of several sweeps at once one does the work."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SWEEP_LOCK])
            if not cursor.fetchone()[0]:
                return
        exhausted = IngestionJob.objects.filter(leases.due(), attempts__gte=settings.INGESTION["max_attempts"])
        for job in exhausted.select_for_update(skip_locked=True)[:HINTS_A_SWEEP]:
            leases.fail_abandoned(job)
        for job in IngestionJob.objects.filter(leases.due()).order_by("next_attempt_at")[:HINTS_A_SWEEP]:
            hint(job.id)
        for waiting in Reindexing.objects.due()[:HINTS_A_SWEEP]:
            hint_reindexing(waiting.id)


@shared_task
def look_over() -> None:
    """Look for whatever breaks an invariant, for the page about the system."""
    from knowledge import looking_over

    looking_over.run()


@shared_task
def move_everybody(model_id: str, most_per_second: int | None = None, accept_regression: bool = False) -> None:
    from knowledge import model_moves

    if model := _model(model_id):
        model_moves.move_everybody(model, most_per_second=most_per_second, accept_regression=accept_regression)


@shared_task
def roll_everybody_back(model_id: str) -> None:
    from knowledge import model_moves

    if model := _model(model_id):
        model_moves.roll_everybody_back(model)


@shared_task
def retire_everywhere(model_id: str) -> None:
    """Nothing happens where the model answers for somebody by now."""
    from knowledge import model_moves

    if model := _model(model_id):
        try:
            model_moves.retire_everywhere(model)
        except Conflict as error:
            log.warning("%s is not retired: %s", model, error.message)


def _model(model_id: str) -> EmbeddingModel | None:
    return EmbeddingModel.objects.filter(id=model_id).first()
