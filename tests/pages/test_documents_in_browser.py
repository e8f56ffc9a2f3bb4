"""The page of documents in a real browser: many dropped at once, watched, mended, moved and deleted."""

from __future__ import annotations

import os
from unittest import mock

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from accounts.models import Membership
from knowledge import uploads
from knowledge.models import Collection, Document, IngestionJob
from tests.cast import make_user
from tests.pages import browser as driving
from tests.pages.conftest import made_ready, uploaded

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

LONG = "a report that somebody named in a hurry and nobody ever thought of naming anew, not even in the summer.md"
GOOD = {f"minutes {number}.md": f"# Minutes {number}\n\nThe shed was painted.".encode() for number in range(3)}
SCAN = b"<html><body><img src='x'></body></html>"
DROP = """
(files) => {
  const transfer = new DataTransfer();
  for (const [name, text] of Object.entries(files)) transfer.items.add(new File([text], name));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.getElementById("drop").dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true }));
  }
}
"""


@pytest.fixture
def visit(chromium, monkeypatch, fresh_limits):
    # The browser itself writes down that the API refused a file, as it should have.
    refused = "the server responded with a status of 400"
    with driving.working(monkeypatch), driving.visiting(chromium, forgiven=refused) as make:
        yield make


@pytest.fixture
def put(account, alice):
    """Puts a document there that no worker looks at."""

    def put(name: str, *pieces) -> Document:
        with mock.patch.object(uploads, "hint"):
            document = uploaded(account, alice, name, b"Text.")
        return made_ready(document, *pieces) if pieces else document

    return put


def line(page, name):
    return page.locator(".documents-list tbody tr", has_text=name)


def test_many_are_dropped_and_one_that_cannot_be_read_is_mended(visit, alice, account):
    here = visit()
    page = here.sign_in(alice)
    page.get_by_role("link", name="Documents").first.click()
    expect(page.get_by_role("heading", name="No documents yet")).to_be_visible()
    dropped = {name: text.decode() for name, text in GOOD.items()} | {"scan.html": SCAN.decode(), "tool.exe": "MZ\0\0"}
    page.wait_for_load_state()  # what listens for it is a script
    page.evaluate(DROP, dropped)
    # What is refused stays on top with its reason; the others go through.
    refused = page.locator("#uploads .document")
    expect(refused).to_have_count(1, timeout=60_000)
    expect(refused).to_contain_text("tool.exe")
    expect(refused).to_contain_text("This kind of file is not supported.")
    for name in GOOD:
        expect(line(page, name)).to_contain_text("Ready", timeout=60_000)
    expect(line(page, "scan.html")).to_contain_text("No text was found", timeout=60_000)
    expect(page.locator("#tally")).to_contain_text("Failed 1")
    expect(page.locator("#poll[hx-get]")).to_have_count(0)
    refused.get_by_role("button", name="Delete tool.exe").click()
    expect(refused).to_have_count(0)
    assert Document.objects.filter(account=account).count() == 4


def test_what_failed_is_tried_again_and_survives_a_reload(visit, alice, put):
    document = put("plan.md")
    IngestionJob.objects.filter(entry_id=document.entry_id).update(status="failed", last_error="timeout")
    Document.objects.filter(id=document.id).update(status="failed", error_code="timeout")
    here = visit()
    page = here.sign_in(alice)
    expect(page.locator("#attention")).to_contain_text("1 document could not be read.")
    page.locator("#attention").get_by_role("link", name="See why").click()
    expect(line(page, "plan.md")).to_contain_text("took too long")
    page.get_by_role("button", name="Try again with plan.md").click()
    page.goto(f"{here.address}/documents")
    expect(line(page, "plan.md")).to_contain_text("Ready", timeout=60_000)
    page.reload()
    expect(line(page, "plan.md")).to_contain_text("Ready")
    page.goto(f"{here.address}/")
    expect(page.locator("#first-steps")).to_be_visible()
    expect(page.locator("#attention")).to_have_count(0)


def test_several_are_chosen_moved_and_deleted_after_being_asked(visit, alice, account, put):
    Collection.objects.create(account=account, name="Archive")
    for number in range(3):
        put(f"note {number}.md", ("Text.", {}))
    here = visit()
    page = here.sign_in(alice)
    page.goto(f"{here.address}/documents")
    expect(page.get_by_text("Move…")).to_be_hidden()
    page.get_by_label("Choose note 0.md").check()
    page.get_by_label("Choose note 1.md").check()
    expect(page.locator("#chosen-count")).to_have_text("2 chosen")
    page.get_by_text("Move…").click()
    page.get_by_label("To the collection").select_option(label="Archive")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_text("2 documents are in Archive now.")).to_be_visible()
    expect(line(page, "note 1.md")).to_contain_text("Archive")
    page.get_by_label("All on this page").check()
    expect(page.locator("#chosen-count")).to_have_text("3 chosen")
    page.get_by_label("Choose note 2.md").uncheck()
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Delete those chosen").click()
    expect(page.get_by_text("2 documents are deleted.")).to_be_visible()
    assert [document.filename for document in Document.objects.filter(account=account)] == ["note 2.md"]


def test_from_a_chunk_to_its_place_in_the_text(visit, alice, put):
    pieces = [(f"What page {n} says.", {"page_number": n, "heading_path": ["Book", f"Part {n}"]}) for n in range(1, 40)]
    document = put("book.md", *pieces)
    here = visit()
    page = here.sign_in(alice)
    page.goto(f"{here.address}/documents/{document.id}?page=7")
    page.get_by_role("link", name="Chunks", exact=True).click()
    first = page.locator(".chunk").first
    expect(first).to_contain_text("Chunk 7")
    expect(first).to_contain_text("page 7")
    expect(first).to_contain_text("9 tokens")
    expect(first).to_contain_text("Book › Part 7")
    first.get_by_role("link", name="Show in the text").click()
    expect(page.locator("mark")).to_have_text("What page 7 says.")
    expect(page.locator("#cited")).to_be_in_viewport()
    page.get_by_text("Delete this document…").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="No documents yet")).to_be_visible()


def test_without_a_script_files_go_up_and_are_seen_to(visit, alice, account):
    here = visit(java_script_enabled=False)
    page = here.page
    page.goto(f"{here.address}/sign-in?next=/documents")
    page.get_by_label("Email").fill(alice.email)
    page.get_by_label("Password").fill(driving.PASSWORD)
    page.keyboard.press("Enter")
    files = [{"name": name, "mimeType": "text/markdown", "buffer": text} for name, text in GOOD.items()]
    page.locator("#files").set_input_files([*files, {"name": "x.exe", "mimeType": "x/y", "buffer": b"MZ\0\0"}])
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("3 files are there and being read.")).to_be_visible()
    expect(page.get_by_text("x.exe was not taken. This kind of file is not supported.")).to_be_visible()
    page.get_by_label("Choose minutes 1.md").check()
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Delete those chosen").click()
    expect(page.get_by_text("1 document is deleted.")).to_be_visible()


def test_a_viewer_looks_and_a_member_works(visit, account, bob, put):
    put("note.md", ("Text.", {}))
    vera = make_user("Vera")
    Membership.objects.create(account=account, user=vera, role="viewer")
    for user, boxes in ((bob, 1), (vera, 0)):
        here = visit()
        page = here.sign_in(user)
        page.goto(f"{here.address}/documents?account={account.id}")
        expect(line(page, "note.md")).to_have_count(1)
        expect(page.locator('.documents-list input[type="checkbox"]')).to_have_count(boxes)
        expect(page.locator("#adding")).to_have_count(boxes)
        page.get_by_role("link", name="note.md").click()
        expect(page.get_by_text("Delete this document…")).to_have_count(boxes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_fit_and_axe_finds_nothing(visit, alice, account, put, width, scheme):
    Collection.objects.create(account=account, name="Archive")
    ready = put(LONG, ("Text.", {"heading_path": ["A" * 90], "page_number": 1}))
    failed = put("failed.md")
    IngestionJob.objects.filter(entry_id=failed.entry_id).update(status="failed", last_error="timeout")
    Document.objects.filter(id=failed.id).update(status="failed", error_code="timeout")
    here = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = here.sign_in(alice)
    paths = ["/", "/documents", "/documents?q=nowhere", f"/documents/{ready.id}?view=chunks", f"/documents/{failed.id}"]
    for path in [*paths, f"/collections/{failed.collection_id}?state=failed"]:
        page.goto(f"{here.address}{path}")
        for box in page.locator('.documents-list input[type="checkbox"]').all():
            box.check()
        for more in page.locator("main details").all():
            more.evaluate("element => (element.open = true)")
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], path


def test_the_uploader_of_the_first_page_still_works(visit, alice, account):
    here = visit()
    page = here.sign_in(alice)
    page.locator("#files").set_input_files({"name": "a.md", "mimeType": "x/y", "buffer": b"# A\n\nIt is open."})
    expect(page.locator(".document", has_text="a.md")).to_contain_text("passage", timeout=60_000)
    uploads.delete(Document.objects.get(account=account))
