"""The second factor of a sign-in: a one-time password or a recovery code, as allauth keeps them."""

from __future__ import annotations

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.http import HttpRequest

from accounts import audit
from accounts.models import User
from accounts.throttling import Limit
from doculume.crypto import digest
from doculume.errors import DoculumeError

# Whoever has the password could try codes from many addresses; this counts them all.
CODES_OF_USER = Limit("second-factor-of-user", 10, 3600)


class CodeRequired(DoculumeError):
    """The password was right and a code is needed too."""

    code = "otp_attempt_required"
    status_code = 401
    message = "Two-factor authentication is on: send a one-time password as otp_attempt."


class WrongCode(DoculumeError):
    """Wrong, or used before. Whoever signs somebody in makes it look like a wrong password."""

    code = "unauthenticated"
    status_code = 401
    message = "The code is wrong, or it was used already."


def is_on(user: User) -> bool:
    return Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists()


def demand(user: User, code: str, request: HttpRequest | None = None) -> None:
    """Return if `user` has no second factor, or if `code` is it, which is spent by this.

    Raises `CodeRequired` where it is needed and empty, `WrongCode`, and `TooManyAttempts` after 10 wrong ones in an
    hour, wherever they come from.
    """
    if not is_on(user):
        return
    if not code.strip():
        raise CodeRequired
    with CODES_OF_USER.failures(str(user.pk), failure=WrongCode):
        if not spend(user, code, request):
            raise WrongCode


def spend(user: User, code: str, request: HttpRequest | None = None) -> bool:
    """Whether `code` is a one-time password of now or an unused recovery code. It is good once, in parallel too."""
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]
    for authenticator in Authenticator.objects.filter(user_id=user.pk, type__in=kinds).order_by("-type"):
        if _holds(authenticator, code):
            authenticator.record_usage()
            if authenticator.type == Authenticator.Type.RECOVERY_CODES:
                audit.record(
                    audit.Action.RECOVERY_CODE_USED, request=request, actor=user, account=user.personal_account
                )
            return True
    return False


def count_as_used(authenticator: Authenticator, code: str) -> None:
    """The one-time password that the second factor was turned on with signs nobody in."""
    _first_use(authenticator, code)


def _holds(authenticator: Authenticator, code: str) -> bool:
    try:
        if not authenticator.wrap().validate_code(code):
            return False
    except Authenticator.DoesNotExist:  # turned off in this moment
        return False
    return authenticator.type != Authenticator.Type.TOTP or _first_use(authenticator, code)


def _first_use(authenticator: Authenticator, code: str) -> bool:
    """allauth remembers a used password for one period; with a tolerance it would be good for longer than that."""
    used = digest(f"{authenticator.pk}\n{''.join(code.split())}", purpose="used-one-time-password")
    seconds = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
    return cache.add(f"used-one-time-password:{used}", 1, seconds)
