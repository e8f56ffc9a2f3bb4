"""Chats and what is said in them, for Quillium's clients."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.scope import AccountScoped
from accounts.liveness import Credential
from chat import sse, transcript
from chat.answering import answer
from chat.api import examples
from chat.api.chat_serializers import ChatMessageSerializer, ExchangeSerializer, OwnChatSerializer, SendSerializer
from chat.api.idempotency import KEY_PARAMETER, KeysUnavailable, KeyUsed, StillBeginning, once
from chat.api.views import PROVIDER_FAILURES, question_of
from chat.choosing import models_for, name_of
from chat.collecting import collect
from chat.following import follow
from chat.models import Citation, Conversation, Message
from chat.transcript import Turn
from chat.watching import while_it_holds
from doculume.dialects import StructuredDialect
from doculume.dialects.pages import OffsetPages
from doculume.threads import without_database
from knowledge.api.serializers import EmptySerializer

OWN_PATHS = "own paths"


class ChatViewSet(
    StructuredDialect,
    AccountScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    GenericViewSet[Conversation],
):
    """A user's own."""

    queryset = Conversation.objects.order_by("-updated_at", "-id")
    serializer_class = OwnChatSerializer
    pagination_class = OffsetPages
    rate_scope = OWN_PATHS

    def get_queryset(self) -> QuerySet[Conversation]:
        return super().get_queryset().of(self.request.user)

    @extend_schema(examples=[examples.CREATE_CHAT, examples.CHAT])
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Begin a chat. Nothing is asked yet."""
        return super().create(request, *args, **kwargs)

    def perform_create(self, serializer: Any) -> None:
        user = self.membership.user
        serializer.save(account=self.account, user=user, model_name=name_of(models_for(self.account, user)))

    @extend_schema(responses={200: EmptySerializer})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a chat with its messages."""
        transcript.delete(self.get_object())
        return Response({})


class ChatMessagesView(StructuredDialect, AccountScoped, mixins.ListModelMixin, GenericAPIView[Message]):
    """What is said in one of a user's own chats, oldest first."""

    raises = (KeyUsed, StillBeginning, KeysUnavailable)

    queryset = Message.objects.order_by("created_at", "id")
    serializer_class = ChatMessageSerializer
    pagination_class = OffsetPages
    rate_scope = OWN_PATHS

    def get_queryset(self) -> QuerySet[Message]:
        if getattr(self, "swagger_fake_view", False):
            return Message.objects.none()
        citations = Prefetch("citations", Citation.objects.filter(account=self.account))
        own = Message.objects.filter(account=self.account, conversation=self.get_chat())
        return own.order_by("created_at", "id").prefetch_related(citations)

    def get_chat(self) -> Conversation:
        own = Conversation.objects.for_account(self.account).of(self.membership.user)
        return get_object_or_404(own, pk=self.kwargs["pk"])

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        request=SendSerializer,
        parameters=[KEY_PARAMETER],
        responses={
            201: ExchangeSerializer,
            (200, "text/event-stream"): OpenApiTypes.STR,
            **PROVIDER_FAILURES,
        },
        examples=[examples.SEND, examples.EXCHANGE, examples.STREAM],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response | StreamingHttpResponse:
        """Send a message, and have it answered. With `stream` the answer comes as server-sent events."""
        chat = self.get_chat()
        sent = SendSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        asked = sent.validated_data
        question = question_of(self.account, asked["content"], asked)
        user, wanted = self.membership.user, chat.wanted_model
        turn, is_new = once(
            request, self.account, lambda: transcript.begin(self.account, user, question.text, chat.id, wanted)
        )
        told = answer(turn, question) if is_new else follow(turn)
        events = while_it_holds(told, Credential.of(request), turn)
        if asked["stream"]:
            return sse.stream(events, turn.conversation.id)
        without_database(collect)(events)
        return Response(self.exchange(turn), status=status.HTTP_201_CREATED)

    def exchange(self, turn: Turn) -> dict[str, Any]:
        said = {
            message.id: message for message in self.get_queryset().filter(id__in=(turn.question_id, turn.message_id))
        }
        message, reply = (ChatMessageSerializer(said[ident]).data for ident in (turn.question_id, turn.message_id))
        return {"message": message, "reply": reply}
