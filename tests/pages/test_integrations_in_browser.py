"""The pages of integrations in a real browser: made, keyed, embedded, and fit for everybody."""

from __future__ import annotations

import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from accounts.models import Plan
from accounts.plans import put_on
from integrations import keys
from integrations.models import ChatbotKey, Integration
from knowledge.models import Collection
from tests.pages import browser as driving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

WIDTHS = [{"width": 360, "height": 740}, {"width": 1280, "height": 860}]


@pytest.fixture
def visit(chromium, fresh_limits):
    # What browsers say of every preview: its page is the platform's own, and has scripts.
    with driving.visiting(chromium, forgiven="can escape its sandboxing") as make:
        yield make


@pytest.fixture
def bot(account) -> Integration:
    put_on(account, Plan.objects.get(name="pro"))
    made = Integration.objects.create(
        account=account, type="chatbot", name="Support Bot", allowed_domains=["example.com"], project="Shop"
    )
    made.connect([Collection.objects.create(account=account, name="Articles").id])
    return made


def test_from_nothing_to_the_line_to_paste(visit, alice, account):
    put_on(account, Plan.objects.get(name="pro"))
    Collection.objects.create(account=account, name="Articles")
    here = visit(permissions=["clipboard-read", "clipboard-write"])
    page = here.sign_in(alice)
    page.get_by_role("link", name="Integrations").click()
    page.get_by_role("link", name="New chatbot").click()
    page.get_by_label("Name").fill("Support Bot")
    page.get_by_label("Articles").check()
    page.get_by_label("Domains").fill("example.com")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("link", name="Embed").click()
    page.get_by_role("button", name="Make the key").click()
    line = page.locator("#snippet").input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == line
    assert keys.text_of(ChatbotKey.objects.get()) in line
    assert here.address in line


def test_a_look_is_tried_before_it_is_saved(visit, alice, account, bot):
    keys.create(account, "Shop", integrations=[bot])
    here = visit()
    page = here.sign_in(alice)
    page.goto(f"{here.address}/integrations/{bot.id}/embed")
    page.get_by_label("Theme").select_option("dark")
    frame = page.frame_locator("#preview")
    expect(frame.locator("script[data-theme=dark]")).to_have_count(1)
    bot.refresh_from_db()
    assert bot.appearance == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS, ids=["phone", "desktop"])
def test_pages_fit_and_axe_finds_nothing(visit, alice, account, bot, size, scheme):
    keys.create(account, "Shop", integrations=[bot], origins=["https://shop.example.com"])
    here = visit(viewport=size, color_scheme=scheme)
    page = here.sign_in(alice)
    inner = ["", "/new?type=search_box", f"/{bot.id}", f"/{bot.id}/embed", "/keys"]
    for path in inner:
        page.goto(f"{here.address}/integrations{path}")
        for more in page.locator("main details").all():
            more.evaluate("element => (element.open = true)")
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        if folder := os.environ.get("DOCULUME_SHOTS"):
            name = path.replace(str(bot.id), "bot").strip("/").replace("/", "-").partition("?")[0] or "list"
            page.screenshot(path=f"{folder}/{size['width']}-{scheme}-{name}.png", full_page=True)
        found = Axe().run(page, context={"exclude": [["#preview"]]}).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], path
