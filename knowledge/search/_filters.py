"""What of an account a search may find, and how much that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import connection

from doculume.postgresql.statements import Statement
from knowledge.search.meta import Bound, MetaFilter, conditions
from knowledge.search.pointers import ANSWERING, answering_for

# Chunks of chosen entries are counted up to this many; above it, all that matters is that there are many.
COUNTED = 50_000
# Collections that hold one part in so many of their account are much of it.
MOST_SHARE = 4

# By language, the most frequent first; in any case a row, for the model that answers.
_SIZES = Statement(f"""
    SELECT answering.model, size.* FROM ({ANSWERING}) AS answering (model) LEFT JOIN (
        SELECT language, sum(chunk_count) AS chunks, sum(chunk_count) FILTER (WHERE is_chosen) AS within,
               sum(term_count) FILTER (WHERE is_chosen) AS terms
        FROM (
            SELECT language, chunk_count, term_count, coalesce(collection_id = ANY(%s::uuid[]), TRUE) AS is_chosen
            FROM knowledge_languagestatistic WHERE account_id = %s AND chunk_count > 0
        ) AS each GROUP BY language
    ) AS size ON TRUE ORDER BY size.chunks DESC, size.language
""")  # noqa: S608
_ENTRY_CHUNKS = """
    SELECT count(*) FROM (
        SELECT 1 FROM knowledge_chunkterms WHERE account_id = %s AND entry_id = ANY(%s) LIMIT %s
    ) AS counted
"""
_ENTRIES_OF_DOCUMENTS = "SELECT entry_id FROM knowledge_document WHERE account_id = %s AND id = ANY(%s)"


Id = str
"""A chunk's or an entry's, as PostgreSQL writes it. Hits are put together and ordered by it, a thousand times a search,
for which UUID objects take ten times as long."""


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """What a search is limited to. An empty tuple does not limit; ids of other accounts match nothing."""

    collection_ids: tuple[UUID, ...] = ()
    document_ids: tuple[UUID, ...] = ()
    entry_ids: tuple[UUID, ...] = ()
    meta: tuple[MetaFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Filters as both legs use them. `entry_ids` is None where entries are not limited."""

    account_id: int
    collection_ids: list[UUID]
    entry_ids: list[UUID] | None
    languages: list[str] = field(default_factory=list)
    """Of the account's chunks, the most frequent first."""
    account_chunks: int = 0
    chunks: int = 0
    """How many chunks of the account are in scope; never less than there are, up to COUNTED."""
    average_length: float = 0.0
    """Of the chunks in the chosen collections, in terms; 0 where not known."""
    entry_filter: Bound | None = None
    """The condition on `entry` that filters on fields make. How much it leaves is not known beforehand: `chunks` is
    what the collections have."""
    is_led: bool = False
    """Whether an index leads to what passes the filters."""
    answering: UUID | None = None
    """The model that the account's questions are embedded by, where there is one; see `pointers.model_of`."""

    @property
    def is_typical(self) -> bool:
        """Whether a plan for no values in particular is good for these. It takes the index of fields, where one of a
        small collection's entries may be the shorter way, and knows nothing of where a range begins and ends."""
        return self.is_led and self.chunks * MOST_SHARE >= self.account_chunks

    def where(self) -> Bound:
        """The condition on a table with the columns account_id, collection_id and entry_id."""
        condition = "account_id = %s"
        bound: list[Any] = [self.account_id]
        if self.collection_ids:
            condition += " AND collection_id = ANY(%s)"
            bound.append(self.collection_ids)
        if self.entry_ids is not None:
            condition += " AND entry_id = ANY(%s)"
            bound.append(self.entry_ids)
        if self.entry_filter is not None:
            # Of conditions in this module and `meta`, with nothing but placeholders in them.
            among = f"SELECT entry.id FROM knowledge_entry AS entry WHERE {self.entry_filter[0]}"  # noqa: S608
            condition += f" AND entry_id IN ({among})"
            bound += self.entry_filter[1]
        return condition, bound


def scope_of(account_id: int, filters: SearchFilters) -> Scope:
    collections, entries = list(filters.collection_ids), _entries(account_id, filters)
    with connection.cursor() as cursor:
        _SIZES.execute(cursor, [*answering_for(account_id), collections or None, account_id])
        rows = cursor.fetchall()
    answering, languages = rows[0][0], [row[1] for row in rows if row[1] is not None]
    total, within, terms = (sum(int(row[column] or 0) for row in rows) for column in (2, 3, 4))
    average = terms / within if within else 0.0
    if entries is not None:
        within = min(within, _chunks_of(account_id, entries))
    scope = Scope(account_id, collections, entries, languages, total, within, average, answering=answering)
    return _filtered(scope, filters.meta) if filters.meta and scope.chunks else scope


def entry_scope(account_id: int, collection_ids: Sequence[UUID], filters: Sequence[MetaFilter]) -> Scope:
    """Entries of these collections that pass the filters on their fields; no collections, no entries."""
    if not collection_ids:
        return replace(scope_of(account_id, SearchFilters()), chunks=0)
    return scope_of(account_id, SearchFilters(tuple(collection_ids), meta=tuple(filters)))


def _filtered(scope: Scope, filters: Sequence[MetaFilter]) -> Scope:
    sql, bound = conditions(filters)
    scope = replace(scope, is_led=any(one.operator in ("eq", "or", "and") for one in filters))
    where = f"entry.account_id = %s AND entry.active_generation > 0 AND {sql}"
    if not scope.collection_ids:
        return replace(scope, entry_filter=(where, [scope.account_id, *bound]))
    where = f"entry.collection_id = ANY(%s) AND {where}"
    return replace(scope, entry_filter=(where, [scope.collection_ids, scope.account_id, *bound]))


def _entries(account_id: int, filters: SearchFilters) -> list[UUID] | None:
    if not filters.document_ids:
        return list(filters.entry_ids) or None
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES_OF_DOCUMENTS, [account_id, list(filters.document_ids)])
        found = [row[0] for row in cursor.fetchall()]
    return [entry for entry in found if not filters.entry_ids or entry in filters.entry_ids]


def _chunks_of(account_id: int, entries: list[UUID]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_ENTRY_CHUNKS, [account_id, entries, COUNTED])
        return int(cursor.fetchone()[0])
