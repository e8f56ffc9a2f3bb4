"""Every page of the URLconf in a real browser, of an account that is in use: quiet, by itself, fit for everybody."""

from __future__ import annotations

import os
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client

from accounts.models import Membership
from tests.cast import PASSWORD, make_user
from tests.pages import browser as driving
from tests.pages.every_page import SIGNED_OUT, address, addresses, expected
from tests.pages.full_account import Filled, analyzed, fill

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 360, "height": 740}
MOST_BYTES = 100_000
TABS = 25
# Of the preview of a widget, which is our own page and needs both.
SANDBOX = "allow-scripts and allow-same-origin for its sandbox"
# What has the focus, and whether one sees it: an outline, or a ring of its own or of what it stands in.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const ringed = (it) => {
    const style = getComputedStyle(it);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
  };
  const box = one.getBoundingClientRect();
  const shown = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight;
  // What is within another page is that page's to show.
  if (one.tagName === "IFRAME") return {what: "", seen: true};
  const near = [one, one.parentElement, one.labels && one.labels[0], one.nextElementSibling].filter(Boolean);
  return {what: one.outerHTML.slice(0, 150), seen: shown && near.some(ringed)};
}"""
TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter(
  (it) => it.getBoundingClientRect().right > innerWidth + 1).slice(-3).map((it) => it.outerHTML.slice(0, 120))"""


@pytest.fixture
def filled(account, alice, settings, tmp_path, fresh_limits) -> Filled:
    settings.MEDIA_ROOT = tmp_path
    found = fill(account, alice)
    analyzed()
    return found


@pytest.fixture
def pages(filled) -> dict[str, str]:
    browser = Client()
    browser.post("/sign-in", {"username": filled.owner.email, "password": PASSWORD})
    return addresses(filled, browser)


class Walk:
    """Opens each page in a browser without memory but for the sign-in, and keeps what is wrong by the page's name."""

    def __init__(self, chromium, platform: str, user=None, **options: Any) -> None:
        self.chromium, self.platform, self.options = chromium, platform, options
        self.wrong: dict[str, list[str]] = {}
        self.state = None
        if user is not None:
            visit = driving.Visit(chromium, platform)
            visit.page.goto(f"{platform}/sign-in")
            visit.page.get_by_label("Email").fill(user.email)
            visit.page.get_by_label("Password").fill(PASSWORD)
            visit.page.keyboard.press("Enter")
            visit.page.wait_for_url(f"{platform}/")
            self.state = visit.context.storage_state()
            visit.context.close()

    def open(self, pages: dict[str, str], look, *, status: int = 200) -> None:
        # What a refusal's own status says on the console is no trouble.
        known_lines = [SANDBOX, *(["the server responded with"] if status != 200 else [])]
        for name, path in pages.items():
            visit = driving.Visit(self.chromium, self.platform, storage_state=self.state, **self.options)
            sent = Sent(visit)
            answer = visit.page.goto(self.platform + path)
            assert answer is not None
            visit.page.wait_for_load_state("load")
            visit.page.wait_for_timeout(100)
            said = [f"status {answer.status}"] if answer.status != status else []
            said += look(visit.page, sent) or []
            said += [line for line in visit.troubles if not any(known in line for known in known_lines)]
            said += [f"asked {url}" for url in visit.foreign]
            if said:
                self.wrong[name] = said
            visit.context.close()


class Sent:
    """The bytes that came over the wire."""

    def __init__(self, visit: driving.Visit) -> None:
        self.total = 0
        session = visit.context.new_cdp_session(visit.page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._add)

    def _add(self, event: dict[str, Any]) -> None:
        self.total += event["encodedDataLength"]


def nothing(page, sent) -> None:
    return None


def accessible(page, sent) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
    ]


def test_pages_are_quiet_accessible_and_light_to_load(filled, pages, chromium):
    def look(page, sent) -> list[str]:
        heavy = [f"{sent.total} bytes"] if sent.total > MOST_BYTES else []
        return heavy + accessible(page, sent)

    with driving.serving() as platform:
        walk = Walk(chromium, platform, filled.owner, viewport=DESKTOP)
        walk.open(pages, look)
        outside = Walk(chromium, platform, viewport=DESKTOP)
        outside.open({name: address(name, filled) for name in SIGNED_OUT}, look)
    assert walk.wrong | outside.wrong == {}


def test_pages_fit_a_phone_in_the_dark(filled, pages, chromium):
    def look(page, sent) -> list[str]:
        wide = page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
        return [f"wider than the screen: {page.evaluate(TOO_WIDE)}"] * wide + accessible(page, sent)

    options = {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "is_mobile": True}
    with driving.serving() as platform:
        walk = Walk(chromium, platform, filled.owner, **options)
        walk.open(pages, look)
        outside = Walk(chromium, platform, **options)
        outside.open({name: address(name, filled) for name in SIGNED_OUT}, look)
    assert walk.wrong | outside.wrong == {}


def test_one_sees_where_one_is_with_the_keyboard(filled, pages, chromium):
    def look(page, sent) -> list[str]:
        unseen, reached = [], 0
        for _ in range(TABS):
            page.keyboard.press("Tab")
            found = page.evaluate(FOCUSED)
            if found is None:
                break
            reached += 1
            if not found["seen"]:
                unseen.append(f"focus is not seen on {found['what']}")
        return unseen + ["nothing is reached"] * (reached == 0)

    with driving.serving() as platform:
        walk = Walk(chromium, platform, filled.owner, viewport=DESKTOP)
        walk.open(pages, look)
    assert walk.wrong == {}


@pytest.mark.parametrize("who", ["member", "viewer", "stranger"])
def test_others_see_what_they_may_and_nothing_breaks(filled, pages, chromium, charlie, who):
    user = charlie
    if who != "stranger":
        user = make_user(who)
        Membership.objects.create(account=filled.account, user=user, role=who)
    with driving.serving() as platform:
        walk = Walk(chromium, platform, user, viewport=DESKTOP)
        for status in (200, 403, 404):
            of_status = {name: path for name, path in pages.items() if expected(name, who) == status}
            walk.open(of_status, nothing if status == 200 else accessible, status=status)
    assert walk.wrong == {}
