"""Changing one's own password, with the old one."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts import audit
from accounts.models import TokenFamily, User
from accounts.notices import notify
from accounts.throttling import PASSWORD_CHANGE_OF_USER
from doculume.errors import InvalidRequest


class WrongPassword(InvalidRequest):
    def __init__(self) -> None:
        super().__init__(details={"current_password": [gettext_noop("The current password is wrong.")]})


def check_current(user: User, current: str) -> None:
    """Raise `WrongPassword`, and `TooManyAttempts` after 10 of those in an hour."""
    with PASSWORD_CHANGE_OF_USER.failures(str(user.pk), failure=WrongPassword):
        if not check_password(current, user.password):
            raise WrongPassword


def change(request: HttpRequest, user: User, new: str, *, credential: object = None) -> None:
    """Every sign-in of `user` ends, on pages too, but the one by token that made the change: `credential` is its
    `TokenFamily`. A page keeps its own session by `sessions.keep_only_this`. API tokens live on.

    `new` must have been validated, and whoever sent it have shown who they are.
    """
    with transaction.atomic():
        # Set as a hash: saving a new password as such would end this very sign-in too. The row is written, and so
        # locked, before the sign-ins are looked at: one that checked the old password meanwhile is among them, or is
        # refused; see `accounts.tokens.start_family`.
        user.password = make_password(new)
        user.save(update_fields=["password"])
        others = user.token_families.all()
        if isinstance(credential, TokenFamily):
            others = others.exclude(pk=credential.pk)
        others.revoke("password changed")
        audit.record(audit.Action.PASSWORD_CHANGED, request=request, actor=user, account=user.personal_account)
        notify(user, _("Your password was changed."))
