"""Several small entries at a time: what takes a statement or a call for each of them takes one for all.

Whatever cannot go with the others is left to be done by itself, by the stages of `pipeline`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from uuid import UUID

from django.db import DatabaseError, IntegrityError, transaction

from doculume.errors import NotFound
from knowledge.ingestion import leases, pipeline
from knowledge.ingestion.pipeline import EMBED_BATCH, Work
from knowledge.models import IngestionJob
from knowledge.search.pointers import IndexModels, index_models
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder
from llm_settings.providers.base import ProviderError, Vectors

log = logging.getLogger(__name__)

MOST = 32
LONGEST = 4_000  # bytes of text
Settling = Callable[[IngestionJob], AbstractContextManager[None]]


def alike(job: IngestionJob) -> list[IngestionJob]:
    """Other claimed jobs that may go with this one."""
    if job.attempts > 1 or getattr(job.entry, "document", None) is not None:
        return []
    return leases.claim_alike(job, MOST - 1, LONGEST)


def ingest(jobs: Sequence[IngestionJob], settling: Settling) -> list[IngestionJob]:
    """Take claimed jobs of one collection through all stages. `settling`: the context in which a job's failure becomes
    its state. Returns those that have to be done by themselves."""
    models = index_models(jobs[0].account_id)
    works: list[Work] = []
    with ExitStack() as resources:
        for job in jobs:
            with settling(job):
                works.append(_read(job, models, resources))
        try:
            _embed(works, models)
        except ProviderError as error:
            if not error.permanent:
                for work in works:
                    with settling(work.job):
                        raise error
                return []
            log.warning("%s entries are embedded one by one: %s", len(works), error.message)
            return [work.job for work in works]
        stored = _store(works) if works else set()
    return [work.job for work in works if work.job.id not in stored]


def _read(job: IngestionJob, models: IndexModels, resources: ExitStack) -> Work:
    work = pipeline.begun(job, models, resources)
    pipeline.parse(work)
    pipeline.chunk(work)
    return work


def _embed(works: Sequence[Work], models: IndexModels) -> None:
    """As `pipeline.embed`; what was paid for is asked of those only that have been read before."""
    for model in models.all:
        try:
            _embed_by(works, model)
        except ProviderError as error:
            if model == models.answering:
                raise
            log.warning("%s entries have no vectors of %s for now: %s", len(works), model, error.message)


def _embed_by(works: Sequence[Work], model: EmbeddingModel) -> None:
    by_digest = {digest: text for work in works for digest, text in zip(work.digests, work.texts, strict=True)}
    known: dict[str, Vectors] = {}
    for work in works:
        if work.job.generation > 1 or work.job.provider_failures:
            known |= pipeline.paid_for(work, model, set(work.digests))
    missing = [digest for digest in by_digest if digest not in known]
    embedder = get_embedder(model)
    for start in range(0, len(missing), EMBED_BATCH):
        batch = missing[start : start + EMBED_BATCH]
        paid = dict(zip(batch, embedder.embed_passages([by_digest[digest] for digest in batch]), strict=True))
        with suppress(IntegrityError):  # one of the entries was deleted meanwhile
            pipeline.keep_paid(works, model, paid)
        known |= paid
    for work in works:
        work.vectors[model] = pipeline.stacked([known[digest] for digest in work.digests], model)


def _store(works: Sequence[Work]) -> set[UUID]:
    """The ids of the jobs that are done by it."""
    try:
        with transaction.atomic():
            entries = pipeline.locked(works, skip=True)
            pairs = [(work, entries[work.job.entry_id]) for work in works if work.job.entry_id in entries]
            pairs = [
                (work, entry)
                for work, entry in pairs
                if entry.generation == work.job.generation and entry.collection_id == work.entry.collection_id
            ]
            return pipeline.store_locked(pairs) if pairs else set()
    except (NotFound, leases.GaveWay):
        return set()
    except DatabaseError:
        log.warning("%s entries are stored one by one", len(works), exc_info=True)
        return set()
