"""Who handed something in is told by mail how it went, if they want such news."""

from __future__ import annotations

import pytest
from django.core import mail as sent
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts import mail
from accounts.models import Membership, OutgoingMail, UserSettings
from knowledge import uploads
from knowledge.importing import accepting
from knowledge.importing.mapping import Plan
from knowledge.models import Collection, IngestionJob
from knowledge.tasks import import_rows, ingest_entry

SCAN = b"<html><body><img src='x'></body></html>"
ROWS = "id,title,text\n1,Kettle,Boils water.\n2,,\n"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_site(settings) -> None:
    settings.SITE_URL = "https://lume.example.com"
    cache.clear()


def fail(account, user, name="scan.html") -> None:
    document = uploads.accept(account, user, SimpleUploadedFile(name, SCAN), name=name)
    ingest_entry(str(IngestionJob.objects.get(entry_id=document.entry_id).id))
    document.refresh_from_db()
    assert document.status == "failed"


def delivered() -> list:
    for row in OutgoingMail.objects.order_by("created_at"):
        claimed = mail.claim(row.id)
        assert claimed
        mail.deliver(claimed)
    return sent.outbox


def test_who_uploaded_what_cannot_be_read_is_told_why_and_where_to_look(account, alice):
    fail(account, alice)
    (told,) = delivered()
    assert (told.to, told.subject) == ([alice.email], "scan.html could not be read")
    assert "No text was found" in told.body
    assert f"https://lume.example.com/documents?account={account.pk}&state=failed" in told.body
    assert "https://lume.example.com/account/profile" in told.body


def test_many_failures_are_one_mail_for_each_person(account, alice, bob):
    for number in range(3):
        fail(account, alice, f"scan {number}.html")
    fail(account, bob, "bobs.html")
    assert [told.to for told in delivered()] == [[alice.email], [bob.email]]


def test_nobody_is_told_who_does_not_want_it_or_has_left(account, alice, bob):
    UserSettings.objects.create(user=alice, notifications_enabled=False)
    fail(account, alice)
    document = uploads.accept(account, bob, SimpleUploadedFile("bobs.html", SCAN), name="bobs.html")
    Membership.objects.filter(user=bob, account=account).delete()
    ingest_entry(str(IngestionJob.objects.get(entry_id=document.entry_id).id))
    assert delivered() == []


def test_it_is_told_in_the_language_of_who_reads_it(account, alice):
    UserSettings.objects.create(user=alice, language="de")
    fail(account, alice)
    (told,) = delivered()
    assert told.subject == "scan.html konnte nicht gelesen werden"
    assert "Text" in told.body


def test_what_came_of_an_import_is_told_when_it_is_over(account, alice):
    shelf = Collection.objects.create(account=account, name="Shelf")
    job = accepting.accept(account, alice, shelf, SimpleUploadedFile("goods.csv", ROWS.encode()), name="goods.csv")
    accepting.start(job, Plan.of(job.mapping))
    import_rows(job.account_id, str(job.id))
    job.refresh_from_db()
    assert job.status == "done"
    (told,) = delivered()
    assert (told.to, told.subject) == ([alice.email], "goods.csv is imported")
    assert f"Added: {job.added}" in told.body
    assert f"Refused: {job.refused}" in told.body
    assert f"/imports/{job.pk}" in told.body
