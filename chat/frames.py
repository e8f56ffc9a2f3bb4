"""What is said over a socket: `{"type", "data"}` in JSON, read with care, and written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import ParseError

from chat.api.fields import ConversationIdField
from chat.api.serializers import LONGEST_QUESTION
from chat.models import Message
from doculume.dialects.parsers import check_value
from doculume.errors import InvalidRequest, PayloadTooLarge

# Bytes. The longest question, with each character written as an escape, fits.
LARGEST = 128 * 1024

Frame = dict[str, Any]


class MessageData(serializers.Serializer[Any]):
    """Without `chat_id` it begins a new chat, whose id the frames that follow bear."""

    chat_id = ConversationIdField(required=False, allow_null=True)
    content = serializers.CharField(max_length=LONGEST_QUESTION)
    sender = serializers.ChoiceField(choices=["user"], default="user")


class TypingData(serializers.Serializer[Any]):
    chat_id = ConversationIdField()
    is_typing = serializers.BooleanField(default=True)


class ReadData(serializers.Serializer[Any]):
    chat_id = ConversationIdField()
    message_id = serializers.UUIDField()


KINDS: dict[str, type[serializers.Serializer[Any]]] = {"message": MessageData, "typing": TypingData, "read": ReadData}


@dataclass(frozen=True, slots=True)
class Received:
    """A frame that can be acted upon. `chat_id` is None only in a message that begins a chat."""

    type: str
    chat_id: UUID | None
    data: dict[str, Any]


def read(text: str | None) -> Received:
    """Raises InvalidRequest and PayloadTooLarge. None is a frame that was not text."""
    if text is None:
        raise InvalidRequest("A frame must be text.")
    if len(text) > LARGEST or len(text.encode("utf-8", "replace")) > LARGEST:
        raise PayloadTooLarge("The frame is too large.")
    try:
        frame = json.loads(text)
        check_value(frame)
    except ParseError as error:
        raise InvalidRequest(str(error.detail).replace("The body", "The frame")) from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The frame is not valid JSON.") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str) or not isinstance(frame.get("data"), dict):
        raise InvalidRequest("A frame is an object with a type and data.")
    if frame["type"] not in KINDS:
        raise InvalidRequest(f"The type of a frame must be one of {', '.join(KINDS)}.")
    sent = KINDS[frame["type"]](data=frame["data"])
    if not sent.is_valid():
        raise InvalidRequest("The frame's data is invalid.", details=sent.errors)
    return Received(frame["type"], sent.validated_data.get("chat_id"), sent.validated_data)


def chat(conversation_id: UUID) -> str:
    return f"chat_{conversation_id.hex}"


def message(row: Message, **more: Any) -> Frame:
    data = {
        "id": str(row.id),
        "chat_id": chat(row.conversation_id),
        "content": row.content,
        "sender": row.role,
        "role": row.role,
        "timestamp": moment(row.created_at),
    }
    return {"type": "message", "data": data | more}


def typing(conversation_id: UUID, sender: str, is_typing: bool) -> Frame:
    return {"type": "typing", "data": {"chat_id": chat(conversation_id), "sender": sender, "is_typing": is_typing}}


def seen(conversation_id: UUID, message_id: UUID) -> Frame:
    return {"type": "read", "data": {"chat_id": chat(conversation_id), "message_id": str(message_id)}}


def delta(conversation_id: UUID, message_id: UUID, text: str) -> Frame:
    data = {"chat_id": chat(conversation_id), "message_id": str(message_id), "delta": text}
    return {"type": "delta", "data": data}


def error(code: str, text: str, **more: Any) -> Frame:
    return {"type": "error", "data": {"code": code, "message": text} | more}


def moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
