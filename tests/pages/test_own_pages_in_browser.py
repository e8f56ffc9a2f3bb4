"""The pages about oneself in a real browser."""

from __future__ import annotations

import os
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import expect

from accounts.models import ApiToken
from tests.cast import PASSWORD
from tests.pages import browser as driving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

OWN = ["profile", "email", "security", "security/password", "security/two-factor", "tokens", "profile/delete"]
WIDTHS = [{"width": 360, "height": 740}, {"width": 1280, "height": 860}]


def code_of(secret):
    return format_hotp_value(hotp_value(secret.replace(" ", ""), int(time.time()) // 30))


def test_a_second_factor_from_the_first_scan_to_the_next_sign_in(visit, alice):
    here = visit()
    page = here.sign_in(alice)
    page.goto(f"{here.address}/account/security")
    page.get_by_role("link", name="Turn on").click()
    page.wait_for_url("**/two-factor")
    # The picture is really drawn: the policy lets it through.
    assert page.locator(".qr").evaluate("image => image.complete && image.naturalWidth > 100")
    page.get_by_label("Code", exact=True).fill(code_of(page.locator("#secret").inner_text()))
    page.keyboard.press("Enter")
    page.locator(".codes").wait_for()
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as text").click()
    assert download.value.path().read_text().split() == codes
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.get_by_label("Email").fill(alice.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    # The field has the focus: type and go on.
    page.wait_for_url("**/sign-in/second-step")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.keyboard.type(codes[0])
    page.keyboard.press("Enter")
    page.locator("#first-steps").wait_for()


def test_the_theme_that_was_chosen_wins_over_the_devices(visit, alice):
    here = visit(color_scheme="light")
    page = here.sign_in(alice)
    page.goto(f"{here.address}/account/profile")
    background = "() => getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_label("Appearance").select_option("dark")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    assert page.evaluate(background) != light
    page.get_by_label("Appearance").select_option("light")
    page.get_by_role("button", name="Save").click()
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) == light


def test_a_token_is_copied_by_its_button(visit, alice):
    here = visit(permissions=["clipboard-read", "clipboard-write"])
    page = here.sign_in(alice)
    page.goto(f"{here.address}/account/tokens")
    page.get_by_label("Name").fill("Laptop")
    page.keyboard.press("Enter")
    text = page.get_by_label("The new token").input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == text
    assert text.endswith(ApiToken.objects.get().last_four)


def test_another_browser_is_signed_out_from_here(visit, alice):
    here, there = visit(), visit()
    here.sign_in(alice)
    there.sign_in(alice)
    here.page.goto(f"{here.address}/account/security")
    here.page.get_by_role("button", name="Sign out Chrome").click()
    expect(here.page.get_by_role("status")).to_contain_text("has ended")
    there.page.goto(f"{there.address}/account/security")
    expect(there.page).to_have_url(f"{there.address}/sign-in?next=/account/security")


@pytest.mark.parametrize("viewport", WIDTHS, ids=lambda size: str(size["width"]))
def test_nothing_sticks_out_and_where_one_is_can_be_seen(visit, alice, viewport):
    here = visit(viewport=viewport)
    page = here.sign_in(alice)
    for name in OWN:
        page.goto(f"{here.address}/account/{name}")
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), name
        current = page.locator(".desk-nav [aria-current]").bounding_box()
        assert current
        assert 0 <= current["x"] <= current["x"] + current["width"] <= viewport["width"], name


def test_the_keyboard_reaches_what_there_is_to_do(visit, alice):
    here = visit()
    page = here.sign_in(alice)
    page.goto(f"{here.address}/account/security")
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.textContent.trim()"))
    assert {"Change the password", "Turn on", "Sign out everywhere else", "API tokens"} <= reached
