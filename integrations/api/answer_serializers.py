"""Summaries and conversations on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.fields import Number, TextField
from accounts.api.settings import LanguageField
from chat.api.fields import parse_conversation_id
from doculume.errors import NotFound
from integrations.api.results import ResultSerializer
from integrations.api.searching import LONGEST_QUERY, FilterField
from integrations.api.serializers import Choice

FORMATS = ("markdown", "html")


class LocaleField(LanguageField):
    """A language tag; `pt_BR` is read as `pt-BR`. Empty and null: the language of the question."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, allow_blank=True, default="", max_length=35, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        data = data.replace("_", "-") if isinstance(data, str) else data
        return super().run_validation(data) or ""


class ConversationField(TextField):
    """Any way of writing a conversation's id. Raises NotFound for what is none: there is no such conversation."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return parse_conversation_id(super().to_internal_value(data))
        except ValueError as error:
            raise NotFound from error

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(None if data == "" else data)


class SummarizeSerializer(serializers.Serializer[Any]):
    query = TextField(max_length=LONGEST_QUERY)
    threshold = Number(default=0.4, min_value=0, max_value=1)
    meta = FilterField(default=())
    stream = serializers.BooleanField(default=True)
    format = Choice(choices=FORMATS, default="markdown")
    locale = LocaleField()


class ReferenceSerializer(serializers.Serializer[Any]):
    ref = serializers.IntegerField(help_text="The number by which the text cites it.")
    title = serializers.CharField()
    url = serializers.CharField(allow_null=True)


class CitedSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    entry_id = serializers.UUIDField()
    title = serializers.CharField()
    url = serializers.CharField(allow_null=True)
    snippet = serializers.CharField()


class SummarySerializer(serializers.Serializer[Any]):
    has_relevant_results = serializers.BooleanField(help_text="Whether the best results truly answer the query.")
    summary = serializers.CharField(help_text="Empty where nothing relevant was found.")
    references = ReferenceSerializer(many=True, help_text="What the summary cites, and nothing else.")
    data = ResultSerializer(many=True)  # type: ignore[assignment]


class ChatSerializer(serializers.Serializer[Any]):
    message = TextField(max_length=LONGEST_QUERY)
    conversation_id = ConversationField(required=False, allow_null=True)
    stream = serializers.BooleanField(default=True)
    format = Choice(choices=FORMATS, default="markdown")
    locale = LocaleField()


class RepliedSerializer(serializers.Serializer[Any]):
    conversation_id = serializers.CharField()
    message = serializers.CharField()
    message_id = serializers.UUIDField()
    references = ReferenceSerializer(many=True)
    citations = CitedSerializer(many=True)
