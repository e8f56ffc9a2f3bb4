"""Turning an e-mail and a password into a user, for the API and the pages alike.

Failures are written down for those who watch over the account. How many there can be is bounded by the limits here:
what they refuse is not written down, so an address leaves at most 100 rows an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import audit, confirmation, second_factor
from accounts.addresses import limit_address
from accounts.models import Account, User, normalize_email
from accounts.throttling import sign_in_limits
from doculume.errors import DoculumeError

BACKEND = "django.contrib.auth.backends.ModelBackend"


class WrongCredentials(DoculumeError):
    """The same for a wrong password, a wrong code, an unknown e-mail and a suspended user, in wording and in time."""

    code = "unauthenticated"
    status_code = 401
    message = "Invalid email or password."


def user_by_password(request: HttpRequest, email: str, password: str) -> User:
    """Whose password it is; for pages, which ask for the second factor in a form of its own.

    Raises `WrongCredentials`, and `TooManyAttempts` after too many of those.
    """
    with _attempt(request, email) as address:
        return _by_password(request, address, password)


def sign_in(request: HttpRequest, email: str, password: str, code: str = "") -> User:
    """Who signs in, in one step; the sign-in is written down.

    Raises `WrongCredentials` (for a wrong code too, and it counts like a wrong password), `TooManyAttempts`, and to
    those who gave the right password `EmailNotConfirmed` and `CodeRequired`.
    """
    with _attempt(request, email) as address:
        user = _by_password(request, address, password)
        confirmation.refuse_unconfirmed(request, user)
        try:
            second_factor.demand(user, code, request)
        except second_factor.WrongCode as error:
            raise WrongCredentials from error
    audit.record(audit.Action.SIGNED_IN, request=request, actor=user, account=user.personal_account)
    return user


@contextmanager
def _attempt(request: HttpRequest, email: str) -> Iterator[str]:
    """Around a check; gives the e-mail as it is looked up."""
    email = normalize_email(email)
    with sign_in_limits(limit_address(request), email, failure=WrongCredentials):
        try:
            yield email
        except WrongCredentials:
            _record_failure(request, email)
            raise


def _by_password(request: HttpRequest, email: str, password: str) -> User:
    """Django's backend hashes the password also where there is nobody to compare with, which evens out the time.

    This one alone, since each further one would hash it again.
    """
    user = ModelBackend().authenticate(request, username=email, password=password)
    if not isinstance(user, User) or user.deleted_at is not None:
        raise WrongCredentials
    user.backend = BACKEND
    return user


def _record_failure(request: HttpRequest, email: str) -> None:
    """For the owners of the account that was meant, if there is one; the same work if there is none.

    What is no address may be a password in the wrong field.
    """
    typed = email if "@" in email else ""
    account = Account.objects.filter(personal_of__email=email, deleted_at=None).first()
    audit.record(audit.Action.SIGN_IN_FAILED, request=request, account=account, actor_name=typed)
