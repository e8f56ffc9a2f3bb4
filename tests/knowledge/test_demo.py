"""The demo account: made once, from real files, and never forced on anybody again."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from knowledge import tasks, uploads
from knowledge.management.commands import seed_demo
from knowledge.models import Chunk, Document, IngestionJob

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    """The tests do a worker's work themselves."""
    monkeypatch.setattr(tasks.ingest_entry, "apply_async", lambda *args, **kwargs: None)


def seed(**options):
    out = StringIO()
    call_command("seed_demo", stdout=out, **options)
    return out.getvalue().strip()


def demo_documents():
    return Document.objects.filter(account__personal_of__email=seed_demo.EMAIL)


def ingest_all():
    for job in IngestionJob.objects.filter(entry__account__personal_of__email=seed_demo.EMAIL):
        tasks.ingest_entry(str(job.id))


def test_its_sign_in_is_printed_and_works(client):
    line = seed()
    email, password = line.removeprefix("Demo sign-in: ").split(" / ")
    assert client.login(username=email, password=password)


def test_every_file_of_the_demo_can_be_read():
    seed()
    ingest_all()
    documents = list(demo_documents())
    assert len(documents) >= 6
    assert {(document.filename, document.error_code) for document in documents if document.status != "ready"} == set()
    assert len({document.file_type for document in documents}) >= 6
    handbook = demo_documents().get(filename__startswith="Employee Handbook")
    assert handbook.page_count == 9
    leave = Chunk.objects.get(entry_id=handbook.entry_id, text__contains="28 days of paid annual leave")
    assert leave.page_number == 4


def test_a_second_run_changes_nothing():
    first = seed()
    before = set(demo_documents().values_list("id", flat=True))
    assert seed() == first
    assert set(demo_documents().values_list("id", flat=True)) == before


def test_what_the_user_deleted_stays_deleted():
    seed()
    for document in demo_documents():
        uploads.delete(document)
    seed()
    assert not demo_documents().exists()


def test_a_changed_password_is_neither_changed_back_nor_shown():
    seed()
    user = User.objects.get(email=seed_demo.EMAIL)
    user.set_password("another long password")
    user.save()
    line = seed()
    user.refresh_from_db()
    assert user.check_password("another long password")
    assert seed_demo.demo_password() not in line


def test_it_is_made_as_a_whole_or_not_at_all(monkeypatch):
    accept, calls = uploads.accept, []

    def fail_at_the_third(*args, **kwargs):
        calls.append(args)
        if len(calls) == 3:
            raise OSError("disk full")
        return accept(*args, **kwargs)

    monkeypatch.setattr(uploads, "accept", fail_at_the_third)
    with pytest.raises(OSError, match="disk full"):
        seed()
    assert not User.objects.filter(email=seed_demo.EMAIL).exists()
    monkeypatch.setattr(uploads, "accept", accept)
    seed()
    assert demo_documents().count() >= 6


def test_waiting_ends_with_the_last_document_and_is_bounded(monkeypatch):
    monkeypatch.setattr(seed_demo, "WAIT_SECONDS", 0.3)
    with pytest.raises(CommandError, match="worker"):
        seed(wait=True)
    ingest_all()
    assert seed(wait=True).startswith("Demo sign-in:")
