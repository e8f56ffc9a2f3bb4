"""Conversations for staff: to look at, and to delete."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from accounts import audit
from accounts.admin.members import by
from chat import transcript
from chat.models import Citation, Conversation, Message
from doculume.back_office import OF_ACCOUNT, OF_USER, ModelAdmin, TabularInline


class Unchanging:
    """Mixin: what was said stays as it was said."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def note_reading(request: HttpRequest, conversation: Conversation) -> None:
    """Whose words staff looked at, for the audit, which owners of the account see too."""
    target = f"conversation {conversation.pk}"
    audit.record(audit.Action.CONVERSATION_READ, account=conversation.account, target=target, **by(request))


def cited(message: Message) -> SafeString:
    """The citations of a message that was read with them."""
    rows = (
        (c.index, c.file_name or c.title, f", page {c.page_number}" if c.page_number else "", c.snippet[:300])
        for c in message.citations.all()
    )
    return format_html_join("", "<p>[{}] <strong>{}</strong>{}<br>{}</p>", rows)


class MessageInline(Unchanging, TabularInline):
    model = Message
    fields = ("role", "content", "citation_list", "status", "reason", "created_at")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True
    ordering = ("created_at", "id")
    per_page = 50
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).prefetch_related("citations")

    @admin.display(description="citations")
    def citation_list(self, message: Message) -> SafeString:
        return cited(message)


@admin.register(Conversation)
class ConversationAdmin(Unchanging, ModelAdmin):
    list_display = ("name", "user", "account", "model_name", "created_at", "updated_at")
    list_filter = ("updated_at",)
    sortable_by = ("updated_at",)
    list_select_related = ("user", "account")
    search_fields = ("id", *OF_USER, *OF_ACCOUNT)
    fields = ("title", ("user", "account"), "model_name", ("created_at", "updated_at"), "id")
    inlines = (MessageInline,)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        note_reading(request, kwargs["obj"])
        return super().render_change_form(request, context, *args, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is about to go, as counts: its messages cannot be deleted one by one, and may be very many."""
        messages = Message.objects.filter(conversation__in=objs).count()
        counts = {"conversations": len(objs), "messages": messages}
        return [str(conversation) for conversation in objs], counts, set(), []

    def delete_model(self, request: HttpRequest, obj: Conversation) -> None:
        transcript.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        for conversation in queryset:
            transcript.delete(conversation)

    @admin.display(description="title", ordering="title")
    def name(self, conversation: Conversation) -> str:
        return Truncator(str(conversation)).chars(80)


@admin.register(Message)
class MessageAdmin(Unchanging, ModelAdmin):
    list_display = ("id", "role", "status", "reason", "account", "model_name", "citation_count", "created_at")
    ordering = ("-id",)
    sortable_by = ()
    list_select_related = ("account",)
    search_fields = ("id", "conversation", *OF_ACCOUNT)
    fields = (
        ("role", "status", "reason"),
        "content",
        "citation_list",
        "conversation_link",
        ("model_name", "prompt_tokens", "completion_tokens"),
        ("timings", "sources"),
        ("account", "created_at", "updated_at"),
        "id",
    )
    readonly_fields = ("citation_list", "conversation_link")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        citations = Prefetch("citations", Citation.objects.order_by("index"))
        return super().get_queryset(request).prefetch_related(citations)

    def has_delete_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        """A conversation goes as a whole."""
        return False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        note_reading(request, kwargs["obj"].conversation)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="citations")
    def citation_count(self, message: Message) -> int:
        return len(message.citations.all())

    @admin.display(description="citations")
    def citation_list(self, message: Message) -> SafeString:
        return cited(message)

    @admin.display(description="conversation")
    def conversation_link(self, message: Message) -> SafeString:
        address = reverse("admin:chat_conversation_change", args=[message.conversation_id])
        return format_html('<a href="{}">{}</a>', address, message.conversation_id)
