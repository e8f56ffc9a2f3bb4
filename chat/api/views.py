"""Ask, and what was said before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.scope import AccountScoped
from accounts.liveness import Credential
from accounts.models import Account
from chat import sse, transcript
from chat.answering import Question, answer
from chat.api import examples
from chat.api.idempotency import KEY_PARAMETER, KeysUnavailable, KeyUsed, StillBeginning, once
from chat.api.serializers import AnswerSerializer, AskSerializer, ConversationDetailSerializer, ConversationSerializer
from chat.collecting import collect
from chat.following import follow
from chat.models import Citation, Conversation, Message
from chat.watching import while_it_holds
from doculume.dialects import StructuredDialect
from doculume.dialects.pages import NumberedPages
from doculume.errors import NotFound
from doculume.threads import without_database
from knowledge.api.serializers import EmptySerializer
from knowledge.models import Collection, Document
from knowledge.search import SearchFilters

PROVIDER_FAILURES: dict[Any, Any] = {
    502: OpenApiResponse(description="The model provider failed."),
    504: OpenApiResponse(description="The model provider did not answer in time."),
}


class AskView(StructuredDialect, AccountScoped, GenericAPIView[Any]):
    error_statuses = (404,)
    raises = (KeyUsed, StillBeginning, KeysUnavailable)
    serializer_class = AskSerializer

    @extend_schema(
        request=AskSerializer,
        parameters=[KEY_PARAMETER],
        responses={
            200: AnswerSerializer,
            (200, "text/event-stream"): OpenApiTypes.STR,
            **PROVIDER_FAILURES,
        },
        examples=[examples.ASK, examples.ANSWER, examples.STREAM],
    )
    def post(self, request: Request) -> Response | StreamingHttpResponse:
        """Ask a question, of your documents or of the model alone.

        `[n]` in the answer refers to the citation with that `index`. Where nothing relevant is found the answer
        says so and cites nothing. With `stream` the answer comes as server-sent events.
        """
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        asked = sent.validated_data
        question = question_of(self.account, asked["question"], asked)
        conversation_id = asked.get("conversation_id")
        turn, is_new = once(
            request,
            self.account,
            lambda: transcript.begin(self.account, self.membership.user, question.text, conversation_id),
        )
        told = answer(turn, question) if is_new else follow(turn)
        events = while_it_holds(told, Credential.of(request), turn)
        if asked["stream"]:
            return sse.stream(events, turn.conversation.id)
        return Response(without_database(collect)(events))


def question_of(account: Account, text: str, asked: dict[str, Any]) -> Question:
    """What is asked, by the fields that every way of asking has. Raises NotFound as `filters_for` does."""
    return Question(
        text=text,
        use_rag=asked["use_rag"],
        top_k=asked["top_k"],
        filters=filters_for(account, asked),
        temperature=asked.get("temperature"),
        max_tokens=asked.get("max_tokens"),
    )


def filters_for(account: Account, asked: dict[str, Any]) -> SearchFilters:
    """Raises NotFound when any of the ids is not the account's."""
    if not (asked.get("collection_ids") or asked.get("document_ids")):
        return SearchFilters()
    collections = own_ids(Collection.objects.for_account(account), asked.get("collection_ids"))
    documents = own_ids(Document.objects.for_account(account), asked.get("document_ids"))
    return SearchFilters(collection_ids=collections, document_ids=documents)


def own_ids(rows: QuerySet[Any], ids: list[UUID] | None) -> tuple[UUID, ...]:
    wanted = tuple(dict.fromkeys(ids or ()))
    if wanted and rows.filter(id__in=wanted).count() != len(wanted):
        raise NotFound
    return wanted


class ConversationViewSet(
    StructuredDialect,
    AccountScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    GenericViewSet[Conversation],
):
    queryset = Conversation.objects.select_related("user")
    serializer_class = ConversationSerializer
    pagination_class = NumberedPages

    def get_queryset(self) -> QuerySet[Conversation]:
        conversations = super().get_queryset().of(self.request.user)
        if self.action == "retrieve":
            citations = Citation.objects.filter(account=self.account)
            messages = Message.objects.filter(account=self.account).prefetch_related(Prefetch("citations", citations))
            conversations = conversations.prefetch_related(Prefetch("messages", messages))
        counted = conversations.annotate(message_count=Count("messages", filter=Q(messages__account=self.account)))
        # Said again: what is grouped loses the order of its model.
        return counted.order_by("-updated_at", "-id")

    def get_serializer_class(self) -> type[ConversationSerializer]:
        return ConversationDetailSerializer if self.action == "retrieve" else ConversationSerializer

    @extend_schema(responses={200: EmptySerializer})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a conversation with its messages."""
        transcript.delete(self.get_object())
        return Response({})
