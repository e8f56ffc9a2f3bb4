"""What holds for the whole deployment."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts import site
from accounts.models import SiteSettings, User
from doculume.back_office import ModelAdmin
from doculume.errors import InvalidRequest


class SiteSettingsForm(forms.ModelForm):
    class Meta:
        model = SiteSettings
        fields = (
            "registration",
            "email_confirmation_required",
            "terms_required",
            "terms_url",
            "default_plan",
            "default_chat_model",
            "default_embedding_model",
            "upload_max_bytes",
            "conversation_retention_days",
            "audit_retention_days",
        )

    def clean_upload_max_bytes(self) -> int | None:
        limit: int | None = self.cleaned_data["upload_max_bytes"]
        self._ask(site.refuse_upload_limit, limit)
        return limit

    def clean_default_chat_model(self) -> str:
        return self._model("chat")

    def clean_default_embedding_model(self) -> str:
        return self._model("embedding")

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        if fields.get("terms_required") and not fields.get("terms_url"):
            self.add_error("terms_url", "Say where the terms are before they are required.")
        return fields

    def _model(self, kind: str) -> str:
        name: str = self.cleaned_data[f"default_{kind}_model"]
        self._ask(site.refuse_model, kind, name)
        return name

    @staticmethod
    def _ask(judge: Any, *arguments: Any) -> None:
        try:
            judge(*arguments)
        except InvalidRequest as error:
            raise forms.ValidationError([text for texts in error.details.values() for text in texts]) from error


@admin.register(SiteSettings)
class SiteSettingsAdmin(ModelAdmin):
    """One row, which is there from the first look on."""

    form = SiteSettingsForm
    list_display = ("__str__", "registration", "default_plan", "updated_at", "updated_by")
    readonly_fields = ("updated_at", "updated_by")
    fieldsets = (
        ("Registration", {"fields": ("registration", "email_confirmation_required", "terms_required", "terms_url")}),
        ("Defaults", {"fields": ("default_plan", "default_chat_model", "default_embedding_model")}),
        ("Limits", {"fields": ("upload_max_bytes", "conversation_retention_days", "audit_retention_days")}),
        ("Last change", {"fields": ("updated_at", "updated_by")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        SiteSettings.objects.current()
        return super().get_queryset(request)

    def save_model(self, request: HttpRequest, obj: SiteSettings, form: Any, change: bool) -> None:
        assert isinstance(request.user, User)
        site.change({name: form.cleaned_data[name] for name in form.changed_data}, request.user, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SiteSettings | None = None) -> bool:
        return False
