"""Mail that tells users what was done to their account, so that they notice if it was not they."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts import mail
from accounts.models import User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def notify(user: User, what: StrOrPromise) -> None:
    """`what` is a sentence, best a lazy one: it is told in the user's language. Goes out whatever the user's
    notification setting says."""
    mail.write(user.email, "accounts/mail/security_notice", {"user": user, "what": what})
