"""Sign-ins and tokens: to be looked at and ended. No digest or token is ever shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import api_tokens, audit
from accounts.admin.members import by
from accounts.models import ApiToken, TokenFamily, User
from doculume.back_office import OF_ACCOUNT, OF_USER, ModelAdmin


class LiveFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("revoked", "Revoked"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        states = {
            "live": Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now)),
            "revoked": Q(revoked_at__isnull=False),
            "expired": Q(expires_at__lte=now),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


class OnlyEnded(ModelAdmin):
    """To be looked at and ended, not made or edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(boolean=True, description="live")
    def is_live(self, credential: TokenFamily | ApiToken) -> bool:
        return credential.is_live


@admin.register(TokenFamily)
class TokenFamilyAdmin(OnlyEnded):
    """Sign-ins by token."""

    list_display = ("user", "created_at", "last_used_at", "expires_at", "is_live", "revoked_because")
    list_filter = (LiveFilter, "created_at")
    list_select_related = ("user",)
    search_fields = ("id", *OF_USER)
    fields = ("id", "user", "created_at", "last_used_at", "expires_at", "revoked_at", "revoked_because")
    readonly_fields = fields
    ordering = ("-id",)
    actions = ("revoke",)

    @admin.action(description="Revoke (the tokens stop working at once)", permissions=["delete"])
    def revoke(self, request: HttpRequest, families: Any) -> None:
        ended = 0
        for user in User.objects.filter(pk__in=list(families.live().order_by().values_list("user_id", flat=True))):
            with transaction.atomic():
                count = families.filter(user=user).revoke("revoked by staff")
                audit.record(audit.Action.SIGNED_OUT, target=user.email, sign_ins_ended=count, **by(request))
            ended += count
        self.message_user(request, f"{ended} sign-ins ended.", messages.SUCCESS)


@admin.register(ApiToken)
class ApiTokenAdmin(OnlyEnded):
    """Personal API tokens. What is shown of one finds it again, and is no use to anybody."""

    list_display = ("masked", "name", "user", "account", "created_at", "last_used_at", "is_live", "revoked_because")
    list_filter = (LiveFilter, "created_at", "last_used_at")
    list_select_related = ("user", "account")
    search_fields = ("last_four", *OF_USER, *OF_ACCOUNT)
    search_help_text = "A token's last four characters, or how its user's e-mail or its account's name begins."
    fields = (
        ("masked", "name"),
        ("user", "account"),
        ("created_at", "last_used_at", "expires_at"),
        ("revoked_at", "revoked_because"),
    )
    readonly_fields = (
        *("masked", "name", "user", "account", "created_at", "last_used_at"),
        *("expires_at", "revoked_at", "revoked_because"),
    )
    actions = ("revoke",)

    @admin.display(description="token", ordering="last_four")
    def masked(self, token: ApiToken) -> str:
        return api_tokens.masked(token)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        """First it is revoked, for the audit tells what ended, and by whom."""
        with transaction.atomic():
            api_tokens.revoke(obj, "deleted by staff", actor=by(request)["actor"], request=request)
            obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset:
            self.delete_model(request, token)

    @admin.action(description="Revoke (the tokens stop working at once)", permissions=["delete"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        live = list(tokens.live())  # type: ignore[attr-defined]
        for token in live:
            api_tokens.revoke(token, "revoked by staff", actor=request.user, request=request)  # type: ignore[arg-type]
        self.message_user(request, f"{len(live)} API tokens revoked.", messages.SUCCESS)
