"""Plans, and what is agreed with one account beside its plan. All changes go into the audit."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.admin.members import by
from accounts.models import Account, AccountLimits, Limits, Plan, SiteSettings
from accounts.plans import agree, changed
from doculume.back_office import ModelAdmin, StackedInline


@admin.register(Plan)
class PlanAdmin(ModelAdmin):
    """Every change holds for all accounts on the plan, from their next request on."""

    list_display = ("__str__", "name", *Limits.NAMES, "account_count", "position")
    search_fields = ("name__istartswith", "title__istartswith")
    readonly_fields = ("created_at", "updated_at")
    fieldsets = (
        (None, {"fields": (("name", "title"), "position")}),
        ("Limits (empty: none)", {"fields": Limits.NAMES}),
        ("Dates", {"fields": (("created_at", "updated_at"),)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).annotate(account_total=Count("accounts"))

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> Any:
        """The name is what accounts refer to."""
        return (*self.readonly_fields, "name") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        before = Plan.objects.get(pk=obj.pk) if change else Plan(name=obj.name)
        super().save_model(request, obj, form, change)
        changed(before, obj, **by(request))

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """Only one that nobody is on, and that new accounts do not get."""
        if not super().has_delete_permission(request, obj):
            return False
        if obj is None:
            return True
        return not obj.accounts.exists() and SiteSettings.objects.current().default_plan_id != obj.pk

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    @admin.display(description="accounts", ordering="account_total")
    def account_count(self, plan: Plan) -> int:
        return plan.account_total  # type: ignore[attr-defined]


class AccountLimitsInline(StackedInline):
    """What was agreed with the account. Emptied again rather than deleted."""

    model = AccountLimits
    can_delete = False
    fields = Limits.NAMES
    verbose_name = "Limits agreed with this account (empty: as the plan says)"


def save_agreed(request: HttpRequest, account: Account, formset: Any) -> None:
    """In place of the inline's own saving, which would not write down what was before."""
    formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
    for form in formset.forms:
        if form.has_changed():
            agree(account, {name: form.cleaned_data[name] for name in form.changed_data}, **by(request))
            formset.changed_objects.append((form.instance, form.changed_data))
