"""Mail that tells users what was done to their account, so that they notice if it was not they."""

from __future__ import annotations

from accounts import mail
from accounts.models import User


def notify(user: User, what: str) -> None:
    """`what` is a sentence. Goes out whatever the user's notification setting says."""
    mail.write(user.email, "accounts/mail/security_notice", {"user": user, "what": what})
