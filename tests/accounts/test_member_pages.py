from __future__ import annotations

from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from selectolax.lexbor import LexborHTMLParser

from accounts import audit, founding
from accounts.models import Account, AnswerUsage, AuditEvent, Membership, Plan, StoredUsage
from tests.cast import make_user

pytestmark = pytest.mark.django_db

PAGES = ("/account/members", "/account/usage", "/account/settings", "/account/audit", "/accounts/new")


def browser_of(user) -> Client:
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    return browser


@pytest.fixture
def shared(alice) -> Account:
    return founding.found(alice, "Workshop")


def as_role(shared, role) -> Client:
    user = make_user(f"{role}-of-workshop")
    Membership.objects.create(account=shared, user=user, role=role)
    browser = browser_of(user)
    browser.get(f"/?account={shared.pk}")
    return browser


def parsed(answer) -> LexborHTMLParser:
    return LexborHTMLParser(answer.content.decode())


def words(answer):
    return " ".join(parsed(answer).body.text().split())


# The choice of an account


def test_the_choice_sticks_until_another_is_made(alice, shared):
    browser = browser_of(alice)
    assert browser.get("/").context["account"] == alice.personal_account
    assert browser.get(f"/?account={shared.pk}").context["account"] == shared
    assert browser.get("/").context["account"] == shared
    assert browser.get("/account/usage").context["account"] == shared
    assert browser.get(f"/account/usage?account={alice.personal_account.pk}").context["account"].is_personal
    assert browser.get("/").context["account"] == alice.personal_account


def test_what_one_may_not_choose_changes_nothing(alice, charlie, shared):
    browser = browser_of(alice)
    browser.get(f"/?account={shared.pk}")
    for asked in (charlie.personal_account.pk, 999_999, 0, "x", "", "1e3", "9" * 30):
        assert browser.get(f"/?account={asked}").status_code == 404
    assert browser.get("/").context["account"] == shared


@pytest.mark.parametrize("how", ["left", "deleted"])
def test_an_account_that_is_gone_gives_way_to_the_personal_one(bob, shared, how):
    Membership.objects.create(account=shared, user=bob, role="member")
    browser = browser_of(bob)
    browser.get(f"/?account={shared.pk}")
    if how == "left":
        Membership.objects.filter(user=bob, account=shared).delete()
    else:
        Account.objects.filter(pk=shared.pk).update(deleted_at=timezone.now())
    assert browser.get("/").context["account"] == bob.personal_account
    assert browser.get(f"/?account={shared.pk}").status_code == 404


def test_nobody_takes_over_the_choice_of_who_was_signed_in_before(alice, charlie, shared):
    browser = browser_of(alice)
    browser.get(f"/?account={shared.pk}")
    browser.force_login(charlie)
    assert browser.get("/").context["account"] == charlie.personal_account


def test_the_header_offers_the_accounts_of_who_has_several(alice, charlie, shared):
    page = parsed(browser_of(alice).get(f"/account/usage?account={shared.pk}"))
    offered = {node.attributes["href"]: node.attributes.get("aria-current") for node in page.css(".menu-box ul a")}
    assert offered[f"/?account={shared.pk}"] == "true"
    assert offered[f"/?account={alice.personal_account.pk}"] is None
    assert "Workshop" in page.css_first(".menu summary").text()
    alone = parsed(browser_of(charlie).get("/account/usage"))
    assert not alone.css(".menu-box a[href*='account=']")
    assert "Charlie" in alone.css_first(".menu summary").text()


def test_each_form_names_its_account_whatever_another_tab_has_chosen(alice, shared):
    browser = browser_of(alice)
    page = parsed(browser.get(f"/account/members?account={shared.pk}"))
    forms = page.css("main form[method=post]")
    assert forms
    for form in forms:
        assert parse_qs(urlsplit(form.attributes["action"]).query) == {"account": [str(shared.pk)]}
    browser.get(f"/?account={alice.personal_account.pk}")
    browser.post(forms[0].attributes["action"], {"email": "dana@example.com", "role": "viewer"})
    assert shared.invitations.get().email == "dana@example.com"


# What each role sees


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("owner", [200, 200, 200, 200, 200]),
        ("admin", [200, 200, 200, 403, 200]),
        ("member", [200, 200, 403, 403, 200]),
        ("viewer", [200, 200, 403, 403, 200]),
    ],
)
def test_pages_open_by_role_and_the_navigation_offers_no_other(shared, role, statuses):
    browser = as_role(shared, role)
    assert [browser.get(page).status_code for page in PAGES] == statuses
    nav = parsed(browser.get("/account/members")).css(".desk-nav a")
    offered = {urlsplit(node.attributes["href"]).path for node in nav}
    expected = {page for page, status in zip(PAGES[:4], statuses, strict=False) if status == 200}
    assert offered & set(PAGES) == expected


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_who_does_not_manage_sees_who_is_in_and_nothing_to_press(shared, alice, role):
    founder = browser_of(alice)
    founder.post(f"/account/members/invite?account={shared.pk}", {"email": "dana@example.com", "role": "viewer"})
    answer = as_role(shared, role).get("/account/members")
    assert "alice@example.com" in words(answer)
    assert "dana@example.com" not in words(answer)
    actions = {urlsplit(node.attributes["action"]).path for node in parsed(answer).css("main form")}
    assert actions == {"/account/leave"}


def test_an_admin_is_offered_what_an_admin_may(shared):
    page = parsed(as_role(shared, "admin").get("/account/members"))
    options = {node.attributes["value"] for node in page.css("#invite-role option")}
    assert options == {"viewer", "member", "admin"}
    assert not page.css("form[action*='/role']")  # nobody there below them


# Doing things


def test_changing_a_role_removing_and_leaving(shared, alice, bob):
    theirs = Membership.objects.create(account=shared, user=bob, role="member")
    browser, where = browser_of(alice), f"?account={shared.pk}"
    answer = browser.post(f"/account/members/{theirs.pk}/role{where}", {"role": "viewer"}, follow=True)
    assert "bob@example.com has the role Viewer now." in words(answer)
    answer = browser.post(f"/account/leave{where}")
    assert answer.status_code == 409
    assert "An account needs an owner" in words(answer)
    answer = browser.post(f"/account/members/{theirs.pk}/hand-over{where}", follow=True)
    assert "bob@example.com owns this account now" in words(answer)
    assert browser_of(bob).post(f"/account/members/{theirs.pk}/remove{where}").status_code == 403
    answer = browser.post(f"/account/leave{where}", follow=True)
    assert "You have left Workshop." in words(answer)
    assert answer.context["account"] == alice.personal_account
    assert list(shared.memberships.values_list("user__email", "role")) == [("bob@example.com", "owner")]
    addresses = set(AuditEvent.objects.for_account(shared).values_list("address", flat=True))
    assert addresses == {"", "127.0.0.1"}  # the account itself was made without a request


def test_what_is_wrong_is_told_beside_what_was_typed(shared, alice):
    browser = browser_of(alice)
    answer = browser.post(f"/account/members/invite?account={shared.pk}", {"email": "<b>no address", "role": "viewer"})
    assert answer.status_code == 400
    assert "Enter a valid email address." in words(answer)
    page = parsed(answer)
    assert page.css_first("#invite-email").attributes["value"] == "<b>no address"
    assert page.css_first("#invite-role option[selected]").attributes["value"] == "viewer"


def test_resending_makes_a_new_link_and_revoking_ends_it(shared, alice):
    browser, where = browser_of(alice), f"?account={shared.pk}"
    browser.post(f"/account/members/invite{where}", {"email": "dana@example.com", "role": "viewer"})
    first = shared.invitations.open().get()
    browser.post(f"/account/invitations/{first.pk}/resend{where}")
    second = shared.invitations.open().get()
    assert (second.email, second.role) == (first.email, first.role)
    assert second.digest != first.digest
    browser.post(f"/account/invitations/{second.pk}/revoke{where}")
    assert not shared.invitations.open().exists()


def test_a_new_account_is_the_founders_own(alice):
    browser = browser_of(alice)
    answer = browser.post("/accounts/new", {"name": "Team  <b>"}, follow=True)
    made = Account.objects.latest("id")
    assert (made.name, answer.context["account"], answer.context["membership"].role) == ("Team <b>", made, "owner")
    assert b"<b>" not in answer.content
    for name in ("", " ", "x" * 201, "a\x00b"):
        assert browser.post("/accounts/new", {"name": name}).status_code == 400


def test_renaming(shared, alice):
    browser, address = browser_of(alice), f"/account/settings?account={shared.pk}"
    assert "Saved." in words(browser.post(address, {"name": "Lab"}, follow=True))
    shared.refresh_from_db()
    assert shared.name == "Lab"
    event = AuditEvent.objects.for_account(shared).get(action="settings_changed")
    assert event.details == {"name": ["Workshop", "Lab"]}
    refused = browser.post(address, {"name": ""})
    assert refused.status_code == 400
    assert "Lab" in words(refused)


def test_deleting_takes_the_name_and_an_owner(shared, alice):
    address = f"/account/delete?account={shared.pk}"
    assert as_role(shared, "admin").post(address, {"confirmation": "Workshop"}).status_code == 403
    browser = browser_of(alice)
    assert browser.post(address, {"confirmation": "workshop"}).status_code == 409
    answer = browser.post(address, {"confirmation": "Workshop"}, follow=True)
    assert "Workshop is deleted." in words(answer)
    assert answer.context["account"] == alice.personal_account
    assert browser.get(f"/?account={shared.pk}").status_code == 404
    personal = f"/account/delete?account={alice.personal_account.pk}"
    assert browser.post(personal, {"confirmation": alice.personal_account.name}).status_code == 409


def test_usage_shows_what_is_used_of_each_limit(shared, alice):
    Plan.objects.filter(name="free").update(answers_per_month=10, entries=2000, stored_bytes=200_000_000)
    month = date.today().replace(day=1)
    AnswerUsage.objects.create(account=shared, month=month, answers=10)
    AnswerUsage.objects.create(account=alice.personal_account, month=month, answers=5)
    StoredUsage.objects.create(account=shared, entries=1700, stored_bytes=1_500_000)
    answer = browser_of(alice).get(f"/account/usage?account={shared.pk}")
    text = words(answer)
    for line in ("AI answers this month 10 of 10", "1,700 of 2,000", "1.5 MB of 200 MB", "Nothing is left of it until"):
        assert line in text
    bars = [(bar.attributes["value"], bar.attributes["max"]) for bar in parsed(answer).css("progress")]
    assert bars == [("10", "10"), ("1700", "2000"), ("1500000", "200000000")]
    Plan.objects.filter(name="free").update(answers_per_month=None, entries=None, stored_bytes=None)
    answer = browser_of(alice).get(f"/account/usage?account={shared.pk}")
    assert "10, no limit" in words(answer)
    assert not parsed(answer).css("progress")


def test_events_are_those_of_the_account_newest_first_by_page_and_kind(shared, alice, charlie):
    for number in range(60):
        audit.record(audit.Action.ROLE_CHANGED, account=shared, actor=alice, target=f"number {number:02}")
    audit.record(audit.Action.EXPORTED, account=shared, actor=alice, target="all of it", size=7)
    audit.record(audit.Action.EXPORTED, account=charlie.personal_account, target="of a stranger")
    browser, address = browser_of(alice), f"/account/audit?account={shared.pk}"
    page = browser.get(address)
    assert [event.target for event in page.context["events"]][:2] == ["all of it", "number 59"]
    assert "of a stranger" not in words(page)
    assert "Size: 7" in words(page)
    seen = list(page.context["events"])
    older = parsed(page).css("nav[aria-label='Pages of events'] a")[-1].attributes["href"]
    page = browser.get(f"/account/audit{older}")
    seen += page.context["events"]
    assert [event.pk for event in seen] == [event.pk for event in AuditEvent.objects.for_account(shared)]
    assert page.context["older"] is None
    only = browser.get(f"{address}&action=exported").context["events"]
    assert [event.target for event in only] == ["all of it"]
    stranger = AuditEvent.objects.get(target="of a stranger").pk
    for odd in ("&action=nonsense", "&before=x", f"&before={stranger}", "&action=%00"):
        assert len(browser.get(address + odd).context["events"]) == 50


def test_a_viewer_asks_and_reads_and_changes_nothing(shared, alice):
    page = parsed(as_role(shared, "viewer").get("/"))
    assert page.css("#question")
    assert not page.css("#files, #drop")
