"""Golden sets and what was measured by them, for staff."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from doculume.back_office import OF_ACCOUNT, ModelAdmin, TabularInline
from knowledge.models import EvaluationRun, GoldenEntry, GoldenQuestion


class GoldenEntryInline(TabularInline):
    model = GoldenEntry
    fields = ("entry", "gain")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoldenEntry]:
        return super().get_queryset(request).select_related("entry").defer("entry__text", "entry__raw_text")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ToLookAt(ModelAdmin):
    """What a command writes; staff may delete it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(GoldenQuestion)
class GoldenQuestionAdmin(ToLookAt):
    list_display = ("beginning", "collection", "account", "language", "expected_count", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("collection", "account")
    search_fields = ("id", "collection", *OF_ACCOUNT)
    fields = ("question", "language", ("collection", "account"), "created_at", "id")
    inlines = (GoldenEntryInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GoldenQuestion]:
        return super().get_queryset(request).annotate(expected_total=Count("expected"))

    @admin.display(description="question")
    def beginning(self, question: GoldenQuestion) -> str:
        return Truncator(question.question).chars(100)

    @admin.display(description="expected entries", ordering="expected_total")
    def expected_count(self, question: GoldenQuestion) -> int:
        return question.expected_total  # type: ignore[attr-defined]


@admin.register(EvaluationRun)
class EvaluationRunAdmin(ToLookAt):
    list_display = (
        "created_at",
        "account",
        "collection",
        "model_name",
        "questions",
        "ndcg",
        "recall",
        "mrr",
        "latency_p50_ms",
        "latency_p95_ms",
    )
    list_filter = ("created_at",)
    list_select_related = ("account", "collection")
    search_fields = ("id", "collection", *OF_ACCOUNT)
    fields = (
        ("account", "collection"),
        ("model_name", "questions"),
        ("ndcg", "recall", "mrr"),
        ("latency_p50_ms", "latency_p95_ms"),
        "golden_digest",
        "each_question",
        ("created_at", "id"),
    )
    readonly_fields = ("each_question",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationRun]:
        return super().get_queryset(request).defer("figures")

    @admin.display(description="figures")
    def each_question(self, run: EvaluationRun) -> SafeString:
        return format_html("<pre>{}</pre>", Truncator(json.dumps(run.figures, indent=1)).chars(20_000))
