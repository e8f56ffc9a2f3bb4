"""What an account's collections hold, counted for those who look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from accounts.models import Account

# By the index over (account, collection, …) alone.
_ENTRIES = """
    SELECT collection_id, count(*) FROM knowledge_entry
    WHERE account_id = %s AND collection_id = ANY(%s) GROUP BY collection_id
"""
_STATES = """
    SELECT entry.collection_id, count(*) FILTER (WHERE job.status <> 'failed'),
           count(*) FILTER (WHERE job.status = 'failed')
    FROM knowledge_ingestionjob AS job
    JOIN knowledge_entry AS entry
      ON entry.account_id = %s AND entry.id = job.entry_id AND entry.generation = job.generation
    WHERE job.account_id = %s AND job.status IN ('waiting', 'running', 'failed') AND entry.collection_id = ANY(%s)
    GROUP BY entry.collection_id
"""


@dataclass(frozen=True, slots=True)
class Holds:
    """How many entries; how many of them are still being read, and how many could not be."""

    entries: int = 0
    waiting: int = 0
    failed: int = 0


def holdings(account: Account, collections: Sequence[UUID]) -> dict[UUID, Holds]:
    """By collection, in two statements."""
    chosen = list(collections)
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [account.pk, chosen])
        counts = dict(cursor.fetchall())
        cursor.execute(_STATES, [account.pk, account.pk, chosen])
        states = {row[0]: row[1:] for row in cursor.fetchall()}
    return {ident: Holds(counts.get(ident, 0), *states.get(ident, (0, 0))) for ident in chosen}


_FAILURES = """
    SELECT entry.collection_id, count(*) - count(document.id), count(document.id)
    FROM (
        SELECT entry_id, generation FROM knowledge_ingestionjob WHERE account_id = %(account)s AND status = 'failed'
        LIMIT %(most)s
    ) AS job
    JOIN knowledge_entry AS entry
      ON entry.account_id = %(account)s AND entry.id = job.entry_id AND entry.generation = job.generation
    LEFT JOIN knowledge_document AS document
      ON document.account_id = %(account)s AND document.entry_id = entry.id
    GROUP BY entry.collection_id
"""
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Failures:
    """What could not be read; `collection` is where the entries are that are no documents, if that is one.

    `are_more`: counting stopped at some.
    """

    documents: int
    entries: int
    collection: UUID | None
    are_more: bool


def failures(account: Account) -> Failures:
    """In one statement, however many they are."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILURES, {"account": account.pk, "most": MOST_COUNTED})
        rows = cursor.fetchall()
    entries, documents = sum(row[1] for row in rows), sum(row[2] for row in rows)
    places = [row[0] for row in rows if row[1]]
    are_more = entries + documents >= MOST_COUNTED
    return Failures(documents, entries, places[0] if len(places) == 1 else None, are_more)
