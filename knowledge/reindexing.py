"""Moving an account from one embedding model to another while it is searched and written to.

What is stored is embedded by the new model in turns, from the chunks; what is written meanwhile gets vectors of both
(see `knowledge.search.pointers`). When no chunk lacks one, the pointer moves, in a transaction that keeps writers of
the account out for as long as it takes to make sure. The model that answered before is kept up to date, so that the
pointer can move back; `retire` gives its room free.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from accounts.models import Account
from doculume.errors import Conflict
from doculume.ids import new_id
from knowledge.evaluation import Figures, NoGoldenQuestions, evaluate, worse
from knowledge.ingestion import leases
from knowledge.ingestion.pipeline import indexed_texts
from knowledge.models import AccountIndex, Chunk, LanguageStatistic, Reindexing
from knowledge.search import search_entries, statistics
from knowledge.search.indexes import dense
from knowledge.search.pointers import index_models
from knowledge.tasks import hint_reindexing
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.base import Embedder, ProviderError

log = logging.getLogger(__name__)

Status = Reindexing.Status
ModelStatus = EmbeddingModel.Status
BATCH = 64
TURN = timedelta(seconds=45)
LEASE = timedelta(seconds=120)
MOST_FAILURES = 12

# Every chunk of the account, or of one collection of it, that comes after the cursor and has no vector of the model.
_NEXT = """
    SELECT chunk.id FROM knowledge_chunk AS chunk
    WHERE chunk.account_id = %(account)s AND (%(after)s::uuid IS NULL OR chunk.id > %(after)s::uuid)
      AND (%(collection)s::uuid IS NULL OR chunk.collection_id = %(collection)s::uuid)
    ORDER BY chunk.id LIMIT %(most)s
"""
_LACKING = """
    FROM knowledge_chunk AS chunk
    WHERE chunk.account_id = %(account)s
      AND (%(collection)s::uuid IS NULL OR chunk.collection_id = %(collection)s::uuid)
      AND NOT EXISTS (
        SELECT 1 FROM knowledge_chunkembedding AS embedding
        WHERE embedding.account_id = %(account)s AND embedding.chunk_id = chunk.id AND embedding.model_id = %(model)s
      )
"""
_EMBEDDED = """
    SELECT chunk_id FROM knowledge_chunkembedding
    WHERE account_id = %(account)s AND model_id = %(model)s AND chunk_id = ANY(%(chunks)s)
"""
# The chunk is held, so that one which is deleted meanwhile gets no vector.
_ADD = """
    INSERT INTO knowledge_chunkembedding (id, account_id, collection_id, entry_id, chunk_id, model_id, vector)
    SELECT added.id, chunk.account_id, chunk.collection_id, chunk.entry_id, chunk.id, %(model)s, added.vector::halfvec
    FROM unnest(%(ids)s::uuid[], %(chunks)s::uuid[], %(vectors)s::text[]) AS added (id, chunk_id, vector)
    JOIN (
        SELECT * FROM knowledge_chunk WHERE account_id = %(account)s AND id = ANY(%(chunks)s) FOR KEY SHARE
    ) AS chunk ON chunk.id = added.chunk_id
    ON CONFLICT (chunk_id, model_id, account_id) DO NOTHING
"""
_DROP = """
    DELETE FROM knowledge_chunkembedding WHERE account_id = %(account)s AND model_id = %(model)s AND id IN (
        SELECT id FROM knowledge_chunkembedding WHERE account_id = %(account)s AND model_id = %(model)s LIMIT 5000
    )
"""


class AlreadyReindexing(Conflict):
    message = "This account is being moved to a model already. Wait for it, or cancel it."


class NothingToRollBackTo(Conflict):
    message = "No earlier model is kept up to date for this account."


class StandbyIncomplete(Conflict):
    message = "The earlier model lacks vectors of some chunks. Re-index to it instead."


def start(
    account: Account,
    model: EmbeddingModel,
    *,
    collection_id: UUID | None = None,
    most_per_second: int | None = None,
    accept_regression: bool = False,
) -> Reindexing:
    """Queue the account's move to `model`, which is written to from now on. Raises AlreadyReindexing.

    With `collection_id` that collection's missing vectors are made and no pointer moves.
    """
    with transaction.atomic():
        # Writers that have chosen their models already are waited for, and later ones see the new one.
        statistics.lock(account.pk)
        if collection_id is None:
            _write_to(account, model)
        try:
            with transaction.atomic():
                return Reindexing.objects.create(
                    account=account,
                    model=model,
                    collection_id=collection_id,
                    total=_count_chunks(account.pk, collection_id),
                    most_per_second=most_per_second,
                    accept_regression=accept_regression,
                )
        except IntegrityError as error:
            raise AlreadyReindexing from error


def _write_to(account: Account, model: EmbeddingModel) -> None:
    known = index_models(account.pk)
    standby = next((other for other in known.also if other != model), None)
    AccountIndex.objects.update_or_create(
        account=account,
        defaults={
            "answering": known.answering,
            "building": model if model != known.answering else None,
            "standby": standby,
        },
    )


def announce(model: EmbeddingModel) -> None:
    """Accounts without pointers of their own, also those that come, are written by `model` too from now on."""
    EmbeddingModel.objects.filter(id=model.id).exclude(status=EmbeddingModel.Status.ACTIVE).update(
        status=EmbeddingModel.Status.BUILDING
    )


def follow_the_accounts() -> EmbeddingModel | None:
    """When every account answers by one and the same model that is not the deployment's, make it the deployment's.

    Accounts that were made while the others moved are queued first; then this is asked again when they are done.
    """
    building = EmbeddingModel.objects.filter(status__in=[ModelStatus.BUILDING, ModelStatus.STANDBY])
    for model in building:
        if Reindexing.objects.unfinished().filter(model=model).exists():
            continue
        behind = _behind(model)
        if not behind:
            _make_active(model)
            return model
        if model.status == ModelStatus.BUILDING:
            _queue_untried(behind, model)
    return None


def _behind(model: EmbeddingModel) -> list[Account]:
    """Accounts that another model answers for: their own, or where they have none the deployment's."""
    others = AccountIndex.objects.exclude(answering=model).values("account_id")
    own = AccountIndex.objects.values("account_id")
    behind = Q(id__in=others) if EmbeddingModel.objects.active() == model else Q(id__in=others) | ~Q(id__in=own)
    return list(accounts_with_chunks().filter(behind))


def _queue_untried(accounts: Iterable[Account], model: EmbeddingModel) -> None:
    tried = set(Reindexing.objects.filter(model=model).values_list("account_id", flat=True))
    for account in accounts:
        if account.pk in tried:
            continue
        # Another worker that finished at the same time may have queued it.
        with suppress(AlreadyReindexing):
            hint_reindexing(start(account, model).id)


@transaction.atomic
def _make_active(model: EmbeddingModel) -> None:
    EmbeddingModel.objects.filter(status=ModelStatus.ACTIVE).update(status=ModelStatus.STANDBY)
    EmbeddingModel.objects.filter(id=model.id).update(status=ModelStatus.ACTIVE)


def accounts_with_chunks() -> QuerySet[Account]:
    counted = LanguageStatistic.objects.filter(chunk_count__gt=0).values("account_id")
    return Account.objects.filter(deleted_at=None, id__in=counted).order_by("id")


def take_turn(job_id: UUID) -> Reindexing | None:
    """Work on a due row for at most TURN, and give it back; the row as it is then, or None where it was not due."""
    job = _claim(job_id)
    if job is None:
        return None
    try:
        if _embed_for_a_turn(job):
            _complete(job)
        else:
            _let_go(job, status=Status.WAITING, next_turn_at=Now())
    except ProviderError as error:
        _postpone(job, error)
    except leases.LeaseLost:
        log.info("re-indexing %s is somebody else's now", job.id)
    job.refresh_from_db()
    return job


def _claim(job_id: UUID) -> Reindexing | None:
    owner = leases.owner_name()
    due = Reindexing.objects.due().filter(id=job_id)
    if not due.update(status=Status.RUNNING, lease_owner=owner, lease_expires_at=Now() + LEASE):
        return None
    return Reindexing.objects.select_related("account", "model").filter(id=job_id, lease_owner=owner).first()


def _embed_for_a_turn(job: Reindexing) -> bool:
    """Whether the end was reached. Raises ProviderError and leases.LeaseLost."""
    embedder, ends = get_embedder(job.model), time.monotonic() + TURN.total_seconds()
    while time.monotonic() < ends:
        started = time.monotonic()
        chunks = _next_chunks(job)
        if not chunks:
            return True
        _embed(job, embedder, chunks)
        _advance(job, chunks)
        if job.most_per_second:
            time.sleep(max(0.0, len(chunks) / job.most_per_second - (time.monotonic() - started)))
    return False


def _next_chunks(job: Reindexing) -> list[UUID]:
    return _column(_NEXT, _bound(job) | {"after": job.cursor, "most": BATCH})


def _embed(job: Reindexing, embedder: Embedder, chunks: list[UUID]) -> None:
    done = set(_column(_EMBEDDED, _bound(job) | {"chunks": chunks}))
    texts = indexed_texts(job.account_id, [chunk for chunk in chunks if chunk not in done])
    if not texts:
        return
    vectors = embedder.embed_passages(list(texts.values()))
    added = {
        "ids": [new_id() for _ in texts],
        "chunks": list(texts),
        "vectors": [dense(vector) for vector in vectors],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, _bound(job) | added)


def _advance(job: Reindexing, chunks: list[UUID]) -> None:
    """Raises LeaseLost when somebody else has the row or it was cancelled."""
    job.cursor = chunks[-1]
    changes = {"cursor": job.cursor, "done": F("done") + len(chunks), "failures": 0, "last_error": ""}
    if not _own(job).update(lease_expires_at=Now() + LEASE, **changes):
        raise leases.LeaseLost


def _complete(job: Reindexing) -> None:
    """Move the pointer, unless the new model answers the account's golden questions worse, or chunks were missed:
    then from the beginning again, past what is there."""
    if job.collection_id is None and (lost := _lost(job)):
        _let_go(job, status=Status.REFUSED, finished_at=Now(), last_error="; ".join(lost)[:500])
        return
    with transaction.atomic():
        statistics.lock(job.account_id)
        if _is_lacking(job):
            _let_go(job, status=Status.WAITING, cursor=None, next_turn_at=Now())
            return
        if not _let_go(job, status=Status.DONE, finished_at=Now()):
            raise leases.LeaseLost
        if job.collection_id is None:
            _move_pointer(job.account_id, job.model)


def _lost(job: Reindexing) -> list[str]:
    """What the account's golden set would lose by the move, in words; the figures are kept with the row."""
    before = index_models(job.account_id).answering
    if before == job.model or _is_lacking(job):
        return []
    try:
        old, new = (
            evaluate(job.account, model=model, search=partial(search_entries, model=model))
            for model in (before, job.model)
        )
    except NoGoldenQuestions:
        return []
    _own(job).update(figures={"before": _summary(old), "after": _summary(new)}, lease_expires_at=Now() + LEASE)
    return [] if job.accept_regression else worse(old, new)


def _summary(figures: Figures) -> dict[str, float]:
    return {name: round(getattr(figures, name), 4) for name in ("questions", "ndcg", "recall", "mrr")}


def _move_pointer(account_id: int, model: EmbeddingModel) -> None:
    own = AccountIndex.objects.select_for_update().get(account_id=account_id)
    if own.answering_id != model.id:
        own.standby, own.answering = own.answering, model
    own.building = None
    own.save()


def roll_back(account: Account) -> EmbeddingModel:
    """Move the pointer back to the model that answered before. Raises NothingToRollBackTo or StandbyIncomplete."""
    with transaction.atomic():
        statistics.lock(account.pk)
        held = AccountIndex.objects.select_for_update(of=("self",)).filter(account=account)
        own = held.select_related("standby").first()
        if own is None or own.standby is None:
            raise NothingToRollBackTo
        if lacking(account.pk, own.standby):
            raise StandbyIncomplete
        own.answering, own.standby = own.standby, own.answering
        own.save()
        return own.answering


def cancel(account: Account) -> int:
    """Stop the account's move; what was embedded stays until `retire`. How many were stopped."""
    with transaction.atomic():
        statistics.lock(account.pk)
        AccountIndex.objects.filter(account=account).update(building=None)
        running = Reindexing.objects.unfinished().filter(account=account)
        return running.update(status=Status.CANCELLED, finished_at=Now(), lease_owner="", lease_expires_at=None)


def retire(account: Account, say: Callable[[int], None] = lambda count: None) -> int:
    """Delete the account's vectors of every model that does not answer, in batches. How many there were."""
    with transaction.atomic():
        statistics.lock(account.pk)
        if Reindexing.objects.unfinished().filter(account=account).exists():
            raise AlreadyReindexing
        AccountIndex.objects.filter(account=account).update(standby=None, building=None)
        keep = index_models(account.pk)
    deleted = 0
    for model in EmbeddingModel.objects.exclude(id__in=[model.id for model in keep.all]):
        deleted += drop_vectors_of(account, model, partial(_after, say, deleted))
    return deleted


def _after(say: Callable[[int], None], before: int, count: int) -> None:
    say(before + count)


def drop_vectors_of(account: Account, model: EmbeddingModel, say: Callable[[int], None] = lambda count: None) -> int:
    """Delete the account's vectors of the model, in batches, whatever they are still for. How many there were."""
    deleted = 0
    while batch := _execute(_DROP, {"account": account.pk, "model": model.id}):
        deleted += batch
        say(deleted)
    return deleted


def lacking(account_id: int, model: EmbeddingModel, collection_id: UUID | None = None) -> int:
    """How many chunks have no vector of the model."""
    bound = {"account": account_id, "model": model.id, "collection": collection_id}
    return int(_column(f"SELECT count(*) {_LACKING}", bound)[0])


def _is_lacking(job: Reindexing) -> bool:
    """Whether a chunk has no vector of the job's model; stops at the first."""
    return bool(_column(f"SELECT 1 {_LACKING} LIMIT 1", _bound(job)))


def _postpone(job: Reindexing, error: ProviderError) -> None:
    log.warning("re-indexing %s waits: %s", job.id, error.message)
    if error.permanent or job.failures + 1 >= MOST_FAILURES:
        _let_go(job, status=Status.FAILED, finished_at=Now(), last_error=error.message[:500])
        return
    wait = min(15.0 * 2**job.failures, 3600.0)
    wait = min(max(wait, error.retry_after or 0.0), 3600.0)
    _let_go(
        job,
        status=Status.WAITING,
        failures=F("failures") + 1,
        next_turn_at=Now() + timedelta(seconds=wait),
        last_error=error.message[:500],
    )


def _own(job: Reindexing) -> Any:
    own = Reindexing.objects.filter(account_id=job.account_id, id=job.id, lease_owner=job.lease_owner)
    return own.filter(status=Status.RUNNING)


def _let_go(job: Reindexing, **changes: Any) -> int:
    return int(_own(job).update(lease_owner="", lease_expires_at=None, **changes))


def _bound(job: Reindexing) -> dict[str, Any]:
    return {"account": job.account_id, "model": job.model_id, "collection": job.collection_id}


def _count_chunks(account_id: int, collection_id: UUID | None) -> int:
    chunks = Chunk.objects.filter(account_id=account_id)
    return (chunks.filter(collection_id=collection_id) if collection_id else chunks).count()


def _column(statement: str, bound: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, bound)
        return [row[0] for row in cursor.fetchall()]


def _execute(statement: str, bound: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, bound)
        return cursor.rowcount
