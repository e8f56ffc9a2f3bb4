"""How many chunks hold each term, and how many there are of each language: what weighs the words of a question.

Kept exact by the transaction that writes or deletes chunks. Writers of one account wait for each other here, and
only here, until they commit: an entry that replaces its chunks changes two sets of rows, so that no order of
locking rows would keep two such writers from waiting for each other for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

from django.db import connection


class Weighed(dict[int, float]):
    """The terms of a chunk by their keys, each with its weight; `length`: how many there are, repetitions included."""

    def __init__(self, weights: Iterable[tuple[int, float]], length: int) -> None:
        super().__init__(weights)
        self.length = length


_LOCK = "SELECT pg_advisory_xact_lock(%s)"
_COUNT_TERMS = """
    INSERT INTO knowledge_termstatistic AS known (account_id, term, chunk_count)
    SELECT %s, term, chunks FROM unnest(%s::int[], %s::int[]) AS added (term, chunks)
    ON CONFLICT (account_id, term) DO UPDATE SET chunk_count = known.chunk_count + excluded.chunk_count
"""
_COUNT_LANGUAGE = """
    INSERT INTO knowledge_languagestatistic AS known (account_id, collection_id, language, chunk_count, term_count)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (account_id, collection_id, language) DO UPDATE
    SET chunk_count = known.chunk_count + excluded.chunk_count, term_count = known.term_count + excluded.term_count
"""
_DISCOUNT_TERMS = """
    WITH gone AS (
        SELECT term, count(*) AS chunks
        FROM knowledge_chunkterms AS chunk, unnest(chunk.terms) AS term
        WHERE chunk.account_id = %(account)s AND chunk.entry_id = ANY(%(entries)s)
        GROUP BY term
    ), emptied AS (
        DELETE FROM knowledge_termstatistic AS known USING gone
        WHERE known.account_id = %(account)s AND known.term = gone.term AND known.chunk_count <= gone.chunks
        RETURNING known.term
    ), forgotten AS (
        DELETE FROM knowledge_word AS word USING emptied
        WHERE word.account_id = %(account)s AND word.term = emptied.term
    )
    UPDATE knowledge_termstatistic AS known SET chunk_count = known.chunk_count - gone.chunks
    FROM gone
    WHERE known.account_id = %(account)s AND known.term = gone.term AND known.chunk_count > gone.chunks
"""
_DISCOUNT_LANGUAGES = """
    WITH gone AS (
        SELECT collection_id, language, count(*) AS chunks, sum(length) AS terms
        FROM knowledge_chunkterms
        WHERE account_id = %(account)s AND entry_id = ANY(%(entries)s)
        GROUP BY collection_id, language
    ), emptied AS (
        DELETE FROM knowledge_languagestatistic AS known USING gone
        WHERE known.account_id = %(account)s AND known.collection_id = gone.collection_id
          AND known.language = gone.language AND known.chunk_count <= gone.chunks
    )
    UPDATE knowledge_languagestatistic AS known
    SET chunk_count = known.chunk_count - gone.chunks, term_count = known.term_count - gone.terms
    FROM gone
    WHERE known.account_id = %(account)s AND known.collection_id = gone.collection_id
      AND known.language = gone.language AND known.chunk_count > gone.chunks
"""
_COUNT_MOVED = """
    INSERT INTO knowledge_languagestatistic AS known (account_id, collection_id, language, chunk_count, term_count)
    SELECT %(account)s, %(collection)s, language, count(*), sum(length) FROM knowledge_chunkterms
    WHERE account_id = %(account)s AND entry_id = ANY(%(entries)s) GROUP BY language
    ON CONFLICT (account_id, collection_id, language) DO UPDATE
    SET chunk_count = known.chunk_count + excluded.chunk_count, term_count = known.term_count + excluded.term_count
"""
_FORGET_TERMS = "DELETE FROM knowledge_termstatistic WHERE account_id = %(account)s"
_FORGET_LANGUAGES = "DELETE FROM knowledge_languagestatistic WHERE account_id = %(account)s"
_RECOUNT_TERMS = """
    INSERT INTO knowledge_termstatistic (account_id, term, chunk_count)
    SELECT %(account)s, term, count(*) FROM knowledge_chunkterms AS chunk, unnest(chunk.terms) AS term
    WHERE chunk.account_id = %(account)s GROUP BY term
"""
_RECOUNT_LANGUAGES = """
    INSERT INTO knowledge_languagestatistic (account_id, collection_id, language, chunk_count, term_count)
    SELECT %(account)s, collection_id, language, count(*), sum(length) FROM knowledge_chunkterms
    WHERE account_id = %(account)s GROUP BY collection_id, language
"""


def add(account_id: int, written: Mapping[tuple[UUID, str], Sequence[Weighed]]) -> None:
    """Count chunks in, by collection and language. Within the transaction that writes them."""
    terms = Counter(key for chunks in written.values() for chunk in chunks for key in chunk)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [_lock_of(account_id)])
        cursor.execute(_COUNT_TERMS, [account_id, list(terms.keys()), list(terms.values())])
        for (collection_id, language), chunks in written.items():
            length = sum(each.length for each in chunks)
            cursor.execute(_COUNT_LANGUAGE, [account_id, collection_id, language, len(chunks), length])


def remove_entries(account_id: int, entry_ids: Sequence[UUID]) -> None:
    """Count out whatever terms of the entries are stored; to be called before they are deleted."""
    bound: dict[str, Any] = {"account": account_id, "entries": list(entry_ids)}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [_lock_of(account_id)])
        cursor.execute(_DISCOUNT_TERMS, bound)
        cursor.execute(_DISCOUNT_LANGUAGES, bound)


def move_entries(account_id: int, entry_ids: Sequence[UUID], collection_id: UUID) -> None:
    """Count the entries' chunks in a collection instead of where they are; to be called before they are moved."""
    bound: dict[str, Any] = {"account": account_id, "entries": list(entry_ids), "collection": collection_id}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [_lock_of(account_id)])
        cursor.execute(_DISCOUNT_LANGUAGES, bound)
        cursor.execute(_COUNT_MOVED, bound)


def lock(account_id: int) -> None:
    """Wait for the account's writers, and make others wait, for the rest of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [_lock_of(account_id)])


def recount(account_id: int) -> None:
    """Count all anew, from what is stored. Within a transaction; writers of the account wait for its end."""
    lock(account_id)
    with connection.cursor() as cursor:
        for statement in (_FORGET_TERMS, _FORGET_LANGUAGES, _RECOUNT_TERMS, _RECOUNT_LANGUAGES):
            cursor.execute(statement, {"account": account_id})


def try_lock(account_id: int) -> bool:
    """Take the writers' lock for the rest of the transaction, if nobody has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_lock_of(account_id)])
        return bool(cursor.fetchone()[0])


def _lock_of(account_id: int) -> int:
    digest = blake2b(f"statistics of account {account_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
