"""Entries as the last stage of ingestion leaves them: stored, embedded by the real model and indexed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.db import transaction

from accounts.models import Account
from knowledge.models import Chunk, Collection, Entry
from knowledge.search.indexes import Written, index_entries, unindex_entry
from llm_settings.models import EmbeddingModel
from llm_settings.providers import get_embedder


def add_entry(
    account: Account,
    *texts: str,
    title: str = "",
    language: str = "en",
    collection: Collection | None = None,
    vectors: np.ndarray | None = None,
) -> Entry:
    """An entry with a chunk a text; `vectors` instead of the model's, where a test needs to place them."""
    collection = collection or Collection.objects.default_of(account)
    entry = Entry(account=account, collection=collection, source_type="test", title=title, language=language)
    entry.source_id = str(entry.id)
    with transaction.atomic():
        entry.save()
        write_chunks(entry, texts, vectors)
    return entry


@transaction.atomic
def write_chunks(entry: Entry, texts: Sequence[str], vectors: np.ndarray | None = None) -> list[Chunk]:
    """Replace what the entry has by a chunk a text, as its next generation."""
    Entry.objects.select_for_update().get(id=entry.id)
    unindex_entry(entry.account_id, entry.id)
    entry.active_generation += 1
    entry.text = "\n".join(texts)
    entry.save(update_fields=["active_generation", "text"])
    chunks, start = [], 0
    for position, text in enumerate(texts):
        chunks.append(
            Chunk(
                account_id=entry.account_id,
                collection_id=entry.collection_id,
                entry=entry,
                generation=entry.active_generation,
                position=position,
                text=text,
                start=start,
                end=start + len(text),
                token_count=len(text.split()),
            )
        )
        start += len(text) + 1
    Chunk.objects.bulk_create(chunks)
    model = EmbeddingModel.objects.active()
    embedded = [f"{entry.title}\n{text}".strip() for text in texts]
    vectors = get_embedder(model).embed_passages(embedded) if vectors is None else vectors
    index_entries(entry.account_id, [Written(entry, chunks, embedded, {model: vectors})])
    return chunks
