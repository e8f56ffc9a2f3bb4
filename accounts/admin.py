"""Users, accounts and sign-ins for staff. No hash, digest or token is ever shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.forms import StaffSignInForm
from accounts.models import Account, Membership, TokenFamily, User, normalize_email

admin.site.login_form = StaffSignInForm


class UserCreationForm(BaseUserCreationForm):
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

    def clean_email(self) -> str:
        return normalize_email(self.cleaned_data["email"])


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "account")


@admin.register(User)
class UserAdmin(StockUserAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    list_display = ("email", "full_name", "plan", "is_active", "is_staff", "created_at", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "own_account__plan", "created_at")
    list_select_related = ("own_account",)
    search_fields = ("email", "full_name", "uuid")
    ordering = ("-id",)
    date_hierarchy = "created_at"
    readonly_fields = ("uuid", "password_state", "last_login", "created_at")
    filter_horizontal = ("groups",)
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

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            Account.objects.create_personal(obj)

    @admin.display(description="plan", ordering="own_account__plan")
    def plan(self, user: User) -> str:
        return user.own_account.plan

    @admin.display(description="password")
    def password_state(self, user: User) -> SafeString:
        state = "set" if user.has_usable_password() else "none"
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('{} · <a href="{}">change</a>', state, address)

    @admin.action(description="Suspend (every credential stops working)", permissions=["change"])
    def suspend(self, request: HttpRequest, users: QuerySet[User]) -> None:
        suspended = users.exclude(email=request.user.get_username())
        TokenFamily.objects.filter(user__in=suspended).revoke("suspended")
        self.message_user(request, f"{suspended.update(is_active=False)} suspended.", messages.SUCCESS)

    @admin.action(description="Lift the suspension", permissions=["change"])
    def reinstate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        self.message_user(request, f"{users.update(is_active=True)} may sign in again.", messages.SUCCESS)

    @admin.action(description="End all sign-ins by token", permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, users: QuerySet[User]) -> None:
        ended = TokenFamily.objects.filter(user__in=users).revoke("revoked by staff")
        self.message_user(request, f"{ended} sign-ins ended.", messages.SUCCESS)


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ("name", "id", "plan", "personal_of", "created_at")
    list_filter = ("plan", "created_at")
    list_select_related = ("personal_of",)
    search_fields = ("name", "=id", "memberships__user__email")
    readonly_fields = ("personal_of", "created_at")
    inlines = (MembershipInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """A personal account goes with its user, never before."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.personal_of_id is None)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ("user", "account", "role", "created_at")
    list_filter = ("role", "created_at")
    list_select_related = ("user", "account")
    search_fields = ("user__email", "account__name")
    autocomplete_fields = ("user", "account")
    readonly_fields = ("created_at",)


class LiveFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("revoked", "Revoked"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TokenFamily]) -> QuerySet[TokenFamily]:
        now = timezone.now()
        states = {
            "live": Q(revoked_at=None, expires_at__gt=now),
            "revoked": Q(revoked_at__isnull=False),
            "expired": Q(expires_at__lte=now),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


@admin.register(TokenFamily)
class TokenFamilyAdmin(admin.ModelAdmin):
    """Sign-ins by token: to be looked at and ended, not edited."""

    list_display = ("user", "created_at", "last_used_at", "expires_at", "is_live", "revoked_because")
    list_filter = (LiveFilter, "revoked_because", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "=id")
    fields = ("id", "user", "created_at", "last_used_at", "expires_at", "revoked_at", "revoked_because")
    readonly_fields = fields
    ordering = ("-last_used_at",)
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TokenFamily | None = None) -> bool:
        return False

    @admin.display(boolean=True, description="live")
    def is_live(self, family: TokenFamily) -> bool:
        return family.is_live

    @admin.action(description="Revoke (the tokens stop working at once)", permissions=["delete"])
    def revoke(self, request: HttpRequest, families: Any) -> None:
        self.message_user(request, f"{families.revoke('revoked by staff')} sign-ins ended.", messages.SUCCESS)
