"""Mail that is on its way, and that which was given up. What stands in it is never shown: links in it let people in."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import OutgoingMail
from doculume.back_office import ModelAdmin


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ModelAdmin):
    list_display = ("created_at", "to", "subject", "attempts", "next_attempt_at", "failed_at", "last_error")
    list_filter = (("failed_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("id", "to__istartswith")
    fields = (
        "id",
        "to",
        "subject",
        "attempts",
        "next_attempt_at",
        "lease_expires_at",
        "failed_at",
        "last_error",
        "created_at",
    )
    readonly_fields = fields
    actions = ("retry",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: OutgoingMail | None = None) -> bool:
        return False

    @admin.action(description="Try again", permissions=["delete"])
    def retry(self, request: HttpRequest, mails: QuerySet[OutgoingMail]) -> None:
        """Those that were given up; the others are tried by themselves."""
        now = timezone.now()
        count = mails.filter(failed_at__isnull=False).update(
            failed_at=None, attempts=0, last_error="", next_attempt_at=now, lease_expires_at=None
        )
        self.message_user(request, f"{count} will be tried again.", messages.SUCCESS)
