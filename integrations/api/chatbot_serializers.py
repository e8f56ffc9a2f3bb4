"""What the chatbot takes and says, each field by name."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.fields import EmailAddressField, TextField, TrueOrFalseField
from accounts.mail import CONTROL
from chat.api.serializers import LONGEST_QUESTION
from integrations.api.serializers import Choice

LONGEST_PAST_MESSAGE = 20_000
MOST_PAST_MESSAGES = 1_000
USED_PAST_MESSAGES = 10
LONGEST_SUPPORT_MESSAGE = 2_000
FORMATS = ("text", "html")
ROLES = ("user", "assistant")


class PastMessageSerializer(serializers.Serializer[Any]):
    role = Choice(choices=ROLES)
    content = TextField(max_length=LONGEST_PAST_MESSAGE, allow_blank=True)


class QuestionSerializer(serializers.Serializer[Any]):
    question = TextField(max_length=LONGEST_QUESTION)
    past_messages = serializers.ListField(
        child=PastMessageSerializer(),
        required=False,
        allow_null=True,
        max_length=MOST_PAST_MESSAGES,
        help_text=f"What was said before, oldest first. Only the last {USED_PAST_MESSAGES} are used.",
    )
    format = Choice(choices=FORMATS, default="text", help_text="`text` is Markdown.")
    stream = TrueOrFalseField(default=False)

    def validate_past_messages(self, said: list[dict[str, str]] | None) -> list[dict[str, str]]:
        used = (said or [])[-USED_PAST_MESSAGES:]
        return [{"role": one["role"], "content": one["content"]} for one in used if one["content"]]


class SourceCitationSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    fileName = serializers.CharField()
    pageNumber = serializers.CharField(allow_null=True)
    source = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="Opens the file at the page. It is signed and expires."
    )


class AnsweredSerializer(serializers.Serializer[Any]):
    answer = serializers.CharField()
    citations = SourceCitationSerializer(many=True)
    support_email = serializers.EmailField(allow_null=True)


class SupportSerializer(serializers.Serializer[Any]):
    message = TextField(max_length=LONGEST_SUPPORT_MESSAGE)
    sender_email = EmailAddressField(required=False, allow_null=True, allow_blank=True)

    def validate_sender_email(self, address: str | None) -> str:
        if address and CONTROL.search(address):
            raise serializers.ValidationError("Enter a valid email address.")
        return address or ""


class SupportedSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    message = serializers.CharField()
