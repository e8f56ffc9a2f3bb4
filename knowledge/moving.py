"""Moving documents from one collection to another: found there from the next search on, embedded no second time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_noop as _

from accounts.models import Account
from doculume.errors import Conflict
from knowledge.models import Collection, Document, Entry
from knowledge.search.indexes import move_entries

# Each chunk's vector is written into its index anew: so many in one request are a few seconds.
MOST_CHUNKS = 5000


class SourceInUse(Conflict):
    message = _("The other collection has an entry with the same id.")


@dataclass(frozen=True, slots=True)
class Moved:
    """How many documents were moved, and how many are still to be: there were too many for one request."""

    count: int
    left: int


def move(account: Account, document_ids: Sequence[UUID], collection_id: UUID) -> Moved:
    """Documents of the account, to a collection of the account. Raises NotFound for one that is not there, and
    SourceInUse where a program has made an entry there in a document's name.

    Each moves by itself, whole. What is just being read is stored where it belongs by then.
    """
    documents = Document.objects.for_account(account).filter(id__in=document_ids).exclude(collection_id=collection_id)
    found = list(documents.values_list("id", "collection_id", "chunk_count"))
    moved = chunks = 0
    for document_id, source, count in found:
        if chunks and chunks + count > MOST_CHUNKS:
            break
        chunks += count
        moved += _move(account, document_id, source, collection_id)
    return Moved(moved, len(found) - moved)


@transaction.atomic
def _move(account: Account, document_id: UUID, source: UUID, target: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    # Always in one order, so that two who move to and fro wait for each other and never both.
    for collection_id in sorted((source, target)):
        Collection.objects.hold(account.pk, collection_id)
    document = Document.objects.for_account(account).filter(id=document_id, collection_id=source)
    entry_id = document.values_list("entry_id", flat=True).first()
    if entry_id is None:
        return 0
    entry = Entry.objects.for_account(account).filter(id=entry_id, collection_id=source)
    if entry.select_for_update().values_list("id").first() is None:
        return 0
    try:
        entry.update(collection_id=target)
    except IntegrityError as error:
        raise SourceInUse from error
    document.update(collection_id=target)
    move_entries(account.pk, [entry_id], target)
    return 1
