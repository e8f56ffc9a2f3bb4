"""Adding, changing and deleting entries: the row, its job and what the plan counts of it belong together.

Whatever changes what is indexed of an entry (INDEXED) makes a new generation of it and queues the embedding of that
one; older work is taken off the queue. The old generation goes on answering until the new one is stored.

Locks are taken in this order, here and wherever else entries are written: the collection (held, or for update by
whoever deletes it), entries (several by their source), their jobs, the account's statistics, the account's usage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from accounts.models import Account
from accounts.usage import charge, give_back
from doculume.errors import InvalidRequest, NotFound
from doculume.ids import new_id
from knowledge import uploads
from knowledge.models import Collection, Document, Entry
from knowledge.removing import remove_rows
from knowledge.tasks import hint_all

Fields = Mapping[str, Any]
"""What was sent of an entry, by the names of its columns. A field that is not in it was not sent."""

INDEXED = ("title", "raw_text", "searchable_meta")
TEXTS = ("source_type", "source_id", "source_url", "title", "raw_text")
# What the machine makes of an entry, and what it begins with is the model's to say.
UNSENT = ("text", "read_title", "language", "active_generation", "chunk_count")
OF_A_FILE = ("raw_text", "source_type", "source_id")
MOST_IN_A_BATCH = 50


class SourceTaken(InvalidRequest):
    """Another entry of the collection has this source."""

    def __init__(self) -> None:
        super().__init__(details={"source_id": ["An entry with this source_type and source_id exists already."]})


class FromFile(InvalidRequest):
    """The entry is an uploaded document's: its text and its source are not to be changed."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(details={name: ["This entry is an uploaded document; upload it anew."] for name in names})


@dataclass(frozen=True, slots=True)
class Upserted:
    """The entries' ids as their contents were sent; those in `created` are new."""

    ids: list[UUID]
    created: frozenset[UUID]


@transaction.atomic
def add(account: Account, collection: Collection, sent: Fields) -> Entry:
    """Raises SourceTaken, NotFound for a collection that is gone, QuotaExceeded."""
    Collection.objects.hold(account.pk, collection.id)
    entry = Entry(account=account, collection_id=collection.id, **sent)
    with _source_free():
        entry.save(force_insert=True)
    queue(account.pk, {entry.id: entry.generation})
    _count(account, entries=1, grown=_size(entry))
    return entry


@transaction.atomic
def update(account: Account, entry: Entry, sent: Fields) -> Entry:
    """Change the fields that were sent. Raises SourceTaken, FromFile, QuotaExceeded, NotFound if it is gone."""
    Collection.objects.hold(account.pk, entry.collection_id)
    entry = _locked(account, entry.id)
    document = Document.objects.for_account(account).filter(entry_id=entry.id)
    refused = [name for name in OF_A_FILE if name in sent and sent[name] != getattr(entry, name)]
    if refused and document.exists():
        raise FromFile(refused)
    before, size = [getattr(entry, name) for name in INDEXED], _size(entry)
    for name, value in sent.items():
        setattr(entry, name, value)
    if before != [getattr(entry, name) for name in INDEXED]:
        entry.generation += 1
    row = Entry.objects.for_account(account).filter(id=entry.id)
    with _source_free():
        row.update(**sent, generation=entry.generation, updated_at=timezone.now())
    if "meta" in sent:
        document.update(meta=entry.meta)
    if entry.generation > entry.active_generation:
        queue(account.pk, {entry.id: entry.generation})
    _count(account, grown=_size(entry) - size)
    return entry


def upsert(account: Account, collection: Collection, sent: Fields) -> tuple[UUID, bool]:
    """The id of the entry with the source that was sent, and whether it is new. Raises as `upsert_batch`."""
    outcome = upsert_batch(account, collection, [sent])
    return outcome.ids[0], bool(outcome.created)


@transaction.atomic
def upsert_batch(account: Account, collection: Collection, batch: Sequence[Fields]) -> Upserted:
    """Write entries by their sources, each of which is in the batch once: all of them or none.

    Every key is written by one atomic statement, whoever else writes it; of what several send, the last one's stands.
    Raises FromFile, QuotaExceeded, and NotFound for a collection that is gone.
    """
    Collection.objects.hold(account.pk, collection.id)
    rows = _written(account.pk, collection.id, batch)
    made = [row.id for row in rows.values() if row.is_new]
    _refuse_documents(account, [row for row in rows.values() if not row.is_new])
    queue(account.pk, {row.id: row.generation for row in rows.values() if row.generation > row.active_generation})
    _count(account, entries=len(made), grown=sum(row.growth for row in rows.values()))
    return Upserted([rows[_source(sent)].id for sent in batch], frozenset(made))


@transaction.atomic
def delete(account: Account, entry: Entry) -> None:
    """The entry is gone from the next search. An uploaded document's goes with its document and file."""
    document = Document.objects.for_account(account).filter(entry_id=entry.id).first()
    if document is not None:
        uploads.delete(document)
        return
    Collection.objects.hold(account.pk, entry.collection_id)
    size = _size(_locked(account, entry.id))
    remove_rows(account.pk, [entry.id])
    give_back(account.pk, entries=1, stored_bytes=size)


def delete_by_source(account: Account, collection: Collection, source_type: str, source_id: str) -> None:
    """Raises NotFound."""
    # No text in the database holds a NUL.
    known = "\0" not in source_type + source_id
    found = Entry.objects.for_account(account).filter(
        collection_id=collection.id, source_type=source_type, source_id=source_id
    )
    entry = found.only("id", "account_id", "collection_id").first() if known else None
    if entry is None:
        raise NotFound
    delete(account, entry)


def queue(account_id: int, generations: Mapping[UUID, int]) -> None:
    """Have these generations of entries embedded, and no older one any more. The entries' rows are locked.

    A generation whose embedding was given up is tried again.
    """
    if not generations:
        return
    entries, numbers = list(generations), list(generations.values())
    ids = [new_id() for _ in entries]
    bound: dict[str, Any] = {"account": account_id, "entries": entries, "generations": numbers, "ids": ids}
    with connection.cursor() as cursor:
        if max(numbers) > 1:
            cursor.execute(_FORGET_OLDER_JOBS, bound)
        cursor.execute(_QUEUE_JOBS, bound)
        jobs = [row[0] for row in cursor.fetchall()]
    hint_all(jobs)


def _locked(account: Account, entry_id: UUID) -> Entry:
    entry = Entry.objects.for_account(account).select_for_update().defer("text").filter(id=entry_id).first()
    if entry is None:
        raise NotFound
    return entry


@contextmanager
def _source_free() -> Iterator[None]:
    """Raises SourceTaken where what is written has another entry's source."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "entry_source_once" in str(error):
            raise SourceTaken from error
        raise


def _size(entry: Entry) -> int:
    return len(entry.raw_text.encode())


def _count(account: Account, *, entries: int = 0, grown: int = 0) -> None:
    if entries or grown > 0:
        charge(account, entries=entries, stored_bytes=max(grown, 0))
    if grown < 0:
        give_back(account.pk, stored_bytes=-grown)


Source = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    generation: int
    active_generation: int
    growth: int
    is_new: bool


def _source(sent: Fields) -> Source:
    return sent["source_type"], sent["source_id"]


def _written(account_id: int, collection_id: UUID, batch: Sequence[Fields]) -> dict[Source, _Row]:
    ids = [new_id() for _ in batch]
    metas = {name: [_json(sent.get(name)) for sent in batch] for name in ("meta", "searchable_meta")}
    texts = {
        name: [sent.get(name) for sent in batch]
        for name in ("source_type", "source_id", "source_url", "title", "raw_text")
    }
    bound: dict[str, Any] = {"account": account_id, "collection": collection_id, "now": timezone.now(), "ids": ids}
    bound |= texts | metas
    others = {str(field.column): field.get_default() for field in Entry._meta.concrete_fields if field.name in UNSENT}
    sql = _UPSERT.format(others=", ".join(others), defaults=", ".join(f"%({name})s" for name in others))
    with connection.cursor() as cursor:
        cursor.execute(sql, bound | others)
        rows = cursor.fetchall()
    fresh = frozenset(ids)
    return {(row[0], row[1]): _Row(row[2], row[3], row[4], row[5], row[2] in fresh) for row in rows}


def _json(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def _refuse_documents(account: Account, rows: Sequence[_Row]) -> None:
    documents = Document.objects.for_account(account).filter(entry_id__in=[row.id for row in rows])
    if rows and documents.exists():
        raise FromFile(["source_id"])


# A field that was not sent is NULL in `sent`. Sources are written in one order, so that two batches of the same ones
# wait for each other, and never both.
_UPSERT = """
    WITH sent AS MATERIALIZED (
        SELECT * FROM unnest(
            %(ids)s::uuid[], %(source_type)s::text[], %(source_id)s::text[], %(source_url)s::text[],
            %(title)s::text[], %(raw_text)s::text[], %(meta)s::jsonb[], %(searchable_meta)s::jsonb[]
        ) AS sent (id, source_type, source_id, source_url, title, raw_text, meta, searchable_meta)
    )
    INSERT INTO knowledge_entry AS entry (
        id, account_id, collection_id, source_type, source_id, source_url, title, raw_text, meta, searchable_meta,
        generation, growth, created_at, updated_at, {others}
    )
    SELECT id, %(account)s, %(collection)s, source_type, source_id, coalesce(source_url, ''), coalesce(title, ''),
           raw_text, coalesce(meta, '{{}}'), coalesce(searchable_meta, '{{}}'),
           1, octet_length(raw_text), %(now)s, %(now)s, {defaults}
    FROM sent
    ORDER BY source_type COLLATE "C", source_id COLLATE "C"
    ON CONFLICT (account_id, collection_id, source_type, source_id) DO UPDATE
    SET (source_url, title, raw_text, meta, searchable_meta, generation, growth, updated_at) = (
        SELECT coalesce(sent.source_url, entry.source_url),
               coalesce(sent.title, entry.title),
               sent.raw_text,
               coalesce(sent.meta, entry.meta),
               coalesce(sent.searchable_meta, entry.searchable_meta),
               entry.generation + CASE
                   WHEN sent.raw_text <> entry.raw_text OR sent.title <> entry.title
                     OR sent.searchable_meta <> entry.searchable_meta
                   THEN 1 ELSE 0 END,
               octet_length(sent.raw_text) - octet_length(entry.raw_text),
               excluded.updated_at
        FROM sent WHERE sent.id = excluded.id
    )
    RETURNING source_type, source_id, id, generation, active_generation, growth
"""
# Not by a join: while statistics know of no jobs, as when an account's first queue grows, a join would read them all.
_FORGET_OLDER_JOBS = """
    DELETE FROM knowledge_ingestionjob AS job
    WHERE job.account_id = %(account)s AND job.entry_id = ANY(%(entries)s)
      AND job.generation < (%(generations)s::int[])[array_position(%(entries)s::uuid[], job.entry_id)]
"""
_QUEUE_JOBS = """
    INSERT INTO knowledge_ingestionjob AS job (
        id, account_id, entry_id, generation, status, attempts, provider_failures, lease_owner, last_error,
        next_attempt_at, created_at
    )
    SELECT id, %(account)s, entry_id, generation, 'waiting', 0, 0, '', '', now(), now()
    FROM unnest(%(ids)s::uuid[], %(entries)s::uuid[], %(generations)s::int[]) AS wanted (id, entry_id, generation)
    ON CONFLICT (account_id, entry_id, generation) DO UPDATE
    SET status = excluded.status, attempts = 0, provider_failures = 0, last_error = '', finished_at = NULL,
        next_attempt_at = excluded.next_attempt_at, created_at = excluded.created_at
    WHERE job.status = 'failed'
    RETURNING id
"""
