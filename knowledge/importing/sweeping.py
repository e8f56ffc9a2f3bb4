"""What of imports is due, and what is kept no longer."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from knowledge.importing import running
from knowledge.importing.accepting import forget, remove_file
from knowledge.models import EntryImport
from knowledge.tasks import hint_import

AT_ONCE = 100
DRAFTS_KEPT = timedelta(days=1)


def sweep() -> None:
    """Hint again at what is due; forget drafts that nobody started, and files of imports that are over for days."""
    due = EntryImport.objects.due()
    for job in due.filter(attempts__gte=running.MOST_ATTEMPTS)[:AT_ONCE]:
        running.fail_abandoned(job)
    for job in due.order_by("next_attempt_at")[:AT_ONCE]:
        hint_import(job.account_id, job.id)
    for draft in EntryImport.objects.filter(status="draft", created_at__lt=Now() - DRAFTS_KEPT)[:AT_ONCE]:
        with transaction.atomic():
            # Whoever starts it now waits, and finds it gone; or has started it.
            own = EntryImport.objects.filter(account_id=draft.account_id, id=draft.id, status="draft")
            if own.select_for_update(skip_locked=True).exists():
                forget(draft)
    over = EntryImport.objects.filter(finished_at__lt=Now() - timedelta(days=settings.IMPORTS["keep_days"]))
    for old in over.exclude(file="")[:AT_ONCE]:
        remove_file(old)
