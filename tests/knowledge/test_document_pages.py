"""The page of all documents: what it shows, how it is narrowed, and what is done with many at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import Account, Membership, SiteSettings
from doculume.errors import Conflict
from knowledge import entries, retrying, uploads
from knowledge.document_lists import ON_A_PAGE
from knowledge.models import (
    Chunk,
    ChunkEmbedding,
    ChunkTerms,
    Collection,
    Document,
    Entry,
    IngestionJob,
    LanguageStatistic,
)
from knowledge.search import search_entries, statistics
from knowledge.tasks import ingest_entry

pytestmark = pytest.mark.django_db

HOURS = b"# Hours\n\nThe office in Hamburg opens at nine."


def upload(account, user, name="hours.md", content=HOURS, **options) -> Document:
    return uploads.accept(account, user, SimpleUploadedFile(name, content), name=name, **options)


def read(document) -> Document:
    ingest_entry(str(IngestionJob.objects.filter(entry_id=document.entry_id).latest("generation").id))
    document.refresh_from_db()
    return document


@pytest.fixture
def hours(account, alice) -> Document:
    return read(upload(account, alice))


@pytest.fixture
def scan(account, alice) -> Document:
    """A file without a word in it, which has failed."""
    failed = read(upload(account, alice, "scan.html", b"<html><body><img src='x'></body></html>"))
    assert (failed.status, failed.error_code) == ("failed", "no_text")
    return failed


@pytest.fixture
def crashed(account, alice) -> Document:
    """One that another try may help."""
    document = upload(account, alice, "crashed.md")
    IngestionJob.objects.filter(entry_id=document.entry_id).update(status="failed", last_error="timeout")
    Document.objects.filter(id=document.id).update(status="failed", error_code="timeout")
    return document


@pytest.fixture
def contracts(account) -> Collection:
    return Collection.objects.create(account=account, name="Contracts")


def names(shown) -> list[str]:
    return [link.text() for link in shown.css(".documents-list .row-link")]


def many(account, count: int, **fields) -> None:
    collection = Collection.objects.default_of(account)
    now = timezone.now()
    made = Entry.objects.bulk_create(
        Entry(account=account, collection=collection, source_type="document", source_id=f"x{n}") for n in range(count)
    )
    Document.objects.bulk_create(
        Document(
            account=account,
            collection=collection,
            entry=entry,
            filename=f"report {number}.pdf",
            original_filename="r",
            file_size=1,
            file_type="pdf",
            media_type="application/pdf",
            # Several at one moment: then the id decides.
            created_at=now - timedelta(minutes=number // 3),
            **{"status": "ready"} | fields,
        )
        for number, entry in enumerate(made)
    )


def test_an_account_without_documents_is_told_what_to_do(page):
    shown = page("/documents")[1]
    assert "No documents yet" in shown.css_first(".empty").text()
    assert shown.css_first("#adding input[type=file][multiple]")
    assert "up to" in shown.css_first("#drop").text()


def test_a_document_shows_what_is_known_of_it(page, hours):
    row = page("/documents")[1].css_first(".documents-list tbody tr")
    text = row.text(separator=" ")
    assert "hours.md" in text
    assert "Ready" in text
    assert row.css_first(".kind").text() == "md"
    assert row.css_first(f"#chunks-{hours.id}").text() == str(hours.chunk_count)
    assert row.css_first(".row-link").attributes["href"].startswith(f"/documents/{hours.id}?account=")


def test_what_failed_says_why_and_what_to_do_about_it(page, scan, crashed):
    shown = page("/documents?state=failed")[1]
    why = shown.css_first(f"#why-{scan.id}").text()
    assert "No text was found" in why
    assert "text recognition" in why
    # The same scan has no text the next time either.
    assert shown.css_first(f"#why-{scan.id} button") is None
    again = shown.css_first(f"#why-{crashed.id} button")
    page(again.attributes["formaction"], {"next": "/documents?state=failed"})
    crashed.refresh_from_db()
    assert crashed.status == "pending"
    assert read(crashed).status == "ready"


def test_states_collections_and_names_narrow_the_list(page, account, alice, hours, scan, contracts):
    waiting = upload(account, alice, "lease 50%_a.md", collection_id=contracts.id)
    assert names(page("/documents")[1]) == ["lease 50%_a.md", "scan.html", "hours.md"]
    assert names(page("/documents?state=reading")[1]) == ["lease 50%_a.md"]
    assert names(page("/documents?state=ready")[1]) == ["hours.md"]
    assert names(page("/documents?state=failed")[1]) == ["scan.html"]
    assert names(page(f"/documents?collection={contracts.id}")[1]) == ["lease 50%_a.md"]
    assert names(page("/documents?q=HOUR")[1]) == ["hours.md"]
    assert names(page("/documents", None, query_params={"q": "50%_"})[1]) == [waiting.filename]
    assert "Nothing found" in page("/documents?q=nowhere")[1].css_first(".empty").text()
    for odd in ("state=x", "collection=x", "older=x", "newer=9999999999999999-" + "f" * 32, "q=%00", "older=%00"):
        assert page(f"/documents?{odd}")[0].status_code == 200
    filters = {link.text(separator=" ", strip=True) for link in page("/documents")[1].css("#tally a")}
    assert filters == {"All", "Being read 1", "Ready", "Failed 1"}


def test_pages_show_every_document_once_there_and_back(page, account):
    many(account, 2 * ON_A_PAGE + 20)
    seen, path, pages = [], "/documents", []
    while path:
        pages.append(path)
        shown = page(path)[1]
        seen.append(names(shown))
        older = shown.css_first("nav.pager a[rel=next]")
        path = f"/documents{older.attributes['href']}" if older else ""
    assert [len(some) for some in seen] == [50, 50, 20]
    assert len({name for some in seen for name in some}) == 120
    newer = shown.css_first("nav.pager a[rel=prev]")
    back = page(f"/documents{newer.attributes['href']}")[1]
    assert names(back) == seen[1]


def test_a_full_page_of_many_costs_few_statements(page, account, django_assert_max_num_queries):
    page("/documents")
    many(account, 300)
    for path in ("/documents", "/documents?state=ready", "/documents?q=report", "/documents?state=failed"):
        with django_assert_max_num_queries(12):
            assert page(path)[0].status_code == 200


def test_files_go_up_by_the_plain_form_each_by_itself(page, account, contracts):
    files = [
        SimpleUploadedFile("a.md", HOURS),
        SimpleUploadedFile("b.exe", b"MZ\x90\0" * 50),
        SimpleUploadedFile("e.md", b""),
    ]
    _, shown = page("/documents/upload", {"files": files, "collection": str(contracts.id)}, follow=True)
    document = Document.objects.get(account=account)
    assert (document.filename, document.collection_id) == ("a.md", contracts.id)
    told = [line.text() for line in shown.css(".told p")]
    assert any(line.startswith("b.exe was not taken. ") and "not supported" in line for line in told)
    assert any(line.startswith("e.md was not taken. ") and "empty" in line for line in told)
    assert "1 file is there and being read." in told
    assert "Choose one file" in page("/documents/upload", {}, follow=True)[1].css_first(".told").text()


def test_limits_are_said_before_and_when_they_refuse(page, account):
    SiteSettings.objects.update_or_create(pk=1, defaults={"upload_max_bytes": 20})
    shown = page("/documents")[1]
    assert "up to 20" in shown.css_first("#drop").text().replace("\xa0", " ")
    assert "Your plan has room for 2,000 more documents" in shown.css_first(".adding-foot").text()
    refused = page("/documents/upload", {"files": [SimpleUploadedFile("a.md", HOURS)]}, follow=True)[1]
    assert "larger than" in refused.css_first(".told").text()
    account.plan.entries = 0
    account.plan.save()
    SiteSettings.objects.update_or_create(pk=1, defaults={"upload_max_bytes": 10_000})
    shown = page("/documents")[1]
    assert "no room left" in shown.css_first(".adding-foot").text()
    refused = page("/documents/upload", {"files": [SimpleUploadedFile("a.md", HOURS)]}, follow=True)[1]
    assert "used up" in refused.css_first(".told").text()


def test_what_moves_is_looked_at_until_it_is_done(page, account, alice):
    document = upload(account, alice)
    poll = page("/documents")[1].css_first("#poll").attributes["hx-get"]
    assert str(document.id) in poll
    fragment = page(poll, headers={"HX-Request": "true"})[1]
    assert fragment.css_first(f"#state-{document.id}[hx-swap-oob] progress")
    following = fragment.css_first("#poll").attributes
    assert following["hx-trigger"].startswith("load delay:3s")
    read(document)
    fragment = page(following["hx-get"], headers={"HX-Request": "true"})[1]
    assert "Ready" in fragment.css_first(f"#state-{document.id}").text()
    assert "hx-get" not in fragment.css_first("#poll").attributes
    assert "hours.md is ready" in fragment.body.text()


def test_several_are_tried_again_and_deleted(page, account, alice, hours, scan, crashed):
    several = {"id": [str(hours.id), str(scan.id), str(crashed.id)]}
    shown = page("/documents/several", several | {"do": "retry", "next": "/documents?state=failed"}, follow=True)[1]
    assert "2 documents are read once more" in shown.css_first(".told").text()
    assert {d.status for d in Document.objects.filter(id__in=[scan.id, crashed.id])} == {"pending"}
    assert Document.objects.get(id=hours.id).status == "ready"
    assert IngestionJob.objects.filter(account=account, status="waiting").count() == 2
    page("/documents/several", several | {"do": "delete"})
    assert not Document.objects.filter(account=account).exists()
    assert not Entry.objects.filter(account=account).exists()
    assert (
        "Choose documents first"
        in page("/documents/several", {"do": "delete"}, follow=True)[1].css_first(".told").text()
    )


def test_moved_documents_are_found_where_they_are_now(page, account, alice, hours, contracts):
    source = hours.collection_id
    page("/documents/several", {"id": str(hours.id), "do": "move", "to": str(contracts.id)})
    hours.refresh_from_db()
    assert hours.collection_id == hours.entry.collection_id == contracts.id
    for model in (Chunk, ChunkTerms, ChunkEmbedding):
        places = set(
            model.objects.filter(account=account, entry_id=hours.entry_id).values_list("collection_id", flat=True)
        )
        assert places == {contracts.id}
    found = search_entries(account, "When does the office open?", collection_ids=[contracts.id], threshold=0.0)
    assert [hit.entry_id for hit in found.hits] == [hours.entry_id]
    assert not search_entries(account, "When does the office open?", collection_ids=[source], threshold=0.0).hits
    rows = LanguageStatistic.objects.filter(account=account)
    kept = set(rows.values_list("collection_id", "language", "chunk_count", "term_count"))
    statistics.recount(account.pk)
    assert set(rows.values_list("collection_id", "language", "chunk_count", "term_count")) == kept


def test_a_document_moved_while_it_is_read_is_stored_where_it_belongs(account, alice, contracts, monkeypatch):
    from knowledge import moving, tasks
    from knowledge.ingestion import pipeline

    document = upload(account, alice)
    embed = pipeline.embed

    def moved_meanwhile(work):
        embed(work)
        moving.move(account, [document.id], contracts.id)

    moved_meanwhile.__name__ = "embed"
    monkeypatch.setattr(pipeline, "STAGES", [moved_meanwhile if stage is embed else stage for stage in pipeline.STAGES])
    monkeypatch.setattr(tasks, "hint", lambda job_id: None)
    assert read(document).status == "processing"
    assert not Chunk.objects.filter(account=account).exists()
    monkeypatch.undo()
    assert read(document).status == "ready"
    assert set(Chunk.objects.filter(account=account).values_list("collection_id", flat=True)) == {contracts.id}


def test_a_document_stays_where_the_other_collection_has_an_entry_of_its_source(page, account, hours, contracts):
    source = hours.collection_id
    fields = {"source_type": "document", "source_id": str(hours.id), "raw_text": "Of a program."}
    entries.upsert_batch(account, contracts, [fields])
    tree = page("/documents/several", {"id": str(hours.id), "do": "move", "to": str(contracts.id)}, follow=True)[1]
    assert "has an entry with the same id" in tree.css_first(".told").text()
    hours.refresh_from_db()
    assert hours.collection_id == hours.entry.collection_id == source


def test_documents_move_to_no_other_account(page, account, alice, charlie, hours):
    hers = Collection.objects.create(account=charlie.personal_account, name="Hers")
    assert page("/documents/several", {"id": str(hours.id), "do": "move", "to": str(hers.id)})[0].status_code == 404
    hours.refresh_from_db()
    assert hours.collection_id != hers.id


def test_nothing_of_another_account_is_seen_or_touched(client, charlie, hours, crashed):
    client.force_login(charlie)
    assert b"hours.md" not in client.get("/documents").content
    assert b"hours.md" not in client.get(f"/documents/moving?id={hours.id}").content
    for does in ("retry", "delete"):
        client.post("/documents/several", {"id": [str(hours.id), str(crashed.id)], "do": does})
        assert client.post(f"/documents/{crashed.id}/{does}").status_code == 404
    assert Document.objects.get(id=hours.id).status == "ready"
    assert Document.objects.get(id=crashed.id).status == "failed"


def test_viewers_see_everything_and_change_nothing(client, account, bob, hours, crashed):
    Membership.objects.update_or_create(account=account, user=bob, defaults={"role": "viewer"})
    client.force_login(bob)
    asked = f"?account={account.id}"
    shown = client.get(f"/documents{asked}").content.decode()
    assert "hours.md" in shown
    assert "Reading the file took too long" in shown
    assert 'type="file"' not in shown
    assert 'type="checkbox"' not in shown
    for path in ("upload", "several", f"{crashed.id}/retry", f"{crashed.id}/delete"):
        sent = {"id": str(hours.id), "do": "delete", "files": SimpleUploadedFile("a.md", HOURS)}
        assert client.post(f"/documents/{path}{asked}", sent).status_code == 403
    assert Document.objects.filter(account=account).count() == 2


def test_lists_lead_back_within_this_site_only(page, hours):
    for foreign in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer, _ = page("/documents/several", {"do": "retry", "id": str(hours.id), "next": foreign})
        assert answer.url.startswith("/documents?account=")


def test_names_are_text(page, account, alice):
    upload(account, alice, "<img src=x onerror=alert(1)>.md")
    assert b"<img" not in page("/documents")[0].content


def test_an_entry_that_was_not_given_up_is_not_tried_again(account, hours):
    entry = entries.add(account, hours.collection, {"raw_text": "Text."})
    with pytest.raises(Conflict):
        retrying.retry_one(account.pk, entry.id)
    IngestionJob.objects.filter(entry_id=entry.id).update(status="failed", last_error="provider_unavailable")
    retrying.retry_one(account.pk, entry.id)
    assert IngestionJob.objects.get(entry_id=entry.id).status == "waiting"
    assert Account.objects.filter(id=account.id).exists()


def test_more_files_than_are_taken_at_once_are_said_to_be_too_many(page, account):
    files = [SimpleUploadedFile(f"{number}.txt", b"Open at nine.") for number in range(21)]
    answer, shown = page(f"/documents/upload?account={account.pk}", {"files": files})
    assert (answer.status_code, shown.css_first("h1").text()) == (413, "That is too large")
    assert not Document.objects.filter(account=account).exists()
