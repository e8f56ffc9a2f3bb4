"""What allauth tells of becomes security events and mails. Connected by the app's `ready()`."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import user_logged_in
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.audit import Action
from accounts.models import User
from accounts.notices import notify


def connect() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="watch_sign_in")
    authenticator_added.connect(_added, dispatch_uid="watch_added")
    authenticator_removed.connect(_removed, dispatch_uid="watch_removed")
    authenticator_reset.connect(_codes_made, dispatch_uid="watch_codes")


def _signed_in(request: HttpRequest, user: User, **signal: Any) -> None:
    by = {"by": "openid_connect"} if "sociallogin" in signal else {}
    audit.record(Action.SIGNED_IN, request=request, actor=user, account=user.personal_account, **by)


def _added(request: HttpRequest, user: User, authenticator: Authenticator, **signal: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        audit.record(Action.TWO_FACTOR_ENABLED, request=request, actor=user, account=user.personal_account)
        notify(user, _("Two-factor authentication was turned on."))


def _removed(request: HttpRequest, user: User, authenticator: Authenticator, **signal: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        audit.record(Action.TWO_FACTOR_DISABLED, request=request, actor=user, account=user.personal_account)
        notify(user, _("Two-factor authentication was turned off."))


def _codes_made(request: HttpRequest, user: User, authenticator: Authenticator, **signal: Any) -> None:
    audit.record(Action.RECOVERY_CODES_MADE, request=request, actor=user, account=user.personal_account)
    notify(user, _("New recovery codes were made. The old ones no longer work."))
