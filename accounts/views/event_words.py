"""Security events in words, for the page of the owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from accounts.audit import Action

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

SPOKEN: dict[str, StrPromise] = {
    Action.SIGNED_IN: _("Signed in"),
    Action.SIGN_IN_FAILED: _("Sign-in failed"),
    Action.SIGNED_OUT: _("Signed out"),
    Action.REGISTERED: _("Registered"),
    Action.PASSWORD_CHANGED: _("Password changed"),
    Action.PASSWORD_RESET: _("Password reset"),
    Action.EMAIL_CHANGED: _("Email changed"),
    Action.EMAIL_CONFIRMED: _("Email confirmed"),
    Action.TWO_FACTOR_ENABLED: _("Two-factor authentication turned on"),
    Action.TWO_FACTOR_DISABLED: _("Two-factor authentication turned off"),
    Action.RECOVERY_CODES_MADE: _("Recovery codes made"),
    Action.RECOVERY_CODE_USED: _("Recovery code used"),
    Action.TOKEN_REPLAYED: _("A used token was presented again"),
    Action.API_TOKEN_CREATED: _("API token created"),
    Action.API_TOKEN_REVOKED: _("API token revoked"),
    Action.CHATBOT_KEY_CREATED: _("Chatbot key created"),
    Action.CHATBOT_KEY_CHANGED: _("Chatbot key changed"),
    Action.CHATBOT_KEY_ROTATED: _("Chatbot key replaced"),
    Action.CHATBOT_KEY_REVOKED: _("Chatbot key revoked"),
    Action.USER_SUSPENDED: _("User suspended"),
    Action.USER_REINSTATED: _("User reinstated"),
    Action.MEMBER_INVITED: _("Member invited"),
    Action.INVITATION_REVOKED: _("Invitation revoked"),
    Action.MEMBER_JOINED: _("Member joined"),
    Action.MEMBER_REMOVED: _("Member removed"),
    Action.ROLE_CHANGED: _("Role changed"),
    Action.ACCOUNT_CREATED: _("Account created"),
    Action.PLAN_CHANGED: _("Plan changed"),
    Action.LIMITS_CHANGED: _("Limits changed"),
    Action.SETTINGS_CHANGED: _("Settings changed"),
    Action.PROVIDER_ADDED: _("Model provider added"),
    Action.PROVIDER_CHANGED: _("Model provider changed"),
    Action.PROVIDER_DELETED: _("Model provider deleted"),
    Action.OWN_KEY_SET: _("Own key set"),
    Action.EXPORTED: _("Exported"),
    Action.CONVERSATION_READ: _("Conversation read"),
    Action.EMBEDDING_MODEL_MOVED: _("Embedding model changed"),
    Action.USER_DELETED: _("User deleted"),
    Action.ACCOUNT_DELETED: _("Account deleted"),
}
DETAILS: dict[str, StrPromise] = {
    "because": _("Because"),
    "before": _("Before"),
    "after": _("After"),
    "by": _("By"),
    "role": _("Role"),
    "old": _("Before"),
    "owner": _("Owner"),
    "name": _("Name"),
    "format": _("Format"),
    "step": _("Step"),
    "changed": _("Changed"),
    "changes": _("Changes"),
    "failure": _("Failure"),
    "accounts": _("Accounts"),
    "everywhere": _("Everywhere"),
    "sign_ins_ended": _("Ended sign-ins"),
    "own_models_only": _("Own models only"),
    "base_url": _("Address"),
}
