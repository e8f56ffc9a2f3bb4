"""Accounts, who is in them, and their plans."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from accounts.admin.deleting import DeletesForGood
from accounts.admin.members import MembershipInline, by
from accounts.admin.plans import AccountLimitsInline, save_agreed
from accounts.deletion import delete_account
from accounts.models import Account, AccountLimits
from accounts.plans import put_on
from accounts.usage import answers_this_month, held_by


@admin.register(Account)
class AccountAdmin(DeletesForGood):
    goes_along = "with all that is in it"
    list_display = ("name", "id", "plan", "personal_of", "created_at")
    list_filter = ("plan", "created_at")
    list_select_related = ("personal_of", "plan")
    search_fields = ("id", "name__istartswith", "personal_of__email__startswith")
    search_help_text = "The number of an account, how its name begins, or how its person's e-mail begins."
    readonly_fields = ("personal_of", "created_at", "answers", "entries", "stored_bytes")
    fieldsets = (
        (None, {"fields": ("name", "personal_of", "plan", "created_at")}),
        ("Used", {"fields": ("answers", "entries", "stored_bytes")}),
    )
    inlines = (AccountLimitsInline, MembershipInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return super().get_queryset(request).filter(deleted_at=None)

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        with transaction.atomic():
            if "plan" in form.changed_data:
                put_on(obj, form.cleaned_data["plan"], **by(request))
            # Nothing else: the row may have changed since the form was read.
            obj.save(update_fields=["name", "updated_at"])

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model is AccountLimits:
            save_agreed(request, form.instance, formset)
        else:
            super().save_formset(request, form, formset, change)

    def delete_for_good(self, request: HttpRequest, row: Account) -> None:
        delete_account(row, by(request)["actor"], request)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """A personal account goes with its user, never before."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.personal_of_id is None)

    @admin.display(description="AI answers this month")
    def answers(self, account: Account) -> str:
        return _of(answers_this_month(account.pk), account.allowance.answers_per_month) if account.pk else "-"

    @admin.display(description="entries")
    def entries(self, account: Account) -> str:
        return _of(held_by(account).entries, account.allowance.entries) if account.pk else "-"

    @admin.display(description="stored")
    def stored_bytes(self, account: Account) -> str:
        if not account.pk:
            return "-"
        limit = account.allowance.stored_bytes
        return f"{filesizeformat(held_by(account).stored_bytes)} of {'any' if limit is None else filesizeformat(limit)}"


def _of(amount: int, limit: int | None) -> str:
    return f"{amount:,} of {'any' if limit is None else f'{limit:,}'}"
