"""What workers do for conversations."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from accounts.models import SiteSettings
from chat import erasing, questions, transcript
from chat.models import AskedQuestion, Conversation

log = logging.getLogger(__name__)

# A live answer saves itself as it grows, and a model is given up after seven minutes at the most.
SILENCE = timedelta(minutes=8)
ACCOUNTS_A_SWEEP = 100
BATCHES_AN_ACCOUNT = 20


@shared_task
def interrupt_orphans() -> None:
    """Give answers whose process died their final state."""
    if count := transcript.interrupt_orphans(SILENCE):
        log.warning("%d answers were left unfinished by a process that died", count)


@shared_task
def forget_old_conversations() -> None:
    """Delete conversations that nobody went on with for as long as the site keeps them, account by account.

    What is too much for one sweep is left to the next.
    """
    days = SiteSettings.objects.current().conversation_retention_days
    if days is None:
        return
    moment = timezone.now() - timedelta(days=days)
    _forget_questions(moment)
    old = Conversation.objects.filter(updated_at__lt=moment).order_by()
    for account_id in list(old.values_list("account_id", flat=True).distinct()[:ACCOUNTS_A_SWEEP]):
        batches = erasing.whole_conversations(account_id, updated_at__lt=moment)
        for _ in range(BATCHES_AN_ACCOUNT):
            with transaction.atomic():
                if next(batches, None) is None:
                    break


def _forget_questions(moment: datetime) -> None:
    """Those that were asked outside of conversations, or in long ones, are as old as the day they were asked."""
    old = AskedQuestion.objects.filter(created_at__lt=moment).order_by()
    for account_id in list(old.values_list("account_id", flat=True).distinct()[:ACCOUNTS_A_SWEEP]):
        steps = questions.forget(account_id, moment)
        for _ in range(BATCHES_AN_ACCOUNT):
            with transaction.atomic():
                if next(steps, None) is None:
                    break
