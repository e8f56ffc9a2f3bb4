"""Writing down security events: who did what, to what, from where."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypedDict

from django.http import HttpRequest

from accounts.addresses import UNKNOWN, client_address
from accounts.models import Account, AuditEvent, User


class Action(StrEnum):
    """Stable words; staff and owners filter by them."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    REGISTERED = "registered"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    PASSWORD_RESET = "password_reset"  # noqa: S105
    EMAIL_CHANGED = "email_changed"
    EMAIL_CONFIRMED = "email_confirmed"
    TWO_FACTOR_ENABLED = "two_factor_enabled"
    TWO_FACTOR_DISABLED = "two_factor_disabled"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    TOKEN_REPLAYED = "token_replayed"  # noqa: S105
    API_TOKEN_CREATED = "api_token_created"  # noqa: S105
    API_TOKEN_REVOKED = "api_token_revoked"  # noqa: S105
    CHATBOT_KEY_CREATED = "chatbot_key_created"
    CHATBOT_KEY_CHANGED = "chatbot_key_changed"
    CHATBOT_KEY_ROTATED = "chatbot_key_rotated"
    CHATBOT_KEY_REVOKED = "chatbot_key_revoked"
    USER_SUSPENDED = "user_suspended"
    USER_REINSTATED = "user_reinstated"
    MEMBER_INVITED = "member_invited"
    INVITATION_REVOKED = "invitation_revoked"
    MEMBER_JOINED = "member_joined"
    MEMBER_REMOVED = "member_removed"
    ROLE_CHANGED = "role_changed"
    ACCOUNT_CREATED = "account_created"
    PLAN_CHANGED = "plan_changed"
    LIMITS_CHANGED = "limits_changed"
    SETTINGS_CHANGED = "settings_changed"
    PROVIDER_ADDED = "provider_added"
    PROVIDER_CHANGED = "provider_changed"
    PROVIDER_DELETED = "provider_deleted"
    OWN_KEY_SET = "own_key_set"
    EXPORTED = "exported"
    CONVERSATION_READ = "conversation_read"
    EMBEDDING_MODEL_MOVED = "embedding_model_moved"
    USER_DELETED = "user_deleted"
    ACCOUNT_DELETED = "account_deleted"


class By(TypedDict, total=False):
    """Who does something, to be handed on to `record`; of what people do to themselves only the request."""

    request: HttpRequest | None
    actor: User | None
    actor_name: str


def record(
    action: Action,
    *,
    request: HttpRequest | None = None,
    account: Account | None = None,
    actor: User | None = None,
    actor_name: str = "",
    target: str = "",
    **details: Any,
) -> None:
    """Write one event down, in the transaction that it belongs to if there is one.

    `actor` is who did it, or `actor_name` where that is no user (`manage.py`, an e-mail that nobody has). `details`
    are JSON values; a secret must not be among them.
    """
    AuditEvent.objects.create(
        account=account,
        action=action,
        actor_id=actor.pk if actor else None,
        actor=(actor.email if actor else actor_name)[:254],
        address=_address(request),
        target=target[:300],
        details=details,
        request_id=getattr(request, "request_id", ""),
    )


def _address(request: HttpRequest | None) -> str:
    address = client_address(request) if request is not None else ""
    return "" if address == UNKNOWN else address
