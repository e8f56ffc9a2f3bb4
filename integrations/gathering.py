"""What an integration has to say about a query: the entries that fit it, and the passages of them that answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.models import Account
from chat.relevance import NOTHING, Found, retrieve
from integrations.models import Integration
from knowledge.search import EntryHit, MetaFilter, SearchFilters, search_entries

ENTRIES = 10
PASSAGES = 8
SENTENCES = 5  # of a summary in the sources' own words
# No collection has it. An integration whose collections are all gone finds nothing, and an empty filter everything.
NOWHERE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Gathered:
    entries: list[EntryHit]
    found: Found


def filters_for(integration: Integration, meta: Sequence[MetaFilter] = ()) -> SearchFilters:
    return SearchFilters(collection_ids=tuple(integration.collection_ids) or (NOWHERE,), meta=tuple(meta))


def gather(
    account: Account, integration: Integration, query: str, *, threshold: float, meta: Sequence[MetaFilter]
) -> Gathered:
    """Passages only of the entries that pass the threshold and the filters. Raises ProviderError, UnusableRange."""
    entries = search_entries(
        account,
        query,
        collection_ids=integration.collection_ids,
        meta=meta,
        threshold=threshold,
        per_page=ENTRIES,
    ).hits
    if not entries:
        return Gathered([], NOTHING)
    ids = tuple(entry.entry_id for entry in entries)
    filters = SearchFilters(filters_for(integration).collection_ids, entry_ids=ids if meta else ())
    found = retrieve(account, query, PASSAGES, filters, among=ids, sentences=SENTENCES)
    return Gathered(entries, found)
