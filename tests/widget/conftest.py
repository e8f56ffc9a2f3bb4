"""A shop whose pages show widgets of a platform on another origin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Dialog, Page

from accounts.models import Account, Plan
from accounts.plans import put_on
from integrations import keys
from integrations.models import ChatbotSettings, Integration
from knowledge.models import Entry
from tests.knowledge.library import add_entry
from tests.pages import browser as driving
from tests.widget.site import Site, somebodys_site

# Playwright's own event loop runs in this thread, and Django takes it for ours.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

REFUNDS = (
    "Refunds are available within 30 days of purchase. Customers request a refund from the support team. "
    "Digital products can be refunded for 14 days."
)
SHIPPING = "Parcels leave our warehouse in Hamburg within one day. Shipping to Japan takes nine days."


class Shop:
    """Its site, its integrations by kind, and a key that opens them."""

    def __init__(self, account: Account, site: Site, browser: Browser) -> None:
        self.account, self.site, self.browser = account, site, browser
        self.collection_id = self.entry(REFUNDS, "Refund policy", "https://shop.example/refunds").collection_id
        self.entry(SHIPPING, "Shipping", "https://shop.example/shipping")
        self.chatbot = self.integration("chatbot", name="Shop assistant", welcome_message="Ask us anything.")
        self.search_box = self.integration("search_box", name="Search", results_display="summary_results")
        self.key = keys.create(account, "Shop", integrations=[self.chatbot, self.search_box])
        self.contexts: list[BrowserContext] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        self.lines: list[str] = []
        self.foreign: list[str] = []

    def entry(self, text: str, title: str, url: str) -> Entry:
        made = add_entry(self.account, text, title=title)
        Entry.objects.filter(account=self.account, id=made.id).update(source_url=url)
        return made

    def integration(self, kind: str, **fields: Any) -> Integration:
        host = self.site.address.removeprefix("http://")
        made: Integration = Integration.objects.create(
            account=self.account, type=kind, allowed_domains=[host], **fields
        )
        made.connect([self.collection_id])
        return made

    def snippet(self, integration: Integration | None = None, **attributes: str) -> str:
        return self.site.snippet(keys.text_of(self.key), (integration or self.chatbot).id, **attributes)

    def visitor(self, **options: Any) -> BrowserContext:
        """A browser of its own, watched for what no page may do."""
        context = self.browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **options})
        context.on("page", self._watch)
        self.contexts.append(context)
        return context

    def page(self, context: BrowserContext | None = None, path: str = "/", **parts: Any) -> Page:
        """A page of the shop with the chat's snippet, or with other `head` and `body`; opened."""
        address = self.site.page(path, **({"head": self.snippet()} | parts))
        page = (context or self.visitor()).new_page()
        page.set_default_timeout(15_000)
        page.goto(address)
        return page

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.lines.append(f"{line.type}: {line.text}"))
        page.on("dialog", self._refuse)
        page.on("request", lambda request: self._note(request.url))

    def _refuse(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _note(self, url: str) -> None:
        if not url.startswith((self.site.address, self.site.platform)):
            self.foreign.append(url)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with driving.chromium() as browser:
        yield browser


def opens_sessions() -> bool:
    """Whether the platform has what the widget asks of it for visitors."""
    # Without a key: 401, where there is such a path at all.
    return Client().get("/api/v1/integrations/01900000-0000-7000-8000-000000000000/widget").status_code != 404


@pytest.fixture
def shop(chromium: Browser, account: Account) -> Iterator[Shop]:
    """At the end nothing foreign was asked for, no dialog was opened, and no script failed."""
    if not opens_sessions():
        pytest.skip("this platform opens no sessions for visitors")
    put_on(account, Plan.objects.get(name="pro"))
    ChatbotSettings.objects.create(account=account, support_email="support@example.com")
    with driving.serving() as platform, somebodys_site(platform) as site:
        made = Shop(account, site, chromium)
        try:
            yield made
        finally:
            for context in made.contexts:
                context.close()
    assert made.errors == []
    assert made.foreign == []
    assert made.dialogs == []
