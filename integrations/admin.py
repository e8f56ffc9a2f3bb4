"""Integrations for staff, and what happened at them, to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from accounts.admin.credentials import OnlyEnded
from accounts.admin.members import by
from doculume.back_office import OF_ACCOUNT, ModelAdmin, TabularInline
from integrations import keys
from integrations.models import ChatbotKey, ChatbotSettings, Integration, IntegrationCollection, IntegrationEvent


class CollectionInline(TabularInline):
    """Which collections it opens is decided by its account, through the API."""

    model = IntegrationCollection
    fields = ("collection", "position")
    readonly_fields = fields
    extra = 0
    can_delete = False
    verbose_name_plural = "collections"

    def get_queryset(self, request: HttpRequest) -> QuerySet[IntegrationCollection]:
        return super().get_queryset(request).select_related("collection")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Integration)
class IntegrationAdmin(ModelAdmin):
    list_display = ("name", "type", "account", "project", "is_active", "created_at")
    list_filter = ("type", "is_active", "created_at")
    list_select_related = ("account",)
    search_fields = ("id", "name__istartswith", "project__istartswith", *OF_ACCOUNT)
    inlines = (CollectionInline,)

    def get_fields(self, request: HttpRequest, obj: Integration | None = None) -> Any:
        settings = Integration.SETTINGS[obj.type] if obj else ()
        common = ("name", ("account", "type"), "project", "allowed_domains", "is_active")
        return (*common, *settings, "events_link", ("created_at", "updated_at"), "id")

    def get_readonly_fields(self, request: HttpRequest, obj: Integration | None = None) -> Any:
        return ("account", "type", "allowed_domains", "events_link", "created_at", "updated_at", "id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """One without collections would be of no use, and those are the account's to name."""
        return False

    @admin.display(description="events")
    def events_link(self, integration: Integration) -> SafeString:
        address = reverse("admin:integrations_integrationevent_changelist")
        return format_html(
            '<a href="{}?integration__id__exact={}">Events of this integration</a>', address, integration.id
        )


@admin.register(IntegrationEvent)
class IntegrationEventAdmin(ModelAdmin):
    list_display = ("event_type", "integration", "account", "what", "created_at")
    list_filter = ("event_type", "created_at")
    ordering = ("-id",)
    sortable_by = ()
    list_select_related = ("integration", "account")
    search_fields = ("id", "integration", *OF_ACCOUNT)
    fields = ("event_type", ("integration", "account"), "meta", "created_at", "id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "integration__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="meta")
    def what(self, event: IntegrationEvent) -> str:
        return Truncator(str(event.meta or "")).chars(80)


class RevokedFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChatbotKey]) -> QuerySet[ChatbotKey]:
        if self.value() in ("live", "revoked"):
            return queryset.filter(revoked_at__isnull=self.value() == "live")
        return queryset


@admin.register(ChatbotKey)
class ChatbotKeyAdmin(OnlyEnded):
    """Keys in other people's pages. What is shown of one finds it again, and is no use to anybody."""

    list_display = ("masked", "name", "account", "is_bound", "created_at", "last_used_at", "is_live", "revoked_because")
    list_filter = (RevokedFilter, "is_bound", "created_at", "last_used_at")
    list_select_related = ("account",)
    search_fields = ("id", "last_four", *OF_ACCOUNT)
    fields = (
        ("masked", "name"),
        "account",
        ("is_bound", "integrations"),
        "allowed_origins",
        ("created_at", "last_used_at"),
        ("revoked_at", "revoked_because"),
        "id",
    )
    readonly_fields = (
        *("masked", "name", "account", "is_bound", "integrations", "allowed_origins", "created_at", "last_used_at"),
        *("revoked_at", "revoked_because", "id"),
    )
    actions = ("rotate", "revoke")

    @admin.display(description="key", ordering="last_four")
    def masked(self, key: ChatbotKey) -> str:
        return keys.masked(key)

    @admin.display(boolean=True, description="live")
    def is_live(self, key: Any) -> bool:
        return key.revoked_at is None

    @admin.display(description="opens")
    def integrations(self, key: ChatbotKey) -> str:
        own = Integration.objects.for_account(key.account).filter(id__in=keys.bound(key).integration_ids)
        return ", ".join(own.values_list("name", flat=True)) or ("nothing any more" if key.is_bound else "everything")

    @admin.action(description="Revoke (the keys stop working at once)", permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ChatbotKey]) -> None:
        live = list(queryset.filter(revoked_at=None))
        for key in live:
            keys.revoke(key, "revoked by staff", **by(request))
        self.message_user(request, f"{len(live)} chatbot keys revoked.", messages.SUCCESS)

    @admin.action(description="Rotate (the old texts stop working at once)", permissions=["delete"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ChatbotKey]) -> None:
        """Their account sees the new texts on its pages; nobody else does."""
        live = list(queryset.filter(revoked_at=None))
        for key in live:
            keys.rotate(key, **by(request))
        self.message_user(request, f"{len(live)} chatbot keys rotated.", messages.SUCCESS)


@admin.register(ChatbotSettings)
class ChatbotSettingsAdmin(ModelAdmin):
    list_display = ("account", "support_email", "updated_at")
    list_select_related = ("account",)
    search_fields = ("support_email__istartswith", *OF_ACCOUNT)
    autocomplete_fields = ("account",)
    fields = ("account", "support_email", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: ChatbotSettings | None = None) -> Any:
        return ("account", "updated_at") if obj else ("updated_at",)
