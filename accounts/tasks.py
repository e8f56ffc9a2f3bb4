"""What workers do for accounts."""

from __future__ import annotations

from celery import shared_task

from accounts.models import TokenFamily


@shared_task
def forget_expired_sign_ins() -> None:
    """Delete the token families that ran out; nothing can be done with them any more."""
    TokenFamily.objects.expired().delete()
