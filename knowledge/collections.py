"""Deleting a collection: everything in it goes with it, in statements for all of it at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.erasure import raw_delete
from accounts.models import Account
from accounts.usage import give_back
from doculume.errors import NotFound
from knowledge.models import Collection, Document, EntryImport, RefusedRow
from knowledge.removing import remove_rows

log = logging.getLogger(__name__)

_ENTRIES = """
    SELECT id, octet_length(raw_text) FROM knowledge_entry
    WHERE account_id = %s AND collection_id = %s ORDER BY id FOR UPDATE
"""


@transaction.atomic
def delete(account: Account, collection_id: UUID) -> None:
    """The collection, its entries and documents are gone when this returns; their files are removed after it.

    Waits for whoever is writing into the collection, and from then on meets nobody: they hold it first. Raises
    NotFound.
    """
    with connection.cursor() as cursor:
        # So many rows that the usual limit may be too short.
        cursor.execute("SET LOCAL statement_timeout = 0")
        own = Collection.objects.for_account(account).filter(id=collection_id)
        if own.select_for_update().first() is None:
            raise NotFound
        cursor.execute(_ENTRIES, [account.pk, collection_id])
        sizes = dict(cursor.fetchall())
        files = _files(account, collection_id)
        remove_rows(account.pk, list(sizes))
        bound: list[Any] = [account.pk, collection_id]
        cursor.execute("DELETE FROM knowledge_languagestatistic WHERE account_id = %s AND collection_id = %s", bound)
        files += [(name, 0) for name in _remove_imports(account, collection_id)]
        cursor.execute("DELETE FROM knowledge_collection WHERE account_id = %s AND id = %s", bound)
    give_back(account.pk, entries=len(sizes), stored_bytes=sum(sizes.values()) + sum(size for _, size in files))
    transaction.on_commit(partial(_remove_files, [name for name, _ in files]))


def _remove_imports(account: Account, collection_id: UUID) -> list[str]:
    """The names of the files that they leave. A worker that was at one finds that it is gone."""
    imports = EntryImport.objects.for_account(account).filter(collection_id=collection_id)
    refused = RefusedRow.objects.for_account(account).filter(entry_import__account=account)
    refused.filter(entry_import__collection_id=collection_id).delete()
    names = [name for name in imports.values_list("file", flat=True) if name]
    raw_delete(imports)
    return names


def _files(account: Account, collection_id: UUID) -> list[tuple[str, int]]:
    """The names and sizes of the documents' files."""
    documents = Document.objects.for_account(account).filter(entry__account=account, entry__collection_id=collection_id)
    return list(documents.values_list("file", "file_size"))


def _remove_files(names: Sequence[str]) -> None:
    storage = Document._meta.get_field("file").storage
    for name in names:
        try:
            storage.delete(name)
        except OSError:
            log.exception("the file %s of a deleted collection could not be removed", name)
