"""Users, for staff. No hash is ever shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm
from unfold.forms import UserCreationForm as StyledUserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import audit, suspension
from accounts.admin.deleting import DeletesForGood
from accounts.admin.members import MembershipInline, by
from accounts.deletion import delete_user
from accounts.models import Account, User, normalize_email

POWERS = ("is_staff", "is_superuser")
WRITTEN = ("email", "full_name", *POWERS)


class UserCreationForm(StyledUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "full_name")

    def clean_email(self) -> str:
        return normalize_email(self.cleaned_data["email"])


class UserChangeForm(ModelForm):
    """Without the password: Django's own form shows parts of the hash."""

    class Meta:
        model = User
        fields = ("email", "full_name", "is_active", "is_staff", "is_superuser", "groups")
        widgets = {"groups": UnfoldAdminCheckboxSelectMultipleWidget}

    def clean_email(self) -> str:
        return normalize_email(self.cleaned_data["email"])


@admin.register(User)
class UserAdmin(DeletesForGood, StockUserAdmin):
    goes_along = "with the accounts that they alone own and all that is in them"
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "full_name", "plan", "is_active", "is_staff", "created_at", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "created_at")
    list_select_related = ("own_account",)
    search_fields = ("uuid", "email__startswith", "full_name__istartswith")
    search_help_text = "How an e-mail or a name begins, or an id."
    ordering = ("-id",)
    readonly_fields = ("uuid", "password_state", "last_login", "created_at")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "full_name", "uuid")}),
        ("Access", {"fields": ("is_active", "password_state", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "full_name", "password1", "password2")}),)
    inlines = (MembershipInline,)
    actions = ("suspend", "reinstate", "sign_out_everywhere")

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only a superuser makes others staff: the right to change users must not be the right to everything."""
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, "is_staff", "is_superuser", "groups")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).filter(deleted_at=None)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            Account.objects.create_personal(obj)
            return
        with transaction.atomic():
            if "is_active" in form.changed_data:
                (suspension.reinstate if obj.is_active else suspension.suspend)(obj, **by(request))
            # Nothing else: the row may have changed since it was read, to one that is deleted even.
            changed = [name for name in form.changed_data if name in WRITTEN]
            obj.save(update_fields=changed)
            self._record(request, obj, form, changed)

    @staticmethod
    def _record(request: HttpRequest, user: User, form: Any, changed: list[str]) -> None:
        if "email" in changed:
            audit.record(audit.Action.EMAIL_CHANGED, target=user.email, **by(request))
        if powers := [name for name in changed if name in POWERS]:
            before = {name: form.initial[name] for name in powers}
            after = {name: getattr(user, name) for name in powers}
            audit.record(audit.Action.ROLE_CHANGED, target=user.email, before=before, after=after, **by(request))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response: HttpResponse = super().user_change_password(request, id, form_url)
        # Any other answer is the form, again.
        if request.method == "POST" and response.status_code == 302:
            target = User.objects.get(pk=id).email
            audit.record(audit.Action.PASSWORD_CHANGED, target=target, **by(request))
        return response

    @admin.display(description="plan", ordering="own_account__plan")
    def plan(self, user: User) -> str:
        return str(user.own_account.plan_id)

    @admin.display(description="password")
    def password_state(self, user: User) -> SafeString:
        state = "set" if user.has_usable_password() else "none"
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('{} · <a href="{}">change</a>', state, address)

    @admin.action(description="Suspend (every credential stops working)", permissions=["change"])
    def suspend(self, request: HttpRequest, users: QuerySet[User]) -> None:
        others = [user for user in users if user.pk != request.user.pk and self.may_touch(request, user)]
        count = sum(suspension.suspend(user, **by(request)) for user in others)
        self.message_user(request, f"{count} suspended.", messages.SUCCESS)

    @admin.action(description="Lift the suspension", permissions=["change"])
    def reinstate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        count = sum(suspension.reinstate(user, **by(request)) for user in users if self.may_touch(request, user))
        self.message_user(request, f"{count} may sign in again.", messages.SUCCESS)

    @admin.action(description="End all sign-ins, by token and on pages", permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, users: QuerySet[User]) -> None:
        touched = [user for user in users if self.may_touch(request, user)]
        ended = sum(suspension.sign_out_everywhere(user, **by(request)) for user in touched)
        self.message_user(request, f"{ended} sign-ins ended.", messages.SUCCESS)

    def delete_for_good(self, request: HttpRequest, row: User) -> None:
        delete_user(row, request, actor=by(request)["actor"])

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """For the form that sets passwords too: whoever sets a superuser's is one."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or self.may_touch(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Oneself is deleted where everybody is, not by a slip in a list."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or (obj.pk != request.user.pk and self.may_touch(request, obj)))

    @staticmethod
    def may_touch(request: HttpRequest, user: User) -> bool:
        """The right to change users must not be a way to lock superusers out, nor to become one."""
        return not user.is_superuser or request.user.is_superuser
