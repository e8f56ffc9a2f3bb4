"""The admin's first page: the few figures that staff look at first, of what each of them may see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, OutgoingMail, User
from chat.models import Conversation
from doculume.back_office import up_to
from knowledge.models import Document, IngestionJob, Reindexing


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: str
    link: str
    is_bad: bool = False


def with_figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold asks for it, with the page's context."""
    return context | {"figures": [figure for figure in _figures(request) if figure]}


def _figures(request: HttpRequest) -> list[Figure | None]:
    week = timezone.now() - timedelta(days=7)
    return [
        _figure(request, User, "people", lambda: User.objects.filter(deleted_at=None)),
        _figure(request, Account, "accounts", lambda: Account.objects.filter(deleted_at=None)),
        _figure(
            request, Conversation, "conversations this week", lambda: Conversation.objects.filter(updated_at__gte=week)
        ),
        _figure(
            request,
            Document,
            "documents that failed",
            lambda: Document.objects.filter(status="failed"),
            "?status__exact=failed",
            bad=True,
        ),
        _figure(
            request,
            IngestionJob,
            "jobs waiting",
            lambda: IngestionJob.objects.filter(status="waiting"),
            "?status__exact=waiting",
        ),
        _figure(request, Reindexing, "moves between models", lambda: Reindexing.objects.unfinished()),
        _figure(
            request,
            OutgoingMail,
            "mails given up",
            lambda: OutgoingMail.objects.filter(failed_at__isnull=False),
            "?failed_at__isempty=0",
            bad=True,
        ),
    ]


def _figure(
    request: HttpRequest,
    model: type[Any],
    name: str,
    rows: Callable[[], QuerySet[Any]],
    query: str = "",
    *,
    bad: bool = False,
) -> Figure | None:
    """`bad`: any of it is too many."""
    registered = admin.site._registry.get(model)
    if registered is None or not registered.has_view_or_change_permission(request):
        return None
    value = up_to(rows())
    link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") + query
    return Figure(name, value, link, is_bad=bad and value != "0")
