"""What workers do for accounts."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from accounts import mail
from accounts.models import TokenFamily


@shared_task
def forget_expired_sign_ins() -> None:
    """Delete the token families that ran out; nothing can be done with them any more."""
    TokenFamily.objects.expired().delete()


@shared_task
def deliver_mail(mail_id: str) -> None:
    """Send the mail, if it is due and nobody else does."""
    if claimed := mail.claim(UUID(mail_id)):
        mail.deliver(claimed)


@shared_task
def sweep_mail() -> None:
    mail.sweep()
