"""Deleting entries with all that hangs on them, whatever they came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from knowledge.search.indexes import unindex_entries


def remove_rows(account_id: int, entry_ids: Sequence[UUID]) -> None:
    """Delete entries with all that hangs on them, in statements for all of them at once.

    The entries' rows are locked. Documents' files, and what the plan counts of it all, are the caller's to see to.
    """
    bound: list[Any] = [account_id, list(entry_ids)]
    with connection.cursor() as cursor:
        # The jobs before the documents, as a worker that fails one locks them.
        cursor.execute("DELETE FROM knowledge_ingestionjob WHERE account_id = %s AND entry_id = ANY(%s)", bound)
        cursor.execute("DELETE FROM knowledge_document WHERE account_id = %s AND entry_id = ANY(%s)", bound)
        unindex_entries(account_id, entry_ids)
        cursor.execute("DELETE FROM knowledge_embeddedtext WHERE account_id = %s AND entry_id = ANY(%s)", bound)
        cursor.execute("DELETE FROM knowledge_entry WHERE account_id = %s AND id = ANY(%s)", bound)
