"""A conversation to keep: all of it as JSON, or to read and print as a PDF."""

from __future__ import annotations

import json
from typing import Any, Unpack
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Count, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Length
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
from accounts.models import Account
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
        conversation = to_export(self.account, self.get_queryset().of(self.membership.user), pk, kind)
        return download(conversation, kind, request=request, actor=self.membership.user)


def whole(account: Account, conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Each of the account's conversations with all that `body_of` tells."""
    citations = Prefetch("citations", Citation.objects.filter(account=account))
    attached = Prefetch("attachments", Attachment.objects.filter(account=account))
    said = Message.objects.filter(account=account).order_by("created_at", "id")
    messages = Prefetch("messages", said.prefetch_related(citations, attached))
    counted = Count("messages", filter=Q(messages__account=account))
    return conversations.select_related("user").annotate(message_count=counted).prefetch_related(messages)


def to_export(account: Account, conversations: QuerySet[Conversation], pk: UUID, kind: str) -> Conversation:
    """One of the account's, read `whole`. Raises Http404, and TooLong before reading what would be too long."""
    if kind == "pdf":
        said = Message.objects.filter(account=account, conversation__in=conversations.filter(pk=pk).values("pk"))
        if (said.aggregate(letters=Sum(Length("content")))["letters"] or 0) > pdf.MOST_CHARACTERS:
            raise TooLong
    return get_object_or_404(whole(account, conversations), pk=pk)


def body_of(conversation: Conversation, kind: str) -> bytes:
    """Of one that was read `whole`. Raises TooLong."""
    if kind == "pdf":
        return pdf.write(conversation, list(conversation.messages.all()))
    return as_json(ExportSerializer(conversation).data)


def as_json(shown: Any) -> bytes:
    return json.dumps(shown, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2).encode()


def download(conversation: Conversation, kind: str, **by: Unpack[audit.By]) -> HttpResponse:
    """The file, and who took it written down. Raises TooLong."""
    body = body_of(conversation, kind)
    note_export(conversation, kind, **by)
    return HttpResponse(body, content_type=KINDS[kind], headers=headers_for(conversation, kind))


def note_export(conversation: Conversation, kind: str, **by: Unpack[audit.By]) -> None:
    # No title: the audit outlives what was said.
    target = f"conversation {conversation.id}"
    audit.record(audit.Action.EXPORTED, account=conversation.account, target=target, format=kind, **by)


def headers_for(conversation: Conversation, kind: str) -> dict[str, str]:
    name = safe_filename(f"{conversation.title[:LONGEST_NAME].strip() or 'conversation'}.{kind}")
    disposition = content_disposition_header(True, name) or "attachment"
    return {"Content-Disposition": disposition, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
