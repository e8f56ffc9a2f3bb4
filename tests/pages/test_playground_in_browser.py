"""The playground in a real browser: asked by keys, from the number to the passage and back, and fit for everybody."""

from __future__ import annotations

import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from accounts.models import Membership
from knowledge import entries
from knowledge.models import Collection, IngestionJob
from knowledge.tasks import ingest_entry
from tests.pages import browser as driving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

WIDTHS = [{"width": 360, "height": 740}, {"width": 1280, "height": 860}]
LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle" * 2
ASKED = "When does the library open?"


@pytest.fixture
def town(account):
    collection = Collection.objects.create(account=account, name=f"Town {LONG}")
    texts = [
        ("Library", "The library opens at nine on weekdays. It is closed on Sundays."),
        (LONG, "Copper turns green in the rain."),
        ("مكتبة", "تفتح المكتبة في الساعة التاسعة صباحا."),
    ]
    for title, text in texts:
        entry = entries.add(account, collection, {"title": title, "raw_text": text})
        ingest_entry(str(IngestionJob.objects.get(entry_id=entry.id).id))
    return collection


def tried(page, text):
    """Ask by the keyboard alone, and wait for the end."""
    page.get_by_label("Question", exact=True).fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#trials > .trial .trial-stages section")).to_be_visible()
    return page.locator("#trials > .trial")


def test_from_the_number_to_the_passage_and_back(visit, alice, town):
    here = visit()
    page = here.sign_in(alice)
    page.get_by_role("link", name="Playground").first.click()
    trial = tried(page, ASKED)
    expect(trial.locator(".prose")).to_contain_text("nine")
    cited = trial.locator(".passage.is-cited").first
    expect(cited.locator("mark").first).to_have_text("The library opens at nine on weekdays.")
    number = trial.locator(".cite").first
    number.focus()
    page.keyboard.press("Enter")
    expect(cited).to_be_focused()
    cited.get_by_role("link", name="Back to the answer").focus()
    page.keyboard.press("Enter")
    expect(number).to_be_focused()
    expect(trial.get_by_text("not used: below 0.40").first).to_be_visible()
    assert "q=When+does+the+library+open" in page.url


def test_what_is_tried_next_stands_above_the_trial_before(visit, alice, town):
    here = visit()
    page = here.sign_in(alice)
    page.goto(f"{here.address}/playground?q=What+turns+green%3F&threshold=0.2")
    page.get_by_role("button", name="Try").click()
    expect(page.locator("#trials > .trial .prose")).to_contain_text("green")
    page.get_by_label("Search only, without an answer").check()
    tried(page, ASKED)
    expect(page.locator("#trials > .trial").get_by_text("Searched only")).to_be_visible()
    page.get_by_text("The trial before").click()
    expect(page.locator(".trial-before .prose")).to_contain_text("green")
    page.get_by_text("More settings").click()
    page.get_by_label("Filters").fill("{")
    page.get_by_role("button", name="Try").click()
    expect(page.locator("#trials > .trial .trouble")).to_contain_text("Filters: This is no JSON.")
    here.troubles.clear()  # a browser notes each answer of 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS, ids=["phone", "desktop"])
def test_pages_fit_and_axe_finds_nothing(visit, alice, town, size, scheme):
    here = visit(viewport=size, color_scheme=scheme)
    page = here.sign_in(alice)
    for text in (None, ASKED, "متى تفتح المكتبة؟", f"{LONG}? " * 20):
        page.goto(f"{here.address}/playground")
        if text:
            tried(page, text)
        for more in page.locator("main details").all():
            more.evaluate("element => (element.open = true)")
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, text
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], text


def test_it_works_without_a_script(visit, charlie, account, town):
    Membership.objects.create(account=account, user=charlie, role=Membership.Role.VIEWER)
    here = visit(java_script_enabled=False)
    page = here.page
    page.goto(f"{here.address}/sign-in?next=/playground?account={account.id}")
    page.get_by_label("Email").fill(charlie.email)
    page.get_by_label("Password").fill(driving.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/playground?account=*")
    page.get_by_label("Question", exact=True).fill(ASKED)
    page.get_by_role("button", name="Try").click()
    expect(page.locator(".prose")).to_contain_text("nine")
    page.locator(".cite").first.click()
    expect(page.locator("#source-1")).to_be_in_viewport()
