"""What workers do for accounts."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from accounts import erasure, invitations, mail
from accounts.models import AuditEvent, SiteSettings, TokenFamily
from doculume.hints import hint

BATCHES_A_SWEEP = 20
ERASURE_SECONDS = 20.0  # then other sweeps have their turn


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


@shared_task
def forget_old_events() -> None:
    """Delete what the audit need not keep any longer, in batches."""
    moment = timezone.now() - timedelta(days=SiteSettings.objects.current().audit_retention_days)
    old = AuditEvent.objects.filter(created_at__lt=moment).order_by("created_at")
    for _ in range(BATCHES_A_SWEEP):
        if not erasure.raw_delete(AuditEvent.objects.filter(id__in=list(old.values_list("id", flat=True)[:2_000]))):
            return


@shared_task
def forget_old_invitations() -> None:
    """Delete those that ended long ago."""
    invitations.forget_old()


@shared_task
def erase_deleted() -> None:
    """Go on removing what deleted accounts and people left, and ask for another turn if there is more."""
    started = time.monotonic()
    if not erasure.erase_deleted(ERASURE_SECONDS) and time.monotonic() - started >= ERASURE_SECONDS / 2:
        hint_erasure()


def hint_erasure() -> None:
    """Ask a worker to begin as soon as what was deleted is. What gets lost is made up for by the sweep."""
    hint(erase_deleted)
