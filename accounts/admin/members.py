"""Who is in which account, and who was asked, for staff: by the same rules as for everybody, and audited."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts import invitations, members
from accounts.audit import By
from accounts.models import Invitation, Membership, User
from doculume.back_office import OF_ACCOUNT, OF_USER, ModelAdmin, TabularInline
from doculume.errors import DoculumeError


def by(request: HttpRequest) -> By:
    """Whoever is in the admin, for the audit."""
    assert isinstance(request.user, User)
    return {"request": request, "actor": request.user}


class MembershipInline(TabularInline):
    """To be looked at: each membership is changed on its own page, where the owners' rule is kept."""

    model = Membership
    extra = 0
    fields = ("account", "user", "role", "created_at")
    readonly_fields = fields
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembershipForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        """Only what can be known before anything is locked; `save_model` has the last word."""
        fields = super().clean() or {}
        account, user = fields.get("account"), fields.get("user")
        is_owner = fields.get("role") == Membership.Role.OWNER
        if account and user and is_owner and account.is_personal and account.personal_of_id != user.pk:
            raise forms.ValidationError(members.StaysWithItsPerson.message)
        return fields


@admin.register(Membership)
class MembershipAdmin(ModelAdmin):
    form = MembershipForm
    list_display = ("user", "account", "role", "created_at")
    list_filter = ("role", "created_at")
    list_select_related = ("user", "account")
    search_fields = (*OF_USER, *OF_ACCOUNT)
    autocomplete_fields = ("user", "account")
    readonly_fields = ("created_at",)
    actions = ("take_out",)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        return ("user", "account", "created_at") if obj else self.readonly_fields

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DoculumeError as error:
            return self.refused(request, error)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().delete_view(request, *args, **kwargs)
        except DoculumeError as error:
            return self.refused(request, error)

    def refused(self, request: HttpRequest, error: DoculumeError) -> HttpResponse:
        self.message_user(request, error.message, messages.ERROR)
        return redirect(reverse("admin:accounts_membership_changelist"))

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            members.put_role(obj, obj.role, **by(request))
            return
        added = members.add(obj.account, obj.user, obj.role, **by(request))
        obj.pk = added.pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        members.take_out(obj, **by(request))

    @admin.action(description="Remove from the account (their API tokens for it end)", permissions=["delete"])
    def take_out(self, request: HttpRequest, memberships: QuerySet[Membership]) -> None:
        for membership in memberships.select_related("user", "account"):
            try:
                self.delete_model(request, membership)
            except DoculumeError as error:
                self.message_user(request, f"{membership.user}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, f"{membership.user} is out of {membership.account}.", messages.SUCCESS)


@admin.register(Invitation)
class InvitationAdmin(ModelAdmin):
    """To be looked at and revoked. The digest of the link is not shown."""

    list_display = ("email", "account", "role", "invited_by", "created_at", "expires_at", "is_open")
    list_filter = ("role", "created_at")
    list_select_related = ("account", "invited_by")
    search_fields = ("email__startswith", "invited_by__email__startswith", *OF_ACCOUNT)
    fields = ("email", "account", "role", "invited_by", "created_at", "expires_at", "accepted_at", "revoked_at")
    readonly_fields = fields
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    @admin.display(boolean=True, description="open")
    def is_open(self, invitation: Invitation) -> bool:
        return invitation.is_open

    @admin.action(description="Revoke (the links stop working)", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[Invitation]) -> None:
        for invitation in chosen.select_related("account"):
            invitations.withdraw(invitation, **by(request))
        self.message_user(request, "The links no longer work.", messages.SUCCESS)
