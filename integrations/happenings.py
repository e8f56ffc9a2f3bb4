"""What visitors did with what they were given, counted: results they chose, and answers they liked or did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import Account

TOP = 10
DISLIKED = 10
# What is chosen most is counted among so many of the newest clicks.
NEWEST = 10_000
# Programs keep in `meta` what they like: only what is an id is looked up.
AN_ID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

_COUNTED = """
    SELECT counted.*, coalesce(nullif(entry.title, ''), entry.read_title), entry.source_id, entry.collection_id FROM (
        SELECT event_type, NULL AS what, count(*) AS times FROM integrations_integrationevent
        WHERE account_id = %s AND event_type = ANY(%s) AND created_at >= %s {at} GROUP BY event_type
        UNION ALL
        (SELECT NULL, what, count(*) FROM (
            SELECT coalesce(meta->>'entry_id', meta->>'url', meta->>'title') AS what FROM integrations_integrationevent
            WHERE account_id = %s AND event_type = 'click' AND created_at >= %s {at} ORDER BY created_at DESC LIMIT %s
         ) AS clicked WHERE what <> '' GROUP BY what ORDER BY count(*) DESC, what LIMIT %s)
    ) AS counted LEFT JOIN knowledge_entry AS entry ON entry.account_id = %s
       AND entry.id = CASE WHEN counted.what ~ %s THEN counted.what END::uuid
    ORDER BY counted.times DESC, counted.what
"""
_DISLIKED = """
    SELECT own.id, own.title, event.created_at, asked.content
    FROM integrations_integrationevent AS event
    JOIN chat_message AS said ON said.account_id = event.account_id AND said.id = CASE
        WHEN event.meta->>'message_id' ~ %s THEN event.meta->>'message_id' END::uuid
    JOIN chat_conversation AS own
      ON own.account_id = said.account_id AND own.id = said.conversation_id AND own.user_id IS NULL
    LEFT JOIN LATERAL (
        SELECT left(before.content, 300) AS content FROM chat_message AS before
        WHERE before.account_id = said.account_id AND before.conversation_id = said.conversation_id
          AND before.role = 'user' AND before.created_at < said.created_at
        ORDER BY before.created_at DESC, before.id DESC LIMIT 1
    ) AS asked ON true
    WHERE event.account_id = %s AND event.event_type = 'thumbs_down' AND event.created_at >= %s {at}
    ORDER BY event.created_at DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A result that visitors chose. `entry_id` and `collection_id` lead to it, if it is an entry that still exists."""

    name: str
    times: int
    entry_id: UUID | None = None
    collection_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Disliked:
    """A question whose answer a visitor did not find helpful, and the conversation it was asked in."""

    conversation_id: UUID
    question: str
    at: datetime


def counted(account: Account, since: datetime, integration_id: UUID | None) -> tuple[dict[str, int], list[Chosen]]:
    """How often what happened, and what was chosen most, in one statement."""
    at, bound = _at(integration_id)
    types = ["click", "thumbs_up", "thumbs_down"]
    rows = _rows(
        _COUNTED.format(at=at),
        [account.pk, types, since, *bound, account.pk, since, *bound, NEWEST, TOP, account.pk, AN_ID],
    )
    return {row[0]: row[2] for row in rows if row[0]}, [_chosen(*row[1:]) for row in rows if not row[0]]


def disliked(account: Account, since: datetime, integration_id: UUID | None) -> list[Disliked]:
    """The newest. Of answers that are kept in no conversation there is nothing to read."""
    at, bound = _at(integration_id)
    rows = _rows(_DISLIKED.format(at=at.replace("AND ", "AND event.")), [AN_ID, account.pk, since, *bound, DISLIKED])
    return [Disliked(ident, question or title, moment) for ident, title, moment, question in rows]


def _chosen(what: str, times: int, title: str | None, source_id: str | None, collection_id: UUID | None) -> Chosen:
    if collection_id is None:
        return Chosen(what, times)
    return Chosen(title or source_id or what, times, UUID(what), collection_id)


def _at(integration_id: UUID | None) -> tuple[str, list[Any]]:
    return ("AND integration_id = %s", [integration_id]) if integration_id else ("", [])


def _rows(statement: str, bound: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, bound)
        return cursor.fetchall()
