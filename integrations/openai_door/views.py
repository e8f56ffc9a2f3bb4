"""Models and completions at the paths of OpenAI's API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scope import AccountScoped
from accounts.authentication import BearerAuthentication
from accounts.liveness import Credential
from accounts.usage import QuotaExceeded
from chat import passing
from chat.answering import Question, answer
from chat.events import CitationPayload
from chat.prompts import Manner
from chat.watching import while_it_holds
from doculume.dialects import OpenAIDialect
from doculume.threads import without_database
from integrations.api.answers import PASSAGES, citation_of
from integrations.gathering import filters_for
from integrations.models import Integration
from integrations.openai_door import examples
from integrations.openai_door.completions import Completion, collect, stream
from integrations.openai_door.offering import ModelNotFound, Offered, chosen, integration_of, offered
from integrations.openai_door.serializers import (
    AskedSerializer,
    CompletionSerializer,
    ModelSerializer,
    ModelsSerializer,
    QuestionTooLong,
)
from integrations.openai_door.stopping import Until
from integrations.personas import manner_of

TAG = "OpenAI-compatible"


class Door(OpenAIDialect, AccountScoped, GenericAPIView[Any]):
    """For programs with a token: cookies and sessions let nobody in."""

    authentication_classes = [BearerAuthentication]


class ModelsView(Door):
    serializer_class = ModelsSerializer

    @extend_schema(tags=[TAG], operation_id="openai_models", examples=[examples.MODELS])
    def get(self, request: Request) -> Response:
        """List the models: all that the account knows, and each of its active integrations."""
        return Response({"object": "list", "data": [_shown(model) for model in offered(self.account)]})


class ModelView(Door):
    serializer_class = ModelSerializer
    raises = (ModelNotFound,)

    @extend_schema(tags=[TAG], operation_id="openai_model", examples=[examples.MODEL])
    def get(self, request: Request, model: str) -> Response:
        """Show a model, by its id or by the UUID of its integration."""
        return Response(_shown(chosen(self.account, model)))


class CompletionsView(Door):
    serializer_class = AskedSerializer
    raises = (ModelNotFound, QuestionTooLong, QuotaExceeded)

    @extend_schema(
        tags=[TAG],
        operation_id="openai_chat_completions",
        request=AskedSerializer,
        responses={
            200: CompletionSerializer,
            (200, "text/event-stream"): OpenApiTypes.STR,
            502: OpenApiResponse(examples.ERROR, description="The model provider failed."),
            504: OpenApiResponse(examples.ERROR, description="The model provider did not answer in time."),
        },
        examples=[examples.ASKED, examples.COMPLETION, examples.STREAM],
    )
    def post(self, request: Request) -> Response | StreamingHttpResponse:
        """Have the last of some messages answered, from all that the account knows or through an integration.

        `[n]` in the text refers to the citation with that `index`, in the extension field `citations` of the
        completion and of its message. In a stream each chunk with a new one has all so far, and the last one's delta
        has them again. No conversation is kept; it counts as one of the plan's answers.
        """
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        asked = sent.validated_data
        model = chosen(self.account, asked["model"])
        integration = integration_of(self.account, model)
        question = _question(integration, asked)
        completion = self._completion(model, asked)
        turn = passing.begin(self.account, self.membership.user)
        turn.history, turn.integration_id = asked["history"], model.integration_id
        events = while_it_holds(answer(turn, question), Credential.of(request), turn)
        if asked["stream"]:
            return stream(events, completion)
        return Response(without_database(collect)(events, completion))

    def _completion(self, model: Offered, asked: dict[str, Any]) -> Completion:
        """An integration shows no more of what lies inside than it does elsewhere."""

        def place(citation: CitationPayload) -> str:
            return self.request.build_absolute_uri(citation["source"]) if citation["source"] else ""

        through = model.integration_id is not None
        return Completion(
            model.id,
            show=citation_of if through else dict,
            address=(lambda citation: citation["url"]) if through else place,
            until=Until(asked.get("stop") or ()),
            include_usage=bool((asked.get("stream_options") or {}).get("include_usage")),
        )


def _question(integration: Integration | None, asked: dict[str, Any]) -> Question:
    common = {"temperature": asked.get("temperature"), "max_tokens": asked["max_tokens"]}
    if integration is None:
        return Question(asked["question"], manner=Manner(wishes=asked["wishes"]), **common)
    return Question(
        asked["question"],
        top_k=PASSAGES,
        filters=filters_for(integration),
        manner=replace(manner_of(integration, ""), wishes=asked["wishes"]),
        by_entry=True,
        **common,
    )


def _shown(model: Offered) -> dict[str, Any]:
    ours = {"name": model.name, "integration_id": model.integration_id}
    return {"id": model.id, "object": "model", "created": model.created, "owned_by": "doculume", **ours}
