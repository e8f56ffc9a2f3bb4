"""Making a user, where the deployment lets people do so themselves."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.models import SiteSettings, User, normalize_email
from accounts.throttling import count_registration
from doculume.errors import InvalidRequest, PermissionRefused

TAKEN = "A user with this email already exists."


class RegistrationClosed(PermissionRefused):
    message = "Registration is closed. Ask an administrator for an account."


class EmailTaken(InvalidRequest):
    def __init__(self) -> None:
        super().__init__(details={"email": [TAKEN]})


def is_open() -> bool:
    return SiteSettings.objects.current().registration == SiteSettings.Registration.OPEN


def refuse_if_closed() -> None:
    if not is_open():
        raise RegistrationClosed


def register(request: HttpRequest, *, email: str, password: str, full_name: str = "") -> User:
    """A new user with a personal account; the fields must have been validated.

    Raises `RegistrationClosed`, `TooManyAttempts` and `EmailTaken`. Refusals of taken addresses count too: they are
    what somebody would try out addresses by.
    """
    refuse_if_closed()
    count_registration(request)
    if User.objects.filter(email=normalize_email(email)).exists():
        raise EmailTaken
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, full_name=full_name)
    except IntegrityError as error:
        # Somebody registered the address between the question and the insert.
        raise EmailTaken from error
