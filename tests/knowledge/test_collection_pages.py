"""The pages of collections and entries: everything there is on them, and that each form does what it says."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership
from knowledge import entries, uploads
from knowledge.models import Collection, Entry, IngestionJob
from knowledge.tasks import ingest_entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def products(account) -> Collection:
    return Collection.objects.create(account=account, name="Products")


@pytest.fixture
def kettle(account, products) -> Entry:
    sent = {"title": "Kettle", "raw_text": "Boils a liter in three minutes.", "meta": {"price": 30}}
    return entries.add(account, products, sent)


def ingested(entry_id):
    ingest_entry(str(IngestionJob.objects.filter(entry_id=entry_id).latest("generation").id))


def test_an_account_without_collections_is_told_what_they_are_for(page):
    assert "No collections yet" in page("/collections")[1].body.text()


def test_a_collection_is_made_named_anew_and_deleted(page, account):
    answer, _ = page("/collections", {"name": "Help center"})
    made = Collection.objects.get(account=account)
    assert answer.url == f"/collections/{made.id}?account={account.id}"
    page(f"/collections/{made.id}/rename", {"name": "Handbook"})
    assert Collection.objects.get(account=account).name == "Handbook"
    assert "Handbook" in page("/collections")[1].css_first("table").text()
    page(f"/collections/{made.id}/delete", {})
    assert not Collection.objects.filter(account=account).exists()


@pytest.mark.parametrize("name", ["", "n" * 256, "a\0b"])
def test_a_name_that_cannot_be_is_refused_with_a_reason(page, account, name):
    answer, shown = page("/collections", {"name": name})
    assert answer.status_code == 200
    assert shown.css_first(".error").text(strip=True)
    assert not Collection.objects.filter(account=account).exists()


def test_an_entry_is_written_found_changed_and_deleted(page, account, products):
    where = f"/collections/{products.id}"
    answer, _ = page(
        f"{where}/entries/new",
        {"title": "Toaster", "raw_text": "Browns two slices evenly.", "meta": '{"price": 25}', "searchable_meta": ""},
    )
    assert answer.status_code == 302
    entry = Entry.objects.get(account=account)
    assert (entry.meta, entry.searchable_meta) == ({"price": 25}, {})
    assert "Being read" in page(where)[1].css_first("table").text()
    ingested(entry.id)
    assert "Ready" in page(where)[1].css_first("table").text()
    assert "Browns two slices" in page(f"{where}?q=toast")[1].css_first(".found").text()
    form = page(f"{where}/entries/{entry.id}")[1].css_first("form.card")
    assert form.css_first("textarea[name=raw_text]").text().strip() == "Browns two slices evenly."
    changed = {
        "title": "Toaster",
        "raw_text": "Browns four slices.",
        "meta": "{}",
        "searchable_meta": '{"color": "red"}',
    }
    page(f"{where}/entries/{entry.id}", changed)
    entry.refresh_from_db()
    assert (entry.raw_text, entry.meta, entry.searchable_meta) == ("Browns four slices.", {}, {"color": "red"})
    page(f"{where}/entries/{entry.id}/delete", {})
    assert not Entry.objects.filter(account=account).exists()
    assert "Nothing in it yet" in page(where)[1].body.text()


@pytest.mark.parametrize(
    "wrong",
    [
        {"raw_text": ""},
        {"meta": "[1]"},
        {"meta": "{"},
        {"meta": '{"a": "\\u0000"}'},
        {"meta": '{"a": "\\ud800"}'},
        {"meta": '{"a": NaN}'},
        {"meta": '{"a": 1e999}'},
        {"meta": '{"a": ' + "[" * 900 + "]" * 900 + "}"},
        {"meta": '{"a": ' + "[" * 90_000 + "]" * 90_000 + "}"},
        {"source_url": "javascript:1"},
    ],
)
def test_what_cannot_be_kept_is_refused_and_stays_typed(page, account, products, wrong):
    sent = {
        "title": "A long way typed",
        "raw_text": "Text.",
        "meta": "",
        "searchable_meta": "",
        "source_url": "",
    } | wrong
    answer, shown = page(f"/collections/{products.id}/entries/new", sent)
    assert answer.status_code == 200
    assert shown.css_first(".error").text(strip=True)
    assert shown.css_first("input[name=title]").attributes["value"] == "A long way typed"
    assert not Entry.objects.filter(account=account).exists()


def test_an_uploaded_document_keeps_its_text_and_takes_other_fields(page, account, alice, products):
    file = SimpleUploadedFile("plan.md", b"# Plan\n\nWe open on Monday.")
    document = uploads.accept(account, alice, file, name="plan.md", collection_id=products.id)
    where = f"/collections/{products.id}"
    assert "plan.md" in page(where)[1].css_first("table").text()
    shown = page(f"{where}/entries/{document.entry_id}")[1]
    assert shown.css_first("textarea[name=raw_text]") is None
    assert shown.css_first(f"a[href^='/documents/{document.id}']")
    page(f"{where}/entries/{document.entry_id}", {"title": "The plan", "meta": '{"year": 2026}', "searchable_meta": ""})
    assert Entry.objects.get(id=document.entry_id).meta == {"year": 2026}


def test_what_failed_and_what_waits_can_be_looked_at_alone(page, account, products):
    for title in ("Waits", "Failed"):
        entries.add(account, products, {"title": title, "raw_text": title})
    failed = Entry.objects.get(title="Failed")
    IngestionJob.objects.filter(entry_id=failed.id).update(status="failed")
    where = f"/collections/{products.id}"
    assert {"1 failed", "1 being read"} <= {tag.text() for tag in page("/collections")[1].css(".tag")}
    for state, title in (("waiting", "Waits"), ("failed", "Failed")):
        names = [link.text() for link in page(f"{where}?state={state}")[1].css(".row-link")]
        assert names == [title]


def test_members_who_only_read_change_nothing(client, account, products, kettle, bob):
    Membership.objects.update_or_create(account=account, user=bob, defaults={"role": "viewer"})
    client.force_login(bob)
    where, asked = f"/collections/{products.id}", f"?account={account.id}"
    assert client.get(f"{where}{asked}").status_code == 200
    assert b'<form class="card stack' in client.get(f"{where}/entries/{kettle.id}{asked}").content
    for path in ("/collections", f"{where}/rename", f"{where}/delete", f"{where}/entries/new"):
        assert client.post(f"{path}{asked}", {"name": "x", "raw_text": "x"}).status_code == 403
    for path in ("", "/delete"):
        sent = {"title": "x", "raw_text": "x"}
        assert client.post(f"{where}/entries/{kettle.id}{path}{asked}", sent).status_code == 403
    assert Collection.objects.get(id=products.id).name == "Products"
    assert Entry.objects.get(id=kettle.id).title == "Kettle"


def test_what_is_another_accounts_is_not_there(client, charlie, products, kettle):
    client.force_login(charlie)
    for path in ("", "/entries/new", f"/entries/{kettle.id}"):
        assert client.get(f"/collections/{products.id}{path}").status_code == 404
    for path in ("/rename", "/delete", f"/entries/{kettle.id}", f"/entries/{kettle.id}/delete"):
        assert client.post(f"/collections/{products.id}{path}", {"name": "x", "raw_text": "x"}).status_code == 404


def test_an_entry_of_another_collection_is_not_there(page, account, kettle):
    other = Collection.objects.create(account=account, name="Other")
    assert page(f"/collections/{other.id}/entries/{kettle.id}")[0].status_code == 404


def test_a_full_page_costs_no_more_statements_than_an_empty_one(page, account, products):
    page(f"/collections/{products.id}")
    Entry.objects.bulk_create(
        Entry(account=account, collection=products, title=f"{n}", raw_text="x") for n in range(120)
    )
    for path in ("/collections", f"/collections/{products.id}", f"/collections/{products.id}?page=2"):
        with CaptureQueriesContext(connection) as queries:
            assert page(path)[0].status_code == 200
        assert len(queries) <= 10, [query["sql"][:90] for query in queries]


def test_names_are_text(page, account):
    Collection.objects.create(account=account, name="<img src=x onerror=alert(1)>")
    assert not re.search(rb"<img", page("/collections")[0].content)


def test_what_could_not_be_read_says_why_and_is_tried_again(page, account, products, kettle):
    IngestionJob.objects.filter(entry_id=kettle.id).update(status="failed", last_error="provider_unavailable")
    where = f"/collections/{products.id}"
    for path in (where, f"{where}?state=failed"):
        row = page(path)[1].css_first("table tbody tr").text()
        assert "Failed" in row
        assert "embedding provider did not answer" in row
    shown = page(f"{where}/entries/{kettle.id}")[1].css_first(".state.bad")
    assert "embedding provider did not answer" in shown.text()
    page(shown.css_first("form").attributes["action"], {})
    assert IngestionJob.objects.get(entry_id=kettle.id).status == "waiting"
    assert "Only what could not be read" in page(f"{where}/entries/{kettle.id}/retry", {}, follow=True)[1].body.text()
    ingested(kettle.id)
    assert page(f"{where}/entries/{kettle.id}")[1].css_first(".state.bad") is None


def test_all_that_failed_in_a_collection_is_tried_again_at_once(page, account, products):
    other = Collection.objects.create(account=account, name="Other")
    for number in range(3):
        entries.add(account, products, {"raw_text": f"Text {number}."})
    entries.add(account, other, {"raw_text": "Elsewhere."})
    IngestionJob.objects.filter(account=account).update(status="failed", last_error="timeout")
    page(
        page(f"/collections/{products.id}?state=failed")[1].css_first("main form[method=post]").attributes["action"], {}
    )
    waiting = IngestionJob.objects.filter(account=account, status="waiting")
    assert {job.entry.collection_id for job in waiting} == {products.id}
    assert waiting.count() == 3
