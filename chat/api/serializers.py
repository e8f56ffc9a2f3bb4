"""Questions, answers and conversations on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.fields import Number
from chat.api.fields import ConversationIdField
from chat.models import Citation, Conversation, Message

LONGEST_QUESTION = 8000


class AskSerializer(serializers.Serializer[Any]):
    question = serializers.CharField(max_length=LONGEST_QUESTION)
    conversation_id = ConversationIdField(required=False, allow_null=True)
    use_rag = serializers.BooleanField(default=True)
    top_k = serializers.IntegerField(default=5, min_value=1, max_value=50)
    stream = serializers.BooleanField(default=False)
    collection_ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)
    document_ids = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)
    temperature = Number(required=False, allow_null=True, min_value=0, max_value=2)
    max_tokens = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=32_000)


class CitationSerializer(serializers.ModelSerializer[Citation]):
    fileName = serializers.CharField(source="file_name", read_only=True)
    pageNumber = serializers.IntegerField(source="page_number", read_only=True, allow_null=True)

    class Meta:
        model = Citation
        fields = (
            "index",
            "document_id",
            "entry_id",
            "chunk_id",
            "fileName",
            "pageNumber",
            "title",
            "source",
            "url",
            "snippet",
            "start",
            "end",
        )
        read_only_fields = fields


class SourceDetailSerializer(serializers.Serializer[Any]):
    """A passage that was retrieved, best first."""

    chunk_id = serializers.UUIDField()
    document_id = serializers.UUIDField(allow_null=True)
    entry_id = serializers.UUIDField()
    filename = serializers.CharField()
    page_number = serializers.IntegerField(allow_null=True)
    score = serializers.FloatField(help_text="0 to 1, comparable within one answer.")


class AnswerSerializer(serializers.Serializer[Any]):
    answer = serializers.CharField()
    conversation_id = serializers.UUIDField()
    message_id = serializers.UUIDField()
    citations = CitationSerializer(many=True)
    sources = serializers.ListField(child=serializers.CharField())
    source_details = SourceDetailSerializer(many=True)
    model = serializers.CharField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()


class MessageSerializer(serializers.ModelSerializer[Message]):
    conversation_id = serializers.UUIDField(read_only=True)
    citations = CitationSerializer(many=True, read_only=True)
    model = serializers.CharField(source="model_name", read_only=True)

    class Meta:
        model = Message
        fields = ("id", "conversation_id", "role", "content", "status", "reason", "model", "citations", "created_at")
        read_only_fields = fields


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    user_id = serializers.UUIDField(source="user.uuid", read_only=True)
    model = serializers.CharField(source="model_name", read_only=True)
    message_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Conversation
        fields = ("id", "user_id", "title", "model", "message_count", "created_at", "updated_at")
        read_only_fields = fields


class ConversationDetailSerializer(ConversationSerializer):
    messages = MessageSerializer(many=True, read_only=True)

    class Meta:
        model = Conversation
        fields = (*ConversationSerializer.Meta.fields, "messages")
        read_only_fields = fields
