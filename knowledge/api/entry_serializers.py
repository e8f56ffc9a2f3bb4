"""Collections and entries on the wire. Every field is named, in and out."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import TextField
from knowledge.entries import MOST_IN_A_BATCH
from knowledge.models import Collection, Entry

LONGEST_TEXT = 5_000_000
NO_ADDRESS = re.compile(r"[\s\x00-\x1f\x7f<>\"]")


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    organisation_id = serializers.IntegerField(source="account_id", read_only=True)

    class Meta:
        model = Collection
        fields = ("id", "organisation_id", "name", "created_at", "updated_at")
        read_only_fields = fields


class CollectionResource(serializers.Serializer[Any]):
    data = CollectionSerializer()  # type: ignore[assignment]


class CollectionFields(serializers.Serializer[Any]):
    name = TextField(max_length=255)


class EntrySerializer(serializers.ModelSerializer[Entry]):
    title = serializers.SerializerMethodField()
    raw_text = serializers.CharField(
        source="shown_text", read_only=True, help_text="As sent; of an uploaded document, the beginning of its text."
    )
    source_url = serializers.SerializerMethodField()
    collection_id = serializers.UUIDField(read_only=True)
    meta = serializers.DictField(read_only=True)
    searchable_meta = serializers.DictField(read_only=True)

    class Meta:
        model = Entry
        fields = (
            "id",
            "collection_id",
            "title",
            "raw_text",
            "meta",
            "searchable_meta",
            "source_url",
            "source_type",
            "source_id",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_title(self, entry: Entry) -> str | None:
        return entry.title or None

    def get_source_url(self, entry: Entry) -> str | None:
        return entry.source_url or None


class EntryResource(serializers.Serializer[Any]):
    data = EntrySerializer()  # type: ignore[assignment]


class RawTextField(TextField):
    """Kept to the letter; white space alone is nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, max_length=LONGEST_TEXT, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.strip():
            self.fail("blank")
        return text


@extend_schema_field({"type": "object", "additionalProperties": True, "nullable": True})
class ObjectField(serializers.Field[Any, Any, Any, Any]):
    """A JSON object. Null and the empty array, which is how PHP writes an empty object, are `{}`."""

    default_error_messages = {"object": "Must be a JSON object."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return (True, {}) if data is None else super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if data == []:
            return {}
        if not isinstance(data, dict):
            self.fail("object")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class OptionalText(TextField):
    """Null and the empty text are the same: nothing."""

    def __init__(self, *, nothing: str | None = "", **kwargs: Any) -> None:
        self.nothing = nothing
        super().__init__(required=False, allow_null=True, allow_blank=True, **kwargs)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return (True, self.nothing) if data is None else super().validate_empty_values(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return value or self.nothing


class AddressField(OptionalText):
    """An http or https address."""

    default_error_messages = {"address": "Must be an http or https address."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text and not _is_address(text):
            self.fail("address")
        return text


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not NO_ADDRESS.search(text)
    except ValueError:
        return False


class EntryFields(serializers.Serializer[Any]):
    """A new entry; only its text is required."""

    title = OptionalText(max_length=500)
    raw_text = RawTextField(help_text="Plain text, HTML or Markdown: kept as sent, indexed as text.")
    meta = ObjectField(required=False, help_text="For filtering; not searched.")
    searchable_meta = ObjectField(required=False, help_text="For filtering, and searched with the text.")
    source_url = AddressField(max_length=2000)
    source_type = OptionalText(nothing=None, max_length=255, trim_whitespace=False)
    source_id = OptionalText(nothing=None, max_length=255, trim_whitespace=False)


class EntryChanges(EntryFields):
    """Fields that are not sent stay as they are."""

    raw_text = RawTextField(required=False)


class EntryWithSource(EntryFields):
    """An entry by its source. Fields that are not sent stay as they are."""

    source_type = TextField(max_length=255, trim_whitespace=False)  # type: ignore[assignment]
    source_id = TextField(max_length=255, trim_whitespace=False)  # type: ignore[assignment]


class BatchSerializer(serializers.Serializer[Any]):
    entries = EntryWithSource(many=True, allow_empty=False, max_length=MOST_IN_A_BATCH)  # type: ignore[call-arg]

    def validate_entries(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One source twice is no order to go by."""
        first: dict[tuple[str, str], int] = {}
        errors: list[dict[str, list[str]]] = [{} for _ in entries]
        for number, entry in enumerate(entries):
            earlier = first.setdefault((entry["source_type"], entry["source_id"]), number)
            if earlier != number:
                errors[number] = {"source_id": [f"This source was sent already, in entries.{earlier}."]}
        if any(errors):
            raise serializers.ValidationError(errors)
        return entries


class BatchOutcome(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
