"""Going on with a stream that was lost."""

from __future__ import annotations

import re
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scope import AccountScoped
from accounts.liveness import Credential
from accounts.usage import this_month
from chat import sse
from chat.following import follow
from chat.html import in_html
from chat.models import Conversation, Message
from chat.transcript import Turn
from chat.watching import while_it_holds
from doculume.dialects import StructuredDialect
from doculume.errors import InvalidRequest, NotFound

LAST_EVENT_ID = "Last-Event-ID"
PLACE = re.compile(r"[0-9]{1,9}")
FORMATS = ["markdown", "html"]


class MessageStreamView(StructuredDialect, AccountScoped, GenericAPIView[Message]):
    """An answer of the user's own, being made or made, as a stream."""

    error_statuses = (404,)
    queryset = Message.objects.none()

    @extend_schema(
        request=None,
        parameters=[
            OpenApiParameter(LAST_EVENT_ID, str, OpenApiParameter.HEADER, description="The last `id:` that came."),
            OpenApiParameter("last_event_id", str, description="The same, for who cannot set headers."),
            OpenApiParameter("format", str, enum=FORMATS, description="As the lost stream had it."),
        ],
        responses={(200, "text/event-stream"): OpenApiTypes.STR, 204: None},
    )
    def get(self, request: Request, pk: UUID) -> Response | StreamingHttpResponse:
        """Tell an answer again, or what comes after the last event that came, and go on while it is made.

        Without an id it begins with `stream_start`. 204 if nothing comes after it any more.
        """
        place = request.headers.get(LAST_EVENT_ID) or request.query_params.get("last_event_id") or ""
        if place == sse.AT_THE_END:
            self.own_answer(pk)
            return Response(status=204)
        if place and not PLACE.fullmatch(place):
            raise InvalidRequest("Last-Event-ID is none of this stream's.")
        wanted = request.query_params.get("format", FORMATS[0])
        if wanted not in FORMATS:
            raise InvalidRequest("format: Must be markdown or html.", details={"format": ["Must be markdown or html."]})
        turn, after = self.own_answer(pk), int(place) if place else None
        events = while_it_holds(follow(turn, after), Credential.of(request), turn)
        shown = in_html(events) if wanted == "html" else events
        return sse.stream(shown, turn.conversation.id, turn.message_id, after or 0)

    def own_answer(self, pk: UUID) -> Turn:
        said = Message.objects.filter(account=self.account, role=Message.Role.ASSISTANT, id=pk).first()
        own = Conversation.objects.for_account(self.account).of(self.membership.user)
        conversation = own.filter(id=said.conversation_id).first() if said else None
        if said is None or conversation is None:
            raise NotFound
        return Turn(self.account, conversation, said.id, said.id, this_month())
