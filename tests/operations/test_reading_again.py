"""Staff have documents, entries and jobs done again."""

from __future__ import annotations

import pytest
from django.urls import reverse

from knowledge import tasks
from knowledge.models import Chunk, Document, Entry, IngestionJob
from tests.accounts.test_deletion import ingested

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(account, alice) -> Document:
    return ingested(account, alice)


def act(root, model: str, action: str, *rows):
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return root.post(reverse(f"admin:knowledge_{model}_changelist"), chosen, follow=True)


@pytest.mark.parametrize("what", ["document", "entry"])
def test_what_is_ready_is_read_again_and_found_meanwhile(root, document, what):
    entry = Entry.objects.get(id=document.entry_id)
    before = set(Chunk.objects.values_list("id", flat=True))
    row, action = (document, "read_again") if what == "document" else (entry, "chunk_again")
    assert "Queued to be read again: 1." in act(root, what, action, row).content.decode()
    assert set(Chunk.objects.values_list("id", flat=True)) == before
    job = IngestionJob.objects.get(status="waiting")
    tasks.ingest_entry(str(job.id))
    entry.refresh_from_db()
    document.refresh_from_db()
    assert (entry.active_generation, document.status) == (2, "ready")
    assert Chunk.objects.count() == len(before)


def test_what_is_not_ready_is_not_read_again(root, document):
    Document.objects.update(status="failed")
    assert "None of them can be read again now." in act(root, "document", "read_again", document).content.decode()
    assert not IngestionJob.objects.filter(status="waiting").exists()


def test_a_job_that_was_given_up_is_tried_again(root, document):
    Document.objects.update(status="failed")
    IngestionJob.objects.update(status="failed", attempts=3, last_error="gone")
    job = IngestionJob.objects.get()
    assert "1 will be tried again." in act(root, "ingestionjob", "try_again", job).content.decode()
    job.refresh_from_db()
    document.refresh_from_db()
    assert (job.status, job.attempts, document.status) == ("waiting", 0, "pending")
    assert "0 will be tried again." in act(root, "ingestionjob", "try_again", job).content.decode()
