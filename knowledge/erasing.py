"""What this app holds of accounts and people; see `accounts.erasure`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from uuid import UUID

from django.db import models

from accounts.erasure import ROWS, NotYet, delete_some, raw_delete, until_none
from knowledge.models import (
    AccountIndex,
    Chunk,
    ChunkEmbedding,
    ChunkTerms,
    Collection,
    Document,
    EmbeddedText,
    Entry,
    EntryImport,
    EvaluationRun,
    GoldenEntry,
    GoldenQuestion,
    IngestionJob,
    LanguageStatistic,
    RefusedRow,
    Reindexing,
    TermStatistic,
    Word,
)
from knowledge.search import statistics
from knowledge.storage import delete_folder

log = logging.getLogger(__name__)

FILES = 20  # a step
ENTRIES = 500
SEARCHED: tuple[type[models.Model], ...] = (ChunkTerms, ChunkEmbedding, EmbeddedText, Chunk)
JOBS: tuple[type[models.Model], ...] = (IngestionJob, Reindexing, AccountIndex)
GOLDEN: tuple[type[models.Model], ...] = (GoldenEntry, GoldenQuestion, EvaluationRun)
STATISTICS: tuple[type[models.Model], ...] = (LanguageStatistic, TermStatistic, Word)


def of_account(account_id: int) -> Iterator[int]:
    """The jobs first: a worker that has none any more throws its work away."""
    for model in JOBS:
        yield from until_none(lambda model=model: delete_some(model, account_id))  # type: ignore[misc]
    for model in GOLDEN:
        yield from until_none(lambda model=model: delete_some(model, account_id))  # type: ignore[misc]
    for model in SEARCHED:
        yield from until_none(lambda model=model: _delete_searched(model, account_id))  # type: ignore[misc]
    yield from until_none(lambda: delete_some(RefusedRow, account_id))
    yield from _delete_files(EntryImport, account_id)
    yield from _delete_files(Document, account_id)
    yield from until_none(lambda: _delete_entries(account_id))
    for model in STATISTICS:
        yield from until_none(lambda model=model: _delete_searched(model, account_id))  # type: ignore[misc]
    yield from until_none(lambda: delete_some(Collection, account_id))
    delete_folder(f"documents/{account_id}")
    delete_folder(f"imports/{account_id}")


def of_person(user_id: int) -> Iterator[int]:
    """Their documents and imports stay with the account, and forget who brought them."""
    yield from _forget(Document, "uploaded_by", user_id)
    yield from _forget(EntryImport, "made_by", user_id)


def _forget(model: type[models.Model], field: str, user_id: int) -> Iterator[int]:
    theirs = model._default_manager.filter(**{f"{field}_id": user_id})
    while rows := list(theirs.values_list("account_id", "id")[:ROWS]):
        by_account: dict[int, list[UUID]] = {}
        for account_id, ident in rows:
            by_account.setdefault(account_id, []).append(ident)
        for account_id, ids in by_account.items():
            model._default_manager.filter(account_id=account_id, id__in=ids).update(**{field: None})
        yield len(rows)


def _delete_searched(model: type[models.Model], account_id: int) -> int:
    """Rows that ingestion writes and deletes under the lock of the account's statistics. Raises `NotYet` if a worker
    has it: it may be at it for minutes."""
    if not statistics.try_lock(account_id):
        raise NotYet
    return delete_some(model, account_id)


def _delete_files(model: type[Document] | type[EntryImport], account_id: int) -> Iterator[int]:
    """Each file before its row, so that no crash leaves a file that nobody knows of. What the storage does not let
    go stays, row and file, for a later turn."""
    held: list[UUID] = []
    while True:
        rows = model.objects.filter(account_id=account_id).exclude(id__in=held).only("id", "file")
        chosen = list(rows.select_for_update(skip_locked=True)[:FILES])
        if not chosen:
            return
        gone = [row.id for row in chosen if _delete_file(row)]
        held += [row.id for row in chosen if row.id not in gone]
        raw_delete(model.objects.filter(account_id=account_id, id__in=gone))
        yield len(chosen)


def _delete_file(row: Document | EntryImport) -> bool:
    try:
        if row.file:
            row.file.storage.delete(row.file.name or "")
    except Exception:  # whatever a storage raises
        log.exception("the file %s could not be removed and will be tried again", row.file.name)
        return False
    return True


def _delete_entries(account_id: int) -> int:
    """With what a worker that had lost its job left behind. The entry is locked first, as ingestion does."""
    own = Entry.objects.filter(account_id=account_id)
    empty = own.exclude(id__in=Document.objects.filter(account_id=account_id).values("entry_id"))
    ids = list(empty.select_for_update(skip_locked=True).values_list("id", flat=True)[:ENTRIES])
    if not ids:
        return 0
    for model in (IngestionJob, EmbeddedText):
        raw_delete(model.objects.filter(account_id=account_id, entry_id__in=ids))
    return raw_delete(own.filter(id__in=ids))
