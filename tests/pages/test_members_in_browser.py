"""Members, invitations and the choice of an account, in a real browser: without a script of ours on these pages."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from accounts import members
from accounts.models import Account, Membership, OutgoingMail, SiteSettings
from doculume.crypto import decrypt
from tests.cast import PASSWORD
from tests.pages.test_in_browser import pytestmark, visit  # noqa: F401

PHONE = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}


@pytest.fixture
def shared(alice) -> Account:
    return Account.objects.create_shared("Workshop of things with long names " * 5, alice)


def link_to(email):
    text = json.loads(decrypt(OutgoingMail.objects.filter(to=email).latest("created_at").content))["text"]
    return re.search(r"http://\S+/invitations/\S+", text)[0]


def invite(page, address, account, email, role):
    page.goto(f"{address}/account/members?account={account.pk}")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Role", exact=True).select_option(role)
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("status")).to_have_text(f"{email} is invited.")


def test_somebody_new_is_invited_registers_and_is_a_viewer_there(visit, alice, shared):  # noqa: F811
    SiteSettings.objects.current()
    SiteSettings.objects.update(registration="invite_only")
    hers, theirs = visit(), visit()
    invite(hers.sign_in(alice), hers.address, shared, "dana@example.com", "viewer")
    page = theirs.page
    page.goto(link_to("dana@example.com"))
    assert page.url == f"{theirs.address}/invitation"  # the token is nowhere to be seen
    expect(page.get_by_text("Alice invites you to join")).to_be_visible()
    page.get_by_role("link", name="Register").click()
    email = page.get_by_label("Email")
    expect(email).to_be_disabled()
    expect(email).to_have_value("dana@example.com")
    page.get_by_label("Name").fill("Dana")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.locator(".menu summary")).to_contain_text("Workshop of things")
    expect(page.get_by_label("Your question")).to_be_visible()
    expect(page.locator("#files")).to_have_count(0)
    assert Membership.objects.get(user__email="dana@example.com", account=shared).role == "viewer"


def test_somebody_who_is_there_signs_out_in_and_accepts(visit, alice, bob, charlie, shared):  # noqa: F811
    hers, his = visit(), visit()
    invite(hers.sign_in(alice), hers.address, shared, bob.email, "member")
    page = his.sign_in(charlie)
    page.goto(link_to(bob.email))
    expect(page.get_by_role("alert")).to_contain_text("You are signed in as charlie@example.com")
    page.get_by_role("button", name="Sign out and go on").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email").fill(bob.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Accept and join").click()
    expect(page.locator(".told")).to_contain_text("You are in Workshop")
    assert f"account={shared.pk}" in page.url


def test_the_account_is_chosen_by_keyboard_and_sticks(visit, alice, shared):  # noqa: F811
    here = visit()
    page = here.sign_in(alice)
    summary = page.locator(".menu summary")
    summary.focus()
    page.keyboard.press("Enter")
    workshop = page.locator(".menu-box a", has_text="Workshop")
    expect(workshop).to_be_visible()
    while not workshop.evaluate("node => node === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(summary).to_contain_text("Workshop")
    page.goto(here.address)
    expect(summary).to_contain_text("Workshop")
    expect(page.locator("meta[name=account]")).to_have_attribute("content", str(shared.pk))


def test_roles_are_changed_and_people_removed_after_being_asked(visit, alice, bob, shared):  # noqa: F811
    theirs = members.add(shared, bob, "member")
    here = visit()
    page = here.sign_in(alice)
    page.goto(f"{here.address}/account/members?account={shared.pk}")
    page.get_by_label(f"Role of {bob.email}", exact=True).select_option("viewer")
    page.get_by_role("button", name=f"Change the role of {bob.email}").click()
    expect(page.get_by_role("status")).to_have_text(f"{bob.email} has the role Viewer now.")
    expect(page.get_by_role("button", name="Remove Bob")).not_to_be_visible()
    page.get_by_label(f"Remove {bob.email}", exact=True).click()
    page.get_by_role("button", name="Remove Bob").click()
    expect(page.get_by_role("status")).to_have_text(f"{bob.email} is no longer in this account.")
    assert not Membership.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_nothing_is_wider_than_the_window(visit, alice, bob, shared, options):  # noqa: F811
    bob.full_name, bob.email = "Maximiliane-" * 12, f"{'x' * 60}@example.com"
    bob.save()
    members.add(shared, bob, "member")
    here = visit(**options)
    page = here.sign_in(alice)
    invite(page, here.address, shared, f"{'y' * 60}@example.com", "viewer")
    for where in ("account/members", "account/usage", "account/settings", "account/audit", "accounts/new", ""):
        page.goto(f"{here.address}/{where}?account={shared.pk}")
        page.locator(".menu summary").click()
        box = page.locator(".menu-box").bounding_box()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], where
        assert box["x"] >= 0, where
        assert box["x"] + box["width"] <= width, where
        ends = [page.locator(".bar-end > *").nth(place).bounding_box() for place in (0, 1)]
        assert ends[0]["x"] + ends[0]["width"] <= ends[1]["x"], where
