"""Chats as Quillium's clients know them: the same conversations, with ids of their own look."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import TextField
from chat.api.serializers import LONGEST_QUESTION, AskSerializer, CitationSerializer
from chat.models import Conversation, Message


@extend_schema_field({"type": "string", "pattern": "^chat_[0-9a-f]{32}$"})
class ChatIdField(serializers.Field[UUID, str, str, UUID]):
    """`chat_` and the hex of the conversation's id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: UUID) -> str:
        return f"chat_{value.hex}"


class OwnChatSerializer(serializers.ModelSerializer[Conversation]):
    """`model` is kept as it was sent, and answers where the deployment has it; without one, the default does."""

    id = ChatIdField()
    title = TextField(max_length=255, allow_blank=True, required=False)
    model = TextField(source="wanted_model", max_length=200, allow_blank=True, required=False)

    class Meta:
        model = Conversation
        fields = ("id", "title", "model", "created_at", "updated_at")
        read_only_fields = ("created_at", "updated_at")

    def to_representation(self, instance: Conversation) -> dict[str, Any]:
        return super().to_representation(instance) | {"model": instance.wanted_model or instance.model_name}


class ChatMessageSerializer(serializers.ModelSerializer[Message]):
    """`sender` is the same word as `role`."""

    chat_id = ChatIdField(source="conversation_id")
    sender = serializers.CharField(source="role", read_only=True)
    model = serializers.CharField(source="model_name", read_only=True)
    citations = CitationSerializer(many=True, read_only=True)

    class Meta:
        model = Message
        fields = (
            "id",
            "chat_id",
            "role",
            "sender",
            "content",
            "status",
            "reason",
            "model",
            "citations",
            "created_at",
        )
        read_only_fields = fields


class SendSerializer(AskSerializer):
    """What is said, and how it is to be answered: as in `/chat/ask`."""

    question = None  # type: ignore[assignment]
    conversation_id = None  # type: ignore[assignment]
    content = TextField(max_length=LONGEST_QUESTION)


class ExchangeSerializer(serializers.Serializer[Any]):
    message = ChatMessageSerializer(help_text="What was sent.")
    reply = ChatMessageSerializer(help_text="The answer.")
