"""Conversation ids: a UUID, or `chat_` or `conv_` before the hex of one."""

from __future__ import annotations

import re
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

CONVERSATION_ID = r"(?:chat_|conv_)?(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"


class ConversationIdConverter:
    """Path converter: any way of writing a conversation's id → UUID."""

    regex = CONVERSATION_ID

    def to_python(self, value: str) -> UUID:
        return parse_conversation_id(value)

    def to_url(self, value: UUID | str) -> str:
        return str(value)


def parse_conversation_id(value: str) -> UUID:
    """Raises ValueError for anything else."""
    if not re.fullmatch(CONVERSATION_ID, value):
        raise ValueError("not a conversation's id")
    return UUID(value.removeprefix("chat_").removeprefix("conv_"))


@extend_schema_field({"type": "string", "format": "uuid"})
class ConversationIdField(serializers.Field[UUID, str, str, UUID]):
    default_error_messages = {"invalid": "Must be a conversation's id."}

    def to_internal_value(self, data: object) -> UUID:
        try:
            return parse_conversation_id(str(data) if isinstance(data, str) else "")
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: UUID) -> str:
        return str(value)
