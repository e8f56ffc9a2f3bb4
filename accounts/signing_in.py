"""Turning an e-mail and a password into a user, for the API and the pages alike."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest

from accounts.addresses import limit_address
from accounts.models import User, normalize_email
from accounts.throttling import sign_in_limits
from doculume.errors import DoculumeError


class WrongCredentials(DoculumeError):
    """The same for a wrong password, an unknown e-mail and a suspended user, in wording and in time."""

    code = "unauthenticated"
    status_code = 401
    message = "Invalid email or password."


def user_by_password(request: HttpRequest, email: str, password: str) -> User:
    """Who signs in. Raises `WrongCredentials`, and `TooManyAttempts` after too many of those.

    Django's backend hashes the password also where there is nobody to compare with, which evens out the time.
    """
    email = normalize_email(email)
    with sign_in_limits(limit_address(request), email, failure=WrongCredentials):
        user = authenticate(request, username=email, password=password)
        if not isinstance(user, User):
            raise WrongCredentials
    return user
