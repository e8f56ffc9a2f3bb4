"""What is asked of an account, and what becomes of it: written down at the end of each answer, for its people to see
what is missing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db import DatabaseError, transaction

from accounts.erasure import ROWS, raw_delete
from chat.models import AskedQuestion, Message
from chat.passing import Passing
from chat.transcript import Turn

log = logging.getLogger(__name__)

OUTCOMES = {
    Message.Status.COMPLETE: AskedQuestion.Outcome.ANSWERED,
    Message.Status.STOPPED: AskedQuestion.Outcome.STOPPED,
    Message.Status.INTERRUPTED: AskedQuestion.Outcome.FAILED,
}


def note(turn: Turn | Passing, text: str, status: Message.Status, reason: str, timings: Mapping[str, float]) -> None:
    """Keep that it was asked. An answer that was given does not fail because of this."""
    conversation = turn.conversation if isinstance(turn, Turn) else None
    asked_at = turn.integration_id if isinstance(turn, Passing) else turn.conversation.integration_id
    nothing_found = reason == "no_relevant_results"
    try:
        with transaction.atomic():
            AskedQuestion.objects.create(
                account_id=turn.account.id,
                conversation_id=conversation.id if conversation else None,
                integration_id=asked_at,
                text=" ".join(text.split())[:500],
                asked=counted_as(text),
                outcome=AskedQuestion.Outcome.UNANSWERED if nothing_found else OUTCOMES[status],
                first_ms=_whole(timings.get("first_token")),
                total_ms=_whole(timings.get("total")),
            )
    except DatabaseError:  # the conversation may have been deleted meanwhile
        log.warning("a question of account %s could not be noted", turn.account.id, exc_info=True)


def counted_as(text: str) -> str:
    """Alike for questions that differ in case, white space and the marks at their end."""
    return " ".join(text.casefold().split()).rstrip("?!.…。？！؟ ")[:200]


def forget(account_id: int, before: datetime | None = None) -> Iterator[int]:
    """Delete an account's, a step at each `next()`; all of them, or those of before a moment."""
    rows = AskedQuestion.objects.filter(account_id=account_id).order_by()
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    while chosen := list(rows.select_for_update(skip_locked=True).values_list("id", flat=True)[:ROWS]):
        yield raw_delete(AskedQuestion.objects.filter(account_id=account_id, id__in=chosen).order_by())


def _whole(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds)
