"""What accounts truly hold, against what was counted as it came and went; see `accounts.usage` for what counts."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction
from django.dispatch import Signal

from accounts.models import StoredUsage

# Answered with the bytes that an app above holds of `account_id`.
bytes_held = Signal()


@dataclass(frozen=True, slots=True)
class Held:
    entries: int
    stored_bytes: int


@transaction.atomic
def recount(account_id: int) -> tuple[Held, Held]:
    """Set the count right. Returns what was counted before and what there is.

    Exact also while others add and delete: they charge at the end of their transactions, so whoever has charged has
    to be waited for and is seen, and whoever has not charges on top of this.
    """
    StoredUsage.objects.get_or_create(account_id=account_id)
    counted = StoredUsage.objects.select_for_update().get(account_id=account_id)
    before = Held(counted.entries, counted.stored_bytes)
    with connection.cursor() as cursor:
        # So many rows that the usual limit may be too short.
        cursor.execute("SET LOCAL statement_timeout = 0")
        # A statement of its own, after the lock: it sees what those who were waited for have written.
        cursor.execute(_HELD, {"account": account_id})
        entries, of_entries, of_files = cursor.fetchone()
    of_others = sum(int(size or 0) for _, size in bytes_held.send(StoredUsage, account_id=account_id))
    found = Held(entries, of_entries + of_files + of_others)
    if found != before:
        StoredUsage.objects.filter(account_id=account_id).update(entries=found.entries, stored_bytes=found.stored_bytes)
    return before, found


_HELD = """
    SELECT count(*), coalesce(sum(octet_length(raw_text)), 0)::bigint,
           (SELECT coalesce(sum(file_size), 0)::bigint FROM knowledge_document WHERE account_id = %(account)s)
    FROM knowledge_entry WHERE account_id = %(account)s
"""
