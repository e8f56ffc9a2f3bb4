"""What an integration answers: a summary of what was found, and a conversation."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from chat import passing, sse, transcript
from chat.answering import Question, answer
from chat.api.idempotency import KEY_PARAMETER, KeysUnavailable, KeyUsed, StillBeginning, once
from chat.collecting import collect
from chat.events import CitationFound, CitationPayload, Event, StreamEnd, StreamStart
from chat.following import follow
from chat.html import as_html, in_html
from chat.models import Visitor
from chat.transcript import Turn
from chat.watching import while_it_holds
from doculume.threads import without_database
from integrations.api import examples
from integrations.api.answer_serializers import (
    ChatSerializer,
    RepliedSerializer,
    SummarizeSerializer,
    SummarySerializer,
)
from integrations.api.results import ResultSerializer
from integrations.api.searching import parameters_of
from integrations.api.views import ThroughIntegration
from integrations.gathering import Gathered, filters_for, gather
from integrations.models import Integration
from integrations.personas import manner_of, told_of_visitor
from integrations.rates import ANSWERS
from integrations.sources import Linking

PASSAGES = 6
FAILURES: dict[Any, Any] = {
    402: OpenApiResponse(examples.ERROR, description="The month's answers are used up."),
    502: OpenApiResponse(examples.ERROR, description="The model provider failed."),
    504: OpenApiResponse(examples.ERROR, description="The model provider did not answer in time."),
}


@dataclass(frozen=True, slots=True)
class Outward:
    """How the events of an answer show to who talks to an integration: citations by title and address, no more of what
    lies inside; a conversation as `conv_<hex>`; words as HTML where they were asked for so."""

    conversation_id: str | None
    html: bool
    linking: Linking | None = None

    def stream(self, events: AsyncGenerator[Event, None]) -> StreamingHttpResponse:
        shown = self._shown(events)
        return sse.stream(in_html(shown) if self.html else shown, self.conversation_id)

    async def _shown(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, StreamStart):
                    yield replace(event, conversation_id=self.conversation_id)
                elif isinstance(event, CitationFound):
                    yield CitationFound(cast("CitationPayload", citation_of(self.linked(event.citation))))
                elif isinstance(event, StreamEnd) and self.linking:
                    yield replace(event, timings={})  # those are for members
                else:
                    yield event

    def linked(self, citation: CitationPayload) -> CitationPayload:
        """For visitors, with a link that opens the file."""
        return {**citation, "url": self.linking.source(citation) or ""} if self.linking else citation

    def text(self, markdown: str) -> str:
        return as_html(markdown) if self.html else markdown


def citation_of(citation: CitationPayload) -> dict[str, Any]:
    names = ("index", "entry_id", "title", "snippet")
    return {name: citation[name] for name in names} | {"url": citation["url"] or None}  # type: ignore[literal-required]


def reference_of(citation: CitationPayload) -> dict[str, Any]:
    return {"ref": citation["index"], "title": citation["title"], "url": citation["url"] or None}


class SummarizeView(ThroughIntegration):
    key_scope = ANSWERS
    error_statuses = (400, 422)
    serializer_class = SummarizeSerializer

    @extend_schema(
        parameters=examples.SUMMARIZE_PARAMETERS,
        responses={200: SummarySerializer, (200, "text/event-stream"): OpenApiTypes.STR, **FAILURES},
        examples=[examples.SUMMARY, examples.SUMMARY_STREAM],
    )
    def get(self, request: Request, pk: str) -> Response | StreamingHttpResponse:
        """Summarize what an integration's collections say about a query.

        `[n]` in the summary refers to the reference with that `ref`. Where nothing found truly answers the query there
        is no summary, and no model is called. By default the answer is a stream of server-sent events.
        """
        return self._answer(request)

    @extend_schema(
        request=SummarizeSerializer,
        responses={200: SummarySerializer, (200, "text/event-stream"): OpenApiTypes.STR, **FAILURES},
        examples=[examples.SUMMARIZE, examples.SUMMARY, examples.SUMMARY_STREAM],
    )
    def post(self, request: Request, pk: str) -> Response | StreamingHttpResponse:
        """Summarize what an integration's collections say about a query, with a JSON body."""
        return self._answer(request)

    def _answer(self, request: Request) -> Response | StreamingHttpResponse:
        integration = self.integration()
        sent = SummarizeSerializer(data=parameters_of(request))
        sent.is_valid(raise_exception=True)
        asked = sent.validated_data
        turn = passing.begin(self.account, None if self.door else self.membership.user)
        turn.integration_id = integration.id
        gathered = self._gathered(integration, asked, turn)
        question = Question(
            asked["query"],
            found=gathered.found,
            manner=manner_of(integration, asked["locale"], summarize=True),
            by_entry=True,
        )
        outward = Outward(None, asked["format"] == "html", self.linking())
        events = while_it_holds(answer(turn, question), self.credential, turn)
        if asked["stream"]:
            return outward.stream(events)
        body = without_database(collect)(events)
        entries: Any = gathered.entries
        return Response(
            {
                "has_relevant_results": gathered.found.relevant,
                "summary": outward.text(body["answer"]),
                "references": [reference_of(outward.linked(citation)) for citation in body["citations"]],
                "data": ResultSerializer(entries, many=True).data,
            }
        )

    def _gathered(self, integration: Integration, asked: dict[str, Any], turn: passing.Passing) -> Gathered:
        try:
            meta = self.bound(asked["meta"])
            return gather(self.account, integration, asked["query"], threshold=asked["threshold"], meta=meta)
        except Exception:
            turn.give_back()
            raise


class ChatView(ThroughIntegration):
    key_scope = ANSWERS
    raises = (KeyUsed, StillBeginning, KeysUnavailable)
    serializer_class = ChatSerializer

    @extend_schema(
        request=ChatSerializer,
        parameters=[KEY_PARAMETER],
        responses={200: RepliedSerializer, (200, "text/event-stream"): OpenApiTypes.STR, **FAILURES},
        examples=[examples.CHAT, examples.REPLIED, examples.CHAT_STREAM],
    )
    def post(self, request: Request, pk: str) -> Response | StreamingHttpResponse:
        """Say something to an integration, and be answered from its collections.

        `conversation_id` goes on with a conversation of one's own. Where nothing relevant is found the answer is the
        integration's `unknown_answer_message`. By default the answer is a stream of server-sent events, with the
        conversation in the header `X-Conversation-Id`.
        """
        integration = self.integration()
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        asked = sent.validated_data
        whose = f"{self.door.key.pk} {integration.pk} {self.door.whose}" if self.door else ""
        turn, is_new = once(request, self.account, lambda: self._begin(integration, asked), whose)
        question = Question(
            asked["message"],
            top_k=PASSAGES,
            filters=filters_for(integration, self.bound(())),
            manner=told_of_visitor(manner_of(integration, asked["locale"]), self.door),
            by_entry=True,
        )
        outward = Outward(f"conv_{turn.conversation.id.hex}", asked["format"] == "html", self.linking())
        told = answer(turn, question) if is_new else follow(turn)
        events = while_it_holds(told, self.credential, turn)
        if asked["stream"]:
            return outward.stream(events)
        body = without_database(collect)(events)
        return Response(
            {
                "conversation_id": outward.conversation_id,
                "message": outward.text(body["answer"]),
                "message_id": body["message_id"],
                "references": [reference_of(outward.linked(citation)) for citation in body["citations"]],
                "citations": [citation_of(outward.linked(citation)) for citation in body["citations"]],
            }
        )

    def _asker(self, integration: Integration) -> User | Visitor:
        if self.door is None:
            return self.membership.user
        return Visitor(integration.pk, self.door.whose)

    def _begin(self, integration: Integration, asked: dict[str, Any]) -> Turn:
        going_on, asker = asked.get("conversation_id"), self._asker(integration)
        return transcript.begin(self.account, asker, asked["message"], going_on, integration_id=integration.id)
