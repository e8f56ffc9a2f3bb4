"""What a search found, on the wire: entries as they are listed, and why each is where it is."""

from __future__ import annotations

from datetime import UTC, datetime
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
    title = serializers.CharField(allow_null=True)
    raw_text = serializers.CharField()
    meta = serializers.DictField()
    searchable_meta = serializers.DictField()
    source_url = serializers.CharField(allow_null=True)
    source_type = serializers.CharField(allow_null=True)
    source_id = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    score_breakdown = ScoreBreakdownSerializer(source="*")
    explain = serializers.DictField(required=False, help_text="Each leg's rank and score; with `explain` only.")

    def to_representation(self, hit: EntryHit) -> dict[str, Any]:
        """By hand: field by field it would take ten times as long, for each of up to fifty results."""
        shown = {
            "id": str(hit.entry_id),
            "collection_id": str(hit.collection_id),
            "title": hit.title or None,
            "raw_text": hit.raw_text,
            "meta": hit.meta,
            "searchable_meta": hit.searchable_meta,
            "source_url": hit.source_url or None,
            "source_type": hit.source_type,
            "source_id": hit.source_id,
            "created_at": _moment(hit.created_at),
            "updated_at": _moment(hit.updated_at),
            "score_breakdown": {
                "similarity": hit.similarity,
                "final_score": hit.final_score,
                "boosts": [{"field": one.field, "type": one.type, "factor": one.factor} for one in hit.boosts],
            },
        }
        return shown | {"explain": hit.explain} if self.context.get("explain") else shown


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
