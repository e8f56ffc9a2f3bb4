"""Embedding models and the moves between them, for staff. What a button starts, workers do; the lists show how far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import audit
from accounts.admin.members import by
from doculume.back_office import OF_ACCOUNT, ModelAdmin
from doculume.errors import DoculumeError
from doculume.hints import hint
from knowledge import model_moves, reindexing, tasks
from knowledge.models import Reindexing
from llm_settings.embedding_models import known_or_new
from llm_settings.models import EmbeddingModel

PROVIDERS = [("local", "on this machine"), ("openai", "the deployment's endpoint")]


class NewModelForm(forms.ModelForm):
    provider = forms.ChoiceField(choices=PROVIDERS, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = EmbeddingModel
        fields = ("provider", "name", "dimensions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["dimensions"].required = False
        self.fields["dimensions"].help_text = "Of an endpoint's vectors. A model on this machine tells them itself."

    def clean_name(self) -> str:
        """Names alone: a path would have this process open any folder."""
        name: str = self.cleaned_data["name"]
        if self.cleaned_data.get("provider") == "local" and "/" in name:
            raise forms.ValidationError("The name of a model, not the path of a folder.")
        return name

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        if self.errors:
            return fields
        try:
            self.instance = known_or_new(fields["provider"], fields["name"], fields.get("dimensions"))
        except DoculumeError as error:
            raise forms.ValidationError(error.message) from error
        fields["dimensions"] = self.instance.dimensions
        return fields


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ModelAdmin):
    """To look at, and to be moved to: by its account's pointers, each where its vectors are complete."""

    list_display = ("name", "provider", "dimensions", "status", "created_at")
    list_filter = ("status",)
    search_fields = ("id", "name__istartswith")
    fields = ("name", "provider", "dimensions", "status", "answers_for", "on_their_way", "created_at", "id")
    readonly_fields = fields
    add_fieldsets = ((None, {"fields": ("provider", "name", "dimensions")}),)
    actions_detail = ("move_to", "roll_back", "retire")
    change_form_before_template = "admin/parts/moving.html"

    def get_urls(self) -> list[URLPattern]:
        progress = self.admin_site.admin_view(require_safe(self.progress))
        return [path("<uuid:pk>/progress/", progress, name="llm_settings_embeddingmodel_progress"), *super().get_urls()]

    def progress(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """How far the moves to it are, for its page to ask again and again until they are done."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        model = get_object_or_404(EmbeddingModel, pk=pk)
        shown = {"original": model, "now": model_moves.progress(model)}
        return render(request, "admin/parts/moving_progress.html", shown)

    def get_form(self, request: HttpRequest, obj: EmbeddingModel | None = None, *args: Any, **kwargs: Any) -> Any:
        new = {} if obj else {"form": NewModelForm}
        return super().get_form(request, obj, *args, **kwargs | new)

    def get_readonly_fields(self, request: HttpRequest, obj: EmbeddingModel | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_move_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("llm_settings.change_embeddingmodel")

    def save_model(self, request: HttpRequest, obj: EmbeddingModel, form: Any, change: bool) -> None:
        """The form has done it, for the model had to answer first."""
        audit.record(audit.Action.EMBEDDING_MODEL_MOVED, target=f"embedding model {obj}", step="added", **by(request))

    @admin.display(description="answers for")
    def answers_for(self, model: EmbeddingModel) -> str:
        count = model_moves.progress(model)["accounts"]
        others = " and all that have no model of their own" if model.status == EmbeddingModel.Status.ACTIVE else ""
        return f"{count:,} account{'' if count == 1 else 's'}{others}"

    @admin.display(description="on their way to it")
    def on_their_way(self, model: EmbeddingModel) -> str:
        now = model_moves.progress(model)
        told = f"accounts: {now['moving']:,}, chunks: {now['done']:,} of {now['total']:,}"
        return told if now["moving"] else "none"

    @action(description="Move everybody to it", icon="sync_alt", permissions=["move"], variant=ActionVariant.PRIMARY)
    def move_to(self, request: HttpRequest, object_id: str) -> HttpResponse:
        model = self._model(request, object_id)
        told = (
            f"Every account's chunks are embedded by {model} in the background, while they are searched as before. An "
            "account answers by it once all its vectors are there, unless it would answer its golden questions worse. "
            "The deployment follows when all accounts have."
        )

        def start() -> None:
            model_moves.refuse_unless_movable_to(model)
            reindexing.announce(model)
            hint(tasks.move_everybody, str(model.id))

        return self._once_sure(request, model, "Move everybody to this model", told, start)

    @action(description="Roll back", icon="undo", permissions=["move"])
    def roll_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        model = self._model(request, object_id)
        told = (
            f"Each account that {model} answers for answers by its earlier model again, at once and without embedding "
            "anything, where the vectors of that were kept. What has none stays."
        )
        return self._once_sure(
            request, model, "Roll back from this model", told, lambda: hint(tasks.roll_everybody_back, str(model.id))
        )

    @action(description="Retire", icon="delete_sweep", permissions=["move"], variant=ActionVariant.DANGER)
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        model = self._model(request, object_id)
        told = f"All vectors of {model} are deleted. There is no rolling back to it after that, only embedding anew."

        def start() -> None:
            model_moves.refuse_unless_retirable(model)
            hint(tasks.retire_everywhere, str(model.id))

        return self._once_sure(request, model, "Retire this model", told, start)

    def _model(self, request: HttpRequest, object_id: str) -> EmbeddingModel:
        if not self.has_move_permission(request):
            raise PermissionDenied
        model = self.get_object(request, object_id)
        if model is None:
            raise Http404
        return model

    def _once_sure(
        self, request: HttpRequest, model: EmbeddingModel, title: str, told: str, start: Callable[[], None]
    ) -> HttpResponse:
        """The question on GET; on POST it is done, and written into the audit."""
        page = reverse("admin:llm_settings_embeddingmodel_change", args=[model.pk])
        if request.method != "POST":
            shown = {"title": title, "told": told, "opts": self.opts, "back": page, "original": model}
            return render(request, "admin/sure.html", self.admin_site.each_context(request) | shown)
        try:
            start()
        except DoculumeError as error:
            messages.error(request, error.message)
        else:
            audit.record(
                audit.Action.EMBEDDING_MODEL_MOVED, target=f"embedding model {model}", step=title, **by(request)
            )
            messages.success(request, "A worker is at it. This page shows how far it is.")
        return redirect(page)


@admin.register(Reindexing)
class ReindexingAdmin(ModelAdmin):
    """Accounts on their way from one model to another."""

    list_display = ("account", "model", "status", "how_far", "last_error", "created_at", "finished_at")
    list_filter = ("status", "model")
    list_select_related = ("account", "model")
    search_fields = ("id", *OF_ACCOUNT)
    ordering = ("-id",)
    sortable_by = ()
    fields = (
        ("account", "model"),
        ("status", "how_far"),
        "collection_id",
        ("accept_regression", "most_per_second"),
        "figures",
        ("failures", "last_error"),
        ("lease_owner", "lease_expires_at", "next_turn_at"),
        ("created_at", "finished_at"),
        "id",
    )
    readonly_fields = ("how_far",)
    actions = ("cancel", "again", "swap_anyway")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_move_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("knowledge.change_reindexing")

    @admin.display(description="progress")
    def how_far(self, move: Reindexing) -> str:
        return f"{move.progress:.0%} of {move.total:,} chunks"

    @admin.action(description="Stop (what was embedded stays until the model is retired)", permissions=["move"])
    def cancel(self, request: HttpRequest, moves: QuerySet[Reindexing]) -> None:
        unfinished = moves.filter(status__in=[Reindexing.Status.WAITING, Reindexing.Status.RUNNING])
        stopped = 0
        for move in unfinished.select_related("account"):
            stopped += reindexing.cancel(move.account)
            self._record(request, move, "stopped")
        self.message_user(request, f"{stopped} stopped.", messages.SUCCESS)

    @admin.action(description="Try again those that failed or were stopped", permissions=["move"])
    def again(self, request: HttpRequest, moves: QuerySet[Reindexing]) -> None:
        ended = moves.filter(status__in=[Reindexing.Status.FAILED, Reindexing.Status.CANCELLED])
        self._start(request, ended, accept_regression=False)

    @admin.action(description="Swap those that were refused, though they answer worse", permissions=["move"])
    def swap_anyway(self, request: HttpRequest, moves: QuerySet[Reindexing]) -> None:
        self._start(request, moves.filter(status=Reindexing.Status.REFUSED), accept_regression=True)

    def _start(self, request: HttpRequest, moves: QuerySet[Reindexing], *, accept_regression: bool) -> None:
        started = 0
        for move in moves.select_related("account", "model"):
            try:
                new = reindexing.start(
                    move.account,
                    move.model,
                    collection_id=move.collection_id,
                    most_per_second=move.most_per_second,
                    accept_regression=accept_regression or move.accept_regression,
                )
            except DoculumeError as error:
                self.message_user(request, f"{move.account}: {error.message}", messages.WARNING)
            else:
                tasks.hint_reindexing(new.id)
                self._record(request, move, "swap anyway" if accept_regression else "again")
                started += 1
        if started:
            self.message_user(request, f"{started} are on their way.", messages.SUCCESS)

    @staticmethod
    def _record(request: HttpRequest, move: Reindexing, what: str) -> None:
        target = f"move to {move.model}"
        audit.record(audit.Action.EMBEDDING_MODEL_MOVED, account=move.account, target=target, step=what, **by(request))
