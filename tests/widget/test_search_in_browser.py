"""The search on somebody else's page: inside it, and over it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.usage import answers_this_month
from integrations import keys
from integrations.models import IntegrationEvent
from knowledge.models import Entry
from tests.pages import browser as driving
from tests.widget.test_chat_in_browser import NEW_NAMES, serious

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]


def over(shop, **parts):
    """A page with a search on Ctrl + K, which is open."""
    page = shop.page(**({"head": shop.snippet(shop.search_box)} | parts))
    page.locator("doculume-modal").wait_for(state="attached")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    return page


def inside(shop, options="", **parts):
    """A page with a search in it, made by a script of the page's own."""
    credentials = f'key: "{keys.text_of(shop.key)}", integration: "{shop.search_box.id}"'
    shop.site.pages["/own.js"] = (
        "(function go() { window.DocuLume ? "
        f'DocuLume.search("#here", {{{credentials}, {options}}}) : setTimeout(go, 20); }})()'
    )
    head = shop.snippet(shop.search_box, manual="1")
    page = shop.page(head=head, body='<script src="/own.js"></script>', **parts)
    page.get_by_role("combobox").wait_for()
    return page


def recorded(page):
    for _ in range(50):
        if IntegrationEvent.objects.exists():
            break
        page.wait_for_timeout(100)
    return IntegrationEvent.objects.get()


def test_searching_by_keyboard_leads_to_the_page_and_is_counted(shop):
    page = over(shop)
    page.keyboard.type("refund")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("Refund policy")
    expect(options.first.locator("mark").first).to_have_text("Refund")
    field = page.get_by_role("combobox")
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", options.first.get_attribute("id"))
    expect(field).to_be_focused()
    page.evaluate(
        "addEventListener('doculume-select', (event) => { event.preventDefault(); window.went = event.detail; })"
    )
    page.keyboard.press("Enter")
    page.wait_for_function("window.went")
    assert page.evaluate("window.went.url") == "https://shop.example/refunds"
    event = recorded(page)
    assert event.event_type == "click"
    entry = Entry.objects.get(title="Refund policy")
    assert event.meta == {"entry_id": str(entry.id), "position": 1, "query": "refund"}
    assert page.evaluate(NEW_NAMES) == ["DocuLume", "went"]


def test_a_summary_is_made_when_it_is_asked_for(shop):
    page = over(shop)
    page.keyboard.type("How long do customers have to request a refund?")
    expect(page.get_by_role("option").first).to_contain_text("Refund policy")
    page.wait_for_timeout(500)
    assert answers_this_month(shop.account) == 0
    page.keyboard.press("Enter")
    summary = page.locator(".summary .answer")
    expect(summary.locator(".prose")).to_contain_text("within 30 days")
    expect(summary.locator("summary")).to_contain_text("Refund policy")
    summary.get_by_role("button", name="Source 1").first.click()
    expect(summary.get_by_role("link")).to_have_attribute("href", "https://shop.example/refunds")
    assert answers_this_month(shop.account) == 1


def test_filters_narrow_what_is_found(shop):
    Entry.objects.filter(title="Shipping").update(meta={"kind": "guide"})
    page = inside(shop, 'filters: [{field: "kind", label: "Kind", values: ["guide", "policy"]}]', hostile=False)
    page.get_by_role("combobox").fill("How long does shipping and a refund take in days?")
    expect(page.get_by_role("option")).to_have_count(2)
    page.get_by_role("button", name="guide").click()
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option")).to_contain_text("Shipping")
    assert serious(page) == []


def test_what_is_not_found_is_said(shop):
    page = inside(shop)
    page.get_by_role("combobox").fill("qqqqxxxyzzy")
    expect(page.get_by_text("Nothing was found for “qqqqxxxyzzy”.").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox")).to_have_value("")


def test_an_address_that_cannot_be_read_is_still_a_result(shop):
    shop.entry("Our warranty lasts for three years.", "Warranty", "https://shop.example/100%")
    shop.entry("The warranty of batteries lasts for a year.", "Batteries", "https://:99999")
    page = inside(shop)
    page.get_by_role("combobox").fill("warranty")
    expect(page.get_by_role("option", name="Batteries")).to_be_visible()
    found = page.get_by_role("option", name="Our warranty")
    expect(found).to_have_attribute("href", "https://shop.example/100%")
    assert shop.errors == []


def test_only_the_last_of_several_searches_is_shown(shop):
    page = inside(shop)
    field = page.get_by_role("combobox")
    slow = []
    page.route(
        "**/search", lambda route: slow.append(route) if "refund" in route.request.post_data else route.continue_()
    )
    field.fill("refund")
    page.wait_for_timeout(400)
    field.fill("shipping to Japan")
    expect(page.get_by_role("option").first).to_contain_text("Shipping")
    for route in slow:
        route.abort()
    page.wait_for_timeout(400)
    expect(page.get_by_role("option").first).to_contain_text("Shipping")


def test_a_page_that_has_the_shortcut_itself_keeps_it(shop):
    shop.site.pages["/mine.js"] = (
        "addEventListener('keydown', (e) => { if (e.key === 'k' && e.ctrlKey) e.preventDefault(); })"
    )
    head = '<script src="/mine.js"></script>' + shop.snippet(shop.search_box)
    page = shop.page(head=head)
    page.locator("doculume-modal").wait_for(state="attached")
    page.keyboard.press("Control+k")
    page.wait_for_timeout(200)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_two_searches_over_one_page_open_one_at_a_time(shop):
    page = shop.page(head=shop.snippet(shop.search_box) * 2)
    page.locator("doculume-modal").nth(1).wait_for(state="attached")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_search_is_in_nobodys_way(shop):
    page = over(shop, hostile=False)
    page.keyboard.type("refund")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
