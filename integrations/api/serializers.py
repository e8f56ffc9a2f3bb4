"""Integrations and their events on the wire. Every field is named, in and out.

The settings of a type are flat in requests and inside `settings` in answers. As Laravel's validated input does, a
request's unknown fields, and settings of another type, are left out without a word. `settings: {…}` is read too, so
that what was shown can be changed and sent back; a setting that is also given flat counts as given flat.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import TextField
from doculume.errors import NotFound
from integrations.domains import NotAHost, normalize_host
from integrations.models import (
    LONGEST_INSTRUCTIONS,
    LONGEST_MESSAGE,
    LONGEST_NAME,
    Integration,
    IntegrationEvent,
)
from knowledge.models import Collection

MOST_COLLECTIONS = 100
MOST_DOMAINS = 100
LONGEST_META = 4_000
DEEPEST_META = 5


class OptionalText(TextField):
    """Text or null. An empty one counts as null, as in Laravel."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(data) or None


class Choice(serializers.ChoiceField):
    """One of the words; REST framework's own field also takes what only reads like one when written out."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class HostField(TextField):
    default_error_messages = {"host": "Must be a host such as example.com, *.example.com or localhost:3000."}

    def to_internal_value(self, data: Any) -> str:
        try:
            return normalize_host(super().to_internal_value(data))
        except NotAHost:
            self.fail("host")


class SettingsSerializer(serializers.Serializer[Integration]):
    """The settings of all types; an answer has those of its type."""

    welcome_message = OptionalText(max_length=LONGEST_MESSAGE)
    instructions = OptionalText(max_length=LONGEST_INSTRUCTIONS)
    persona = Choice(choices=Integration.Persona.choices, required=False)
    unknown_answer_message = OptionalText(max_length=LONGEST_MESSAGE)
    placeholder = TextField(max_length=LONGEST_NAME, required=False, allow_blank=True)
    results_display = Choice(choices=Integration.ResultsDisplay.choices, required=False)
    label = OptionalText(max_length=LONGEST_NAME)  # type: ignore[assignment]


class IntegrationSerializer(serializers.ModelSerializer[Integration]):
    """An integration as it is shown."""

    settings = serializers.SerializerMethodField()
    allowed_domains = serializers.ListField(child=serializers.CharField(), allow_null=True)
    collection_ids = serializers.ListField(child=serializers.UUIDField())

    class Meta:
        model = Integration
        fields = (
            "id",
            "name",
            "project",
            "type",
            "allowed_domains",
            "is_active",
            "settings",
            "collection_ids",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field(SettingsSerializer)
    def get_settings(self, integration: Integration) -> dict[str, Any]:
        return integration.settings


class IntegrationResource(serializers.Serializer[Any]):
    data = IntegrationSerializer()  # type: ignore[assignment]


class IntegrationInput(SettingsSerializer):
    """What makes or changes an integration of the account in the context."""

    type = Choice(choices=Integration.Type.choices)
    name = TextField(max_length=LONGEST_NAME)
    collection_ids = serializers.ListField(
        child=serializers.UUIDField(),
        allow_empty=False,
        max_length=MOST_COLLECTIONS,
        error_messages={"empty": "This field is required."},
    )
    project = OptionalText(max_length=LONGEST_NAME)
    allowed_domains = serializers.ListField(child=HostField(), required=False, allow_null=True, max_length=MOST_DOMAINS)
    is_active = serializers.BooleanField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        nested = data.get("settings") if isinstance(data, Mapping) else None
        if nested is None:
            return super().to_internal_value(self._without_foreign(data))
        if not isinstance(nested, Mapping):
            raise serializers.ValidationError({"settings": ["Must be an object."]})
        inner = {name: value for name, value in nested.items() if name in SettingsSerializer().fields}
        return super().to_internal_value(self._without_foreign(inner | dict(data)))

    def _without_foreign(self, data: Any) -> Any:
        """Settings of another type than the integration's are not even looked at."""
        if not isinstance(data, Mapping):
            return data
        kind = self.instance.type if self.instance else data.get("type")
        own = Integration.SETTINGS.get(kind, ()) if isinstance(kind, str) else ()
        foreign = set(SettingsSerializer().fields) - set(own)
        return {name: value for name, value in data.items() if name not in foreign}

    def validate_type(self, kind: str) -> str:
        if self.instance and kind != self.instance.type:
            raise serializers.ValidationError("The type cannot be changed.")
        return kind

    def validate_allowed_domains(self, domains: list[str] | None) -> list[str] | None:
        return domains and list(dict.fromkeys(domains))

    def validate_collection_ids(self, ids: list[UUID]) -> list[UUID]:
        known = set(
            Collection.objects.for_account(self.context["account"]).filter(id__in=ids).values_list("id", flat=True)
        )
        missing = ["The selected collection does not exist."]
        unknown: Any = {place: missing for place, each in enumerate(ids) if each not in known}
        if unknown:
            raise serializers.ValidationError(unknown)
        return list(dict.fromkeys(ids))

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Integration:
        ids = validated_data.pop("collection_ids")
        integration = Integration.objects.create(account=self.context["account"], **validated_data)
        self._connect(integration, ids)
        return integration

    @transaction.atomic
    def update(self, instance: Integration, validated_data: dict[str, Any]) -> Integration:
        ids = validated_data.pop("collection_ids", None)
        rows = Integration.objects.for_account(self.context["account"]).filter(id=instance.id)
        # Held until the links are written, so that of two changes one comes wholly after the other.
        if rows.select_for_update().first() is None:
            raise NotFound
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.updated_at = timezone.now()
        rows.update(**validated_data, updated_at=instance.updated_at)
        if ids is not None:
            self._connect(instance, ids)
        return instance

    def _connect(self, integration: Integration, ids: list[UUID]) -> None:
        try:
            integration.connect(ids)
        except IntegrityError as error:
            raise serializers.ValidationError(
                {"collection_ids": ["A selected collection was just deleted."]}
            ) from error


class EventMetaField(serializers.JSONField):
    """A small JSON object."""

    default_error_messages = {
        "object": "Must be a JSON object.",
        "large": f"Must be at most {LONGEST_META} bytes as JSON.",
        "deep": f"Must be nested at most {DEEPEST_META} levels deep.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if data == []:
            # What PHP makes of an empty array.
            return {}
        if not isinstance(data, dict):
            self.fail("object")
        if depth_of(data) > DEEPEST_META:
            self.fail("deep")
        if len(json.dumps(data, ensure_ascii=False).encode()) > LONGEST_META:
            self.fail("large")
        return data


def depth_of(value: Any) -> int:
    """1 for an object or a list of plain values. What comes here was bounded when it was read."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth_of, parts), default=0)
    return 0


class EventSerializer(serializers.ModelSerializer[IntegrationEvent]):
    event_type = Choice(choices=IntegrationEvent.Type.choices)
    meta = EventMetaField(required=False, allow_null=True)

    class Meta:
        model = IntegrationEvent
        fields = ("event_type", "meta")

    def validate_meta(self, meta: dict[str, Any] | None) -> dict[str, Any]:
        return meta or {}


class RecordedSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
