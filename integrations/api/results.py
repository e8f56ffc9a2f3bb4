"""What a search found, on the wire: entries as they are listed, and why each is where it is."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from doculume.dialects.pages import LinkedPages
from knowledge.search import EntryHit, EntryResults

_PAGES: Any = LinkedPages().get_paginated_response_schema({})["properties"]


class BoostAppliedSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    type = serializers.CharField()
    factor = serializers.FloatField(help_text="What the score was multiplied by; 1 where the field is missing.")


class ScoreBreakdownSerializer(serializers.Serializer[EntryHit]):
    similarity = serializers.FloatField(help_text="0 to 1, with any embedding model; `threshold` is on it.")
    final_score = serializers.FloatField(help_text="What the order goes by, unless results are sorted.")
    boosts = BoostAppliedSerializer(many=True)


class ResultSerializer(serializers.Serializer[EntryHit]):
    id = serializers.UUIDField(source="entry_id")
    collection_id = serializers.UUIDField()
    title = serializers.SerializerMethodField()
    raw_text = serializers.CharField()
    meta = serializers.DictField()
    searchable_meta = serializers.DictField()
    source_url = serializers.SerializerMethodField()
    source_type = serializers.CharField(allow_null=True)
    source_id = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    score_breakdown = ScoreBreakdownSerializer(source="*")
    explain = serializers.DictField(required=False, help_text="Each leg's rank and score; with `explain` only.")

    def get_title(self, hit: EntryHit) -> str | None:
        return hit.title or None

    def get_source_url(self, hit: EntryHit) -> str | None:
        return hit.source_url or None

    def to_representation(self, instance: EntryHit) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if not self.context.get("explain"):
            del shown["explain"]
        return shown


@extend_schema_field(_PAGES["links"])
class LinksField(serializers.DictField):
    pass


@extend_schema_field(_PAGES["meta"])
class MetaField(serializers.DictField):
    pass


class ResultsSerializer(serializers.Serializer[EntryResults]):
    data = ResultSerializer(many=True, source="hits")  # type: ignore[assignment]
    summarisable = serializers.BooleanField(help_text="Whether the best results truly answer the query.")
    timings = serializers.DictField(
        child=serializers.FloatField(), required=False, help_text="Milliseconds by step; with `explain` only."
    )
    links = LinksField(required=False)
    meta = MetaField(required=False)

    def to_representation(self, instance: EntryResults) -> dict[str, Any]:
        hits: Any = ResultSerializer(many=True, context=self.context)
        shown = {"data": hits.to_representation(instance.hits), "summarisable": instance.summarisable}
        if self.context.get("explain"):
            shown["timings"] = {name: round(value, 3) for name, value in instance.timings.items()}
        return shown
