"""Bringing records in from a file, in a real browser: chosen, mapped, watched, and fit for everybody."""

from __future__ import annotations

import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from accounts.models import Membership
from knowledge import tasks
from knowledge.models import Collection, Entry, EntryImport
from tests.pages import browser as driving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

ROWS = (
    "SKU;Bezeichnung;Beschreibung;Preis\n"
    "k-1;Kettle;Boils a liter in three minutes.;30\n"
    "t-1;Toaster;;25\n"
    f"{'very-long-id-' * 15};{'Eine sehr lange Bezeichnung ' * 8};{'donaudampfschiff' * 30};12,5\n"
)
SIZES = [({"width": 360, "height": 740}, "dark"), ({"width": 1280, "height": 860}, "light")]


@pytest.fixture
def products(account) -> Collection:
    return Collection.objects.create(account=account, name="Products")


def is_fit(page) -> None:
    """For everybody, and without scrolling sideways."""
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("viewport", "scheme"), SIZES)
def test_from_a_file_to_entries(visit, alice, account, products, monkeypatch, viewport, scheme):
    hinted: list[list] = []
    monkeypatch.setattr(tasks.import_rows, "apply_async", lambda args, **_: hinted.append(args))
    monkeypatch.setattr(tasks.pass_on, "apply_async", lambda *_, **__: None)
    one = visit(viewport=viewport, color_scheme=scheme)
    page = one.sign_in(alice)
    page.goto(f"{one.address}/collections/{products.id}")
    page.get_by_role("link", name="Import", exact=True).click()
    is_fit(page)
    page.get_by_label("Choose a file").set_input_files(
        {"name": "Waren der Woche.csv", "mimeType": "text/csv", "buffer": ROWS.encode("cp1252")}
    )
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_role("heading", name="What are the columns?")).to_be_visible()
    is_fit(page)
    # Guessed; a change shows in the preview by itself.
    expect(page.get_by_label("SKU", exact=True)).to_have_value("source_id")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("Boils a liter")
    page.get_by_label("Bezeichnung", exact=True).select_option("text")
    expect(preview).to_contain_text("Bezeichnung: Kettle")
    page.get_by_label("Bezeichnung", exact=True).select_option("title")
    page.get_by_label("Preis", exact=True).select_option("searchable")
    expect(preview.locator(".icon").first).to_be_visible()
    page.get_by_role("button", name="Start the import").click()
    expect(page.locator("#moving")).to_be_visible()
    is_fit(page)
    tasks.import_rows(*hinted[0])
    # The page finds out by itself that it is over.
    expect(page.get_by_role("heading", name="3 rows are through")).to_be_visible()
    expect(page.get_by_role("rowheader", name="3")).to_be_visible()
    is_fit(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert "t-1" in download.value.path().read_text("utf-8-sig")
    page.get_by_role("link", name="See the entries").click()
    expect(page.get_by_role("link", name="Kettle")).to_be_visible()
    assert Entry.objects.get(source_id="k-1").searchable_meta == {"Preis": 30}


def test_a_file_that_cannot_be_read_is_told_of(visit, alice, products):
    one = visit()
    page = one.sign_in(alice)
    page.goto(f"{one.address}/collections/{products.id}/imports")
    picture = {"name": "a.csv", "mimeType": "text/csv", "buffer": b"\x89PNG\r\n\x1a\n" + bytes(99)}
    page.get_by_label("Choose a file").set_input_files(picture)
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_role("alert")).to_contain_text("not supported")
    is_fit(page)
    one.troubles.clear()  # the browser's own line about the 400


def test_without_a_script_and_by_keyboard_alone(visit, alice, products):
    one = visit(java_script_enabled=False)
    one.page.goto(f"{one.address}/sign-in")
    one.page.get_by_label("Email").fill(alice.email)
    one.page.get_by_label("Password").fill(driving.PASSWORD)
    one.page.keyboard.press("Enter")
    one.page.wait_for_url(f"{one.address}/")
    page = one.page
    page.goto(f"{one.address}/collections/{products.id}/imports")
    page.get_by_label("Choose a file").set_input_files(
        {"name": "a.csv", "mimeType": "text/csv", "buffer": b"id,text,more\n1,One.,x\n"}
    )
    page.get_by_role("button", name="Look at the file").press("Enter")
    page.get_by_label("more", exact=True).select_option("text")
    page.get_by_role("button", name="Preview").press("Enter")
    expect(page.locator("#preview")).to_contain_text("more: x")
    page.get_by_role("button", name="Start the import").press("Enter")
    expect(page.locator("#moving")).to_be_visible()
    draft = EntryImport.objects.get()
    tasks.import_rows(draft.account_id, str(draft.id))
    page.reload()
    expect(page.get_by_role("heading", name="1 row is through")).to_be_visible()


def test_who_only_reads_sees_and_is_offered_nothing(visit, account, bob, products):
    Membership.objects.update_or_create(account=account, user=bob, defaults={"role": "viewer"})
    EntryImport.objects.create(account=account, collection=products, filename="a.csv", file_size=1, status="done")
    one = visit()
    page = one.sign_in(bob)
    page.goto(f"{one.address}/collections/{products.id}/imports?account={account.id}")
    expect(page.get_by_role("link", name="a.csv")).to_be_visible()
    expect(page.get_by_role("button", name="Look at the file")).to_have_count(0)
    is_fit(page)
    page.get_by_role("link", name="a.csv").click()
    expect(page.get_by_role("link", name="Import another file")).to_have_count(0)
    is_fit(page)
