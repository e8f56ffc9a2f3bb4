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
    if _named(event) is None:
        return
    message_id = _judged(event)
    if message_id is None:
        raise ForeignMessage
    own = Conversation.objects.for_account(door.account).of(Visitor(event.integration_id, door.whose))
    said = Message.objects.filter(
        account_id=event.account_id, role=Message.Role.ASSISTANT, id=message_id, conversation__in=own.values("id")
    )
    if not said.exists():
        raise ForeignMessage


@transaction.atomic
def record(event: IntegrationEvent) -> None:
    """A thumb at an answer takes the place of what was said of it before, however its id was written then."""
    message_id = _judged(event)
    if message_id is not None:
        event.meta = {**event.meta, "message_id": str(message_id)}
        thumbs = IntegrationEvent.objects.filter(
            account_id=event.account_id, integration_id=event.integration_id, event_type__in=THUMBS
        )
        thumbs.filter(meta__message_id=str(message_id)).delete()
    event.save(force_insert=True)


def _named(event: IntegrationEvent) -> object:
    return event.meta.get("message_id") if event.event_type in THUMBS and isinstance(event.meta, dict) else None


def _judged(event: IntegrationEvent) -> UUID | None:
    """None for what is the id of no message: members keep in `meta` what they like."""
    try:
        return UUID(str(_named(event)))
    except ValueError:
        return None
