"""A new password for who no longer knows the old one, by a link sent to their address."""

from __future__ import annotations

from django.contrib.auth.hashers import make_password
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext_lazy as _

from accounts import api_tokens, audit, confirmation, mail
from accounts.addresses import limit_address
from accounts.links import absolute
from accounts.models import User, normalize_email
from accounts.notices import notify
from accounts.sign_ins import end_sign_ins
from accounts.throttling import Limit

RESETS_OF_ADDRESS = Limit("reset-of-address", 20, 3600)
RESETS_OF_EMAIL = Limit("reset-of-email", 5, 3600)


def request_reset(request: HttpRequest, email: str) -> None:
    """Mail a link to whoever has that address. Takes the same time and leaves the same traces if nobody has it.

    Raises `TooManyAttempts`, for unknown addresses too.
    """
    email = normalize_email(email)
    RESETS_OF_ADDRESS.count(limit_address(request))
    RESETS_OF_EMAIL.count(email)
    user = User.objects.filter(email=email, is_active=True, deleted_at=None).first()
    someone = user or User(pk=0, email=email, password="!")  # noqa: S106
    uid = urlsafe_base64_encode(force_bytes(someone.pk))
    path = reverse("reset-password-key", args=[uid, default_token_generator.make_token(someone)])
    context = {"email": email, "link": absolute(path, request)}
    mail.write(email if user else mail.NOBODY, "accounts/mail/reset_password", context)


def reset(request: HttpRequest, user: User, password: str) -> None:
    """What a followed link is for; `password` must have been validated.

    Every sign-in ends, and the address has shown itself to be the user's. If that was not known before, somebody else
    may have registered it to lie in wait: then the API tokens end too. A second factor stays; it lets nobody in by
    itself, and whoever reads the mail must not be rid of it.
    """
    with transaction.atomic():
        # The row is written, and so locked, before the sign-ins are looked at; see `accounts.passwords.change`.
        user.password = make_password(password)
        user.save(update_fields=["password"])
        end_sign_ins(user, "password reset")
        if not confirmation.is_confirmed(user):
            api_tokens.revoke_all(user, "password reset", request=request)
        confirmation.count_as_confirmed(user)
        audit.record(audit.Action.PASSWORD_RESET, request=request, actor=user, account=user.personal_account)
        notify(user, _("The password was reset by a link sent to this address. All sign-ins have ended."))
