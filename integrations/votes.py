"""What visitors did, written down: clicks as often as they happen, thumbs once an answer."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from chat.models import Conversation, Message, Visitor
from doculume.errors import InvalidRequest
from integrations.doors import Door
from integrations.models import IntegrationEvent

THUMBS = (IntegrationEvent.Type.THUMBS_UP, IntegrationEvent.Type.THUMBS_DOWN)


class ForeignMessage(InvalidRequest):
    """The message that is judged is none of an answer to this visitor."""

    status_code = 422

    def __init__(self) -> None:
        super().__init__(details={"meta.message_id": ["There is no such answer here."]})


def refuse_foreign(event: IntegrationEvent, door: Door) -> None:
    """Raises `ForeignMessage` for a thumb at an answer that the visitor was not given."""
    message_id = _judged(event)
    if message_id is None:
        return
    own = Conversation.objects.for_account(door.account).of(Visitor(event.integration_id, door.whose))
    said = Message.objects.filter(
        account_id=event.account_id, role=Message.Role.ASSISTANT, id=message_id, conversation__in=own.values("id")
    )
    if not said.exists():
        raise ForeignMessage


@transaction.atomic
def record(event: IntegrationEvent) -> None:
    """A thumb at an answer takes the place of what was said of it before."""
    message_id = _judged(event)
    if message_id is not None:
        thumbs = IntegrationEvent.objects.filter(
            account_id=event.account_id, integration_id=event.integration_id, event_type__in=THUMBS
        )
        thumbs.filter(meta__message_id=event.meta["message_id"]).delete()
    event.save(force_insert=True)


def _judged(event: IntegrationEvent) -> UUID | None:
    named = event.meta.get("message_id") if event.event_type in THUMBS and isinstance(event.meta, dict) else None
    if named is None:
        return None
    try:
        return UUID(str(named))
    except ValueError as error:
        raise ForeignMessage from error
