"""A conversation to keep: all of it as JSON, or to read and print as a PDF."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request

from accounts import audit
from accounts.api.scope import AccountScoped
from chat import pdf
from chat.api.serializers import ConversationSerializer, MessageSerializer
from chat.api.service_serializers import AttachmentSerializer
from chat.models import Attachment, Citation, Conversation, Message
from chat.pdf import TooLong
from doculume.dialects import StructuredDialect
from knowledge.filenames import safe_filename

KINDS = {"json": "application/json", "pdf": "application/pdf"}
LONGEST_NAME = 100


class ExportedMessageSerializer(MessageSerializer):
    attachments = AttachmentSerializer(many=True, read_only=True)

    class Meta:
        model = Message
        fields = (
            *MessageSerializer.Meta.fields,
            "prompt_tokens",
            "completion_tokens",
            "sources",
            "attachments",
            "updated_at",
        )
        read_only_fields = fields


class ExportSerializer(ConversationSerializer):
    """Everything, oldest message first."""

    exported_at = serializers.SerializerMethodField()
    messages = ExportedMessageSerializer(many=True, read_only=True)

    class Meta:
        model = Conversation
        fields = (*ConversationSerializer.Meta.fields, "exported_at", "messages")
        read_only_fields = fields

    def get_exported_at(self, conversation: Conversation) -> str:
        return serializers.DateTimeField().to_representation(timezone.now())


class FormatSerializer(serializers.Serializer[Any]):
    format = serializers.ChoiceField(choices=list(KINDS), default="json")


class ExportView(StructuredDialect, AccountScoped, GenericAPIView[Conversation]):
    queryset = Conversation.objects.select_related("user")
    error_statuses = (400,)
    raises = (TooLong,)

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=list(KINDS), default="json")],
        responses={(200, "application/json"): ExportSerializer, (200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """Download a conversation with its messages and citations. One that is too long for a PDF comes as JSON."""
        asked = FormatSerializer(data={name: request.query_params[name] for name in request.query_params})
        asked.is_valid(raise_exception=True)
        kind = asked.validated_data["format"]
        conversation = self.whole(pk)
        if kind == "pdf":
            body = pdf.write(conversation, list(conversation.messages.all()))
        else:
            shown = ExportSerializer(conversation).data
            body = json.dumps(shown, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2).encode()
        # No title: the audit outlives what was said.
        audit.record(
            audit.Action.EXPORTED,
            request=request,
            account=self.account,
            actor=self.membership.user,
            target=f"conversation {conversation.id}",
            format=kind,
        )
        return HttpResponse(body, content_type=KINDS[kind], headers=headers_for(conversation, kind))

    def whole(self, pk: UUID) -> Conversation:
        citations = Prefetch("citations", Citation.objects.filter(account=self.account))
        attached = Prefetch("attachments", Attachment.objects.filter(account=self.account))
        said = Message.objects.filter(account=self.account).order_by("created_at", "id")
        messages = Prefetch("messages", said.prefetch_related(citations, attached))
        counted = Count("messages", filter=Q(messages__account=self.account))
        own = self.get_queryset().of(self.membership.user).annotate(message_count=counted)
        return get_object_or_404(own.prefetch_related(messages), pk=pk)


def headers_for(conversation: Conversation, kind: str) -> dict[str, str]:
    name = safe_filename(f"{conversation.title[:LONGEST_NAME].strip() or 'conversation'}.{kind}")
    disposition = content_disposition_header(True, name) or "attachment"
    return {"Content-Disposition": disposition, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
