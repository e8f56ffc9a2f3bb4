"""What OpenAI's clients send to be answered, and what they get."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import Number, TextField, TrueOrFalseField
from chat.api.serializers import LONGEST_QUESTION, CitationSerializer
from chat.api.service_serializers import LONGEST_MESSAGE
from chat.transcript import HISTORY_MESSAGES
from doculume.errors import InvalidRequest
from integrations.models import LONGEST_INSTRUCTIONS
from llm_settings.providers.base import ChatMessage

MOST_MESSAGES = 1_000
MOST_STOPS = 16
LONGEST_STOP = 100
MOST_TOKENS = 32_000
ROLES = ("system", "developer", "user", "assistant")
NO_TOOLS = "Tools are not called here; leave this out, or say auto or none."


class QuestionTooLong(InvalidRequest):
    """The last message of the user, which is what is searched for."""

    code = "context_length_exceeded"
    message = f"The last message of the user is longer than {LONGEST_QUESTION} characters."

    def __init__(self) -> None:
        super().__init__(details={"messages": [self.message]})


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string"},
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["type", "text"],
                    "properties": {"type": {"type": "string", "enum": ["text"]}, "text": {"type": "string"}},
                },
            },
        ]
    }
)
class ContentField(serializers.Field[str, Any, str, Any]):
    """A text, or parts that are all texts."""

    default_error_messages = {
        "invalid": "Must be a text, or an array of parts of the type text.",
        "other": "Only parts of the type text are read here; images, sound and files are not.",
        "long": f"Must be at most {LONGEST_MESSAGE} characters.",
    }

    def to_internal_value(self, data: Any) -> str:
        text = "\n".join(map(self._text_of, data)) if isinstance(data, list) else data
        if not isinstance(text, str):
            self.fail("invalid")
        if len(text) > LONGEST_MESSAGE:
            self.fail("long")
        return text

    def _text_of(self, part: Any) -> str:
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            self.fail("invalid")
        if part["type"] != "text":
            self.fail("other")
        if not isinstance(part.get("text"), str):
            self.fail("invalid")
        text: str = part["text"]
        return text


class RoleField(serializers.ChoiceField):
    default_error_messages = {
        "invalid_choice": "Must be system, developer, user or assistant; results of tools are not read here."
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=ROLES, **kwargs)


class SaidSerializer(serializers.Serializer[Any]):
    role = RoleField()
    content = ContentField(required=False, allow_null=True, help_text="Null only in what the assistant said.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("content") is None:
            if attrs["role"] != "assistant":
                raise serializers.ValidationError({"content": "This field is required."}, code="required")
            attrs["content"] = ""
        return attrs


@extend_schema_field(
    {
        "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": MOST_STOPS}],
        "nullable": True,
    }
)
class StopField(serializers.ListField):
    child = TextField(max_length=LONGEST_STOP, trim_whitespace=False)

    def to_internal_value(self, data: Any) -> list[str]:
        stops: list[str] = super().to_internal_value([data] if isinstance(data, str) else data)
        return stops


@extend_schema_field({"type": "string", "pattern": "^(auto|none)$", "nullable": True})
class NoToolField(serializers.Field[Any, Any, Any, Any]):
    """Which tool must be called: none. That one may is no promise, and can be passed over."""

    def to_internal_value(self, data: Any) -> Any:
        if data not in ("auto", "none"):
            raise serializers.ValidationError(NO_TOOLS)
        return data


class StreamOptionsSerializer(serializers.Serializer[Any]):
    include_usage = TrueOrFalseField(default=False, allow_null=True)


class FormatSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=["text"])


class AskedSerializer(serializers.Serializer[Any]):
    """Other parameters of OpenAI's are taken and have no effect, `tools` among them: the answer is text.

    The last message of the user is the question. What was said before comes along, the latest that finds room; it is
    kept nowhere. Messages of the system and of developers say how to answer, as far as an integration's own
    instructions, and the rule to say only what the sources say, leave room for it.
    """

    model = TextField(max_length=300)
    messages = SaidSerializer(many=True, allow_empty=False, max_length=MOST_MESSAGES)  # type: ignore[call-arg]
    stream = TrueOrFalseField(default=False, allow_null=True)
    stream_options = StreamOptionsSerializer(required=False, allow_null=True)
    temperature = Number(required=False, allow_null=True, min_value=0, max_value=2)
    max_tokens = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    max_completion_tokens = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    n = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=1)
    stop = StopField(required=False, allow_null=True, max_length=MOST_STOPS)
    response_format = FormatSerializer(required=False, allow_null=True)
    tool_choice = NoToolField(required=False, allow_null=True)
    function_call = NoToolField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With `question`, `history` and `wishes` beside what was sent."""
        messages = attrs["messages"]
        places = [place for place, message in enumerate(messages) if message["role"] == "user"]
        if not places or not messages[places[-1]]["content"].strip():
            raise serializers.ValidationError(
                {"messages": "The last message of the user is what is asked; it is empty."}
            )
        question = messages[places[-1]]["content"].strip()
        if len(question) > LONGEST_QUESTION:
            raise QuestionTooLong
        tokens = attrs.get("max_completion_tokens") or attrs.get("max_tokens")
        return attrs | {
            "question": question,
            "history": _said(messages[: places[-1]]),
            "wishes": _wishes(messages),
            "max_tokens": min(tokens, MOST_TOKENS) if tokens else None,
        }


def _wishes(messages: list[dict[str, Any]]) -> str:
    """No longer than an owner's instructions may be."""
    texts = [one["content"] for one in messages if one["role"] in ("system", "developer")]
    return "\n\n".join(texts).strip()[:LONGEST_INSTRUCTIONS]


def _said(messages: list[dict[str, Any]]) -> list[ChatMessage]:
    said = [one for one in messages if one["role"] in ("user", "assistant") and one["content"].strip()]
    return [ChatMessage(role=one["role"], content=one["content"]) for one in said[-HISTORY_MESSAGES:]]


class ModelSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = serializers.CharField(default="model")
    created = serializers.IntegerField(help_text="In Unix seconds.")
    owned_by = serializers.CharField(default="doculume")
    name = serializers.CharField(help_text="As people gave it; not of OpenAI's.")
    integration_id = serializers.UUIDField(
        allow_null=True, help_text="May be sent for the id, and stays; not of OpenAI's."
    )


class ModelsSerializer(serializers.Serializer[Any]):
    object = serializers.CharField(default="list")
    data = ModelSerializer(many=True)  # type: ignore[assignment]


class UrlCitationSerializer(serializers.Serializer[Any]):
    start_index = serializers.IntegerField(help_text="Where the `[n]` stands in the text.")
    end_index = serializers.IntegerField()
    title = serializers.CharField()
    url = serializers.CharField()


class AnnotationSerializer(serializers.Serializer[Any]):
    type = serializers.CharField(default="url_citation")
    url_citation = UrlCitationSerializer()


class OwnCitationSerializer(CitationSerializer):
    """As elsewhere; of an integration only index, entry_id, title, url and snippet."""


class WrittenSerializer(serializers.Serializer[Any]):
    role = serializers.CharField(default="assistant")
    content = serializers.CharField()
    refusal = serializers.CharField(allow_null=True)
    annotations = AnnotationSerializer(many=True, help_text="The citations that have an address, in OpenAI's form.")
    citations = OwnCitationSerializer(many=True, help_text="What `[n]` refers to; not of OpenAI's.")


class TokensUsedSerializer(serializers.Serializer[Any]):
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()


class ChoiceSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(default=0)
    message = WrittenSerializer()
    logprobs = serializers.CharField(allow_null=True)
    finish_reason = serializers.ChoiceField(choices=["stop", "length"])


class CompletionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = serializers.CharField(default="chat.completion")
    created = serializers.IntegerField()
    model = serializers.CharField()
    choices = ChoiceSerializer(many=True)
    usage = TokensUsedSerializer(allow_null=True, help_text="Null where a stop ended the answer before it was counted.")
    system_fingerprint = serializers.CharField(help_text="What wrote it.")
    citations = OwnCitationSerializer(many=True, help_text="The same as the message's.")
