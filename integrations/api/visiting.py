"""What a widget asks before and beside questions: how it looks, a session for its visitor, and what was said."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import TextField
from chat.api.fields import parse_conversation_id
from chat.following import as_payload
from chat.models import Citation, Conversation, Message, Visitor
from integrations import visitors
from integrations.api.answer_serializers import FORMATS, CitedSerializer
from integrations.api.answers import Outward, citation_of
from integrations.api.searching import FilterField
from integrations.api.serializers import Choice
from integrations.api.views import ThroughIntegration
from integrations.appearance import appearance_of
from integrations.authentication import ChatbotKeyAuthentication, DoorAuthentication, OriginRefused
from integrations.doors import Door
from integrations.identities import LONGEST, IdentityRefused, IdentityRequired, identity_of
from integrations.models import Integration
from integrations.support import inbox_of

MOST_MESSAGES = 200
WIDGET = ("type", "name", "welcome_message", "placeholder", "results_display", "label")


class HasDoor(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, Door)


class HasSession(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, Door) and bool(request.auth.visitor)


class SessionInput(serializers.Serializer[Any]):
    visitor = TextField(
        required=False, allow_null=True, allow_blank=True, max_length=2 * LONGEST, help_text="An earlier token."
    )
    identity = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=LONGEST,
        help_text="Who the visitor is, signed by the site.",
    )


class BegunSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    visitor = serializers.CharField(help_text="To be sent with the next session, so that the visitor stays the same.")
    expires_at = serializers.DateTimeField()
    identified = serializers.BooleanField()


class SessionResource(serializers.Serializer[Any]):
    data = BegunSerializer()  # type: ignore[assignment]


class AppearanceSerializer(serializers.Serializer[Any]):
    theme = serializers.CharField()
    color = serializers.CharField()
    position = serializers.CharField()
    language = serializers.CharField()
    texts = serializers.DictField(child=serializers.CharField())


class WidgetSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    type = serializers.ChoiceField(choices=Integration.Type.choices)
    name = serializers.CharField()
    welcome_message = serializers.CharField(allow_null=True)
    placeholder = serializers.CharField()
    results_display = serializers.ChoiceField(choices=Integration.ResultsDisplay.choices)
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    appearance = AppearanceSerializer()
    support = serializers.BooleanField(help_text="Whether support requests are taken.")


class WidgetResource(serializers.Serializer[Any]):
    data = WidgetSerializer()  # type: ignore[assignment]


class SaidSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    role = serializers.CharField()
    content = serializers.CharField()
    status = serializers.CharField(help_text="An answer that is not complete is writing, stopped or interrupted.")
    reason = serializers.CharField()
    citations = CitedSerializer(many=True)
    created_at = serializers.DateTimeField()


class VisitorConversationSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    messages = SaidSerializer(many=True, help_text=f"The last {MOST_MESSAGES}, oldest first.")


class VisitorConversationResource(serializers.Serializer[Any]):
    data = VisitorConversationSerializer()  # type: ignore[assignment]


class FormatSerializer(serializers.Serializer[Any]):
    format = Choice(choices=FORMATS, default="markdown")


class SessionsView(ThroughIntegration):
    authentication_classes = [ChatbotKeyAuthentication]
    permission_classes = [HasDoor]
    begins = True
    raises = (OriginRefused, IdentityRefused, IdentityRequired)
    serializer_class = SessionInput

    @extend_schema(operation_id="integration_begin_session", request=SessionInput, responses={201: SessionResource})
    def post(self, request: Request, pk: UUID) -> Response:
        """Begin a visitor's session with a chatbot key. Its token is good for an hour, here and on this site.

        `visitor` is what an earlier session gave: with it the visitor stays the same one for 30 days. With `identity`
        the site says who it is, and what they may find.
        """
        assert self.door is not None
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        asked = sent.validated_data
        identity = identity_of(self.door.key, asked["identity"]) if asked.get("identity") else None
        if identity is not None:
            self.check_filters(identity.filters)
        session = visitors.begin(self.door, self.integration().pk, asked.get("visitor") or "", identity)
        shown = {"token": session.token, "visitor": session.token, "expires_at": session.expires_at}
        data: Any = BegunSerializer({**shown, "identified": session.is_identified}).data
        return Response({"data": data}, status=status.HTTP_201_CREATED)

    @staticmethod
    def check_filters(filters: dict[str, Any]) -> None:
        """What would be refused with each search is refused here."""
        try:
            FilterField().to_internal_value(filters)
        except serializers.ValidationError as error:
            raise IdentityRefused(f"filters: {error.detail}") from error


class WidgetView(ThroughIntegration):
    authentication_classes = [DoorAuthentication]
    permission_classes = [HasDoor]
    begins = True
    raises = (OriginRefused,)
    serializer_class = WidgetResource

    @extend_schema(operation_id="integration_widget", responses=WidgetResource)
    def get(self, request: Request, pk: UUID) -> Response:
        """How the integration's widget looks, and what it says."""
        integration = self.integration()
        data = {"id": str(integration.pk)} | {name: getattr(integration, name) for name in WIDGET}
        support = bool(inbox_of(self.account))
        shown = {"data": {**data, "appearance": appearance_of(integration.appearance), "support": support}}
        return Response(shown, headers={"Cache-Control": "private, max-age=60"})


class VisitorConversationView(ThroughIntegration):
    authentication_classes = [DoorAuthentication]
    permission_classes = [HasSession]
    raises = (OriginRefused, IdentityRequired)
    serializer_class = VisitorConversationResource

    @extend_schema(
        operation_id="integration_conversation",
        parameters=[OpenApiParameter("format", str, enum=FORMATS)],
        responses=VisitorConversationResource,
    )
    def get(self, request: Request, pk: UUID, conversation: str) -> Response:
        """What was said in a conversation of the visitor whose session it is; others' are not found."""
        assert self.door is not None
        asked = FormatSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        ident = _id_of(conversation)
        whose = Visitor(self.integration().pk, self.door.visitor)
        if not Conversation.objects.for_account(self.account).of(whose).filter(id=ident).exists():
            raise Http404
        outward = Outward(f"conv_{ident.hex}", asked.validated_data["format"] == "html", self.linking())
        shown: Any = VisitorConversationSerializer(
            {"id": outward.conversation_id, "messages": self._said(ident, outward)}
        )
        return Response({"data": shown.data})

    def _said(self, ident: UUID, outward: Outward) -> list[dict[str, Any]]:
        rows = Message.objects.filter(account=self.account, conversation_id=ident, role__in=("user", "assistant"))
        names = ("id", "role", "content", "status", "reason", "created_at")
        said = list(reversed(rows.order_by("-created_at", "-id").values(*names)[:MOST_MESSAGES]))
        cited: dict[UUID, list[dict[str, Any]]] = {}
        citations = Citation.objects.filter(account=self.account, message_id__in=[one["id"] for one in said])
        for row in citations.order_by("message_id", "index"):
            cited.setdefault(row.message_id, []).append(citation_of(outward.linked(as_payload(row))))
        return [
            {
                **one,
                "content": outward.text(one["content"]) if one["role"] == "assistant" else one["content"],
                "citations": cited.get(one["id"], []),
            }
            for one in said
        ]


def _id_of(text: str) -> UUID:
    try:
        return parse_conversation_id(text)
    except ValueError as error:
        raise Http404 from error
