"""Questions and support requests from other people's pages, with a chatbot key."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.rate_limits import RateLimited
from chat import passing, sse
from chat.answering import Question, answer
from chat.collecting import collect
from chat.events import CitationFound, CitationPayload, Event, StreamEnd
from chat.html import as_html, in_html
from chat.watching import while_it_holds
from doculume.dialects import FlatDialect
from doculume.errors import DoculumeError
from doculume.threads import without_database
from integrations.api import chatbot_examples as examples
from integrations.api.chatbot_serializers import (
    AnsweredSerializer,
    QuestionSerializer,
    SupportedSerializer,
    SupportSerializer,
)
from integrations.authentication import (
    AsksWithoutIntroduction,
    ChatbotKeyAuthentication,
    HasKey,
    NotInPlan,
    OriginRefused,
)
from integrations.cors import OpenToPages
from integrations.doors import Door, DoorCredential
from integrations.identities import IdentityRequired
from integrations.rates import QUESTIONS, VISITORS, limit_of
from integrations.reach import reach_of
from integrations.sources import Linking
from integrations.support import (
    NoSupportInbox,
    SupportRequest,
    SupportUnavailable,
    TooManyRequestsForSupport,
    inbox_of,
    send,
)

PASSAGES = 6
NOT_THERE = {"required", "null", "blank"}
SENT = "Your support request has been sent successfully. We'll get back to you soon!"


class ParameterMissing(DoculumeError):
    """A parameter that must be sent was not, or nothing in it; `details` is `{field: [messages]}`."""

    code = "invalid_request"
    status_code = 400
    message = "A required parameter is missing."


class ThroughKey(OpenToPages, FlatDialect, GenericAPIView[Any]):
    """For pages that show a chatbot key. Sets `self.door`."""

    authentication_classes = [ChatbotKeyAuthentication]
    permission_classes = [HasKey]
    door: Door

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.door = cast("Door", request.auth)

    def sent(self, required: str) -> dict[str, Any]:
        """What was sent, validated. Raises `ParameterMissing` before anything else is found wrong."""
        serializer = self.get_serializer(data=self.request.data)
        if not serializer.is_valid():
            wrong = serializer.errors.get(required, []) if isinstance(serializer.errors, dict) else []
            if {getattr(detail, "code", "") for detail in wrong} & NOT_THERE:
                raise ParameterMissing(f"{required} is missing.", details={required: [str(each) for each in wrong]})
            serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @classmethod
    def handle_error(cls, error: Exception, context: dict[str, Any]) -> Response | None:
        response = super().handle_error(error, context)
        if response is not None and isinstance(error, RateLimited):
            response.data |= limit_of(error.usage.limit, error.usage.resets_at)
        elif response is not None and isinstance(error, TooManyRequestsForSupport):
            response.data |= limit_of(error.limit, time.time() + (error.retry_after or 0))
        return response


class AskQuestionView(ThroughKey):
    permission_classes = [HasKey, AsksWithoutIntroduction]
    rate_scope = QUESTIONS
    raises = (ParameterMissing, NotInPlan, OriginRefused, IdentityRequired)
    serializer_class = QuestionSerializer

    @extend_schema(
        operation_id="chatbot_ask_question",
        request=QuestionSerializer,
        responses={
            200: AnsweredSerializer,
            (200, "text/event-stream"): OpenApiTypes.STR,
            429: OpenApiResponse(examples.LIMITED, description="The key has asked enough for this hour."),
            502: OpenApiResponse(examples.ERROR, description="The model provider failed."),
            504: OpenApiResponse(examples.ERROR, description="The model provider did not answer in time."),
        },
        examples=[examples.QUESTION, examples.ANSWER, examples.STREAM, examples.OVER],
    )
    def post(self, request: Request) -> Response | StreamingHttpResponse:
        """Ask a question with a chatbot key, from any page.

        `[n]` in the answer refers to the citation with that `index`; its `source` opens the file at the page, for an
        hour. No conversation is kept: send what was said before in `past_messages`. With `stream` the
        answer comes as server-sent events, with `support_email` in the last of them.
        """
        asked = self.sent("question")
        reach = reach_of(self.door.key)
        outward = Outward(Linking(request, self.door.key.account_id, self.door.key.pk), inbox_of(self.door.account))
        turn = passing.begin(self.door.account, None)
        turn.history, turn.integration_id = asked.get("past_messages", []), reach.integration_id
        question = Question(asked["question"], top_k=PASSAGES, filters=reach.filters, manner=reach.manner)
        events = while_it_holds(answer(turn, question), DoorCredential.of(self.door), turn)
        in_markup = asked["format"] == "html"
        if asked["stream"]:
            shown = outward.shown(events)
            return sse.stream(in_html(shown) if in_markup else shown, None)
        body = without_database(collect)(events)
        return Response(
            {
                "answer": as_html(body["answer"]) if in_markup else body["answer"],
                "citations": [outward.citation(citation) for citation in body["citations"]],
                "support_email": outward.support_email,
            }
        )


@dataclass(frozen=True, slots=True)
class Outward:
    """How an answer shows to visitors: citations by file, page and a link that opens it."""

    linking: Linking
    inbox: str

    @property
    def support_email(self) -> str | None:
        return self.inbox or None

    def citation(self, citation: CitationPayload) -> dict[str, Any]:
        page = citation["pageNumber"]
        return {
            "index": citation["index"],
            "fileName": citation["fileName"] or citation["title"],
            "pageNumber": None if page is None else str(page),
            "source": self.linking.source(citation),
        }

    async def shown(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, CitationFound):
                    yield CitationFound(cast("CitationPayload", self.citation(event.citation)))
                elif isinstance(event, StreamEnd):
                    yield replace(event, more={"support_email": self.support_email})
                else:
                    yield event


class SupportEmailsView(ThroughKey):
    rate_scope = VISITORS
    raises = (ParameterMissing, NotInPlan, OriginRefused, NoSupportInbox, SupportUnavailable)
    serializer_class = SupportSerializer

    @extend_schema(
        operation_id="send_support_email",
        request=SupportSerializer,
        responses={
            200: SupportedSerializer,
            429: OpenApiResponse(examples.LIMITED, description="Enough support requests for now."),
        },
        examples=[examples.SUPPORT, examples.SUPPORTED, examples.OVER],
    )
    def post(self, request: Request) -> Response:
        """Send a message to the support inbox of the key's account.

        It goes by mail, with `sender_email` as the address to answer to. A visitor may send a few an hour.
        """
        asked = self.sent("message")
        send(self.door, SupportRequest(asked["message"], asked.get("sender_email", "")), request._request)
        return Response({"success": True, "message": SENT})
