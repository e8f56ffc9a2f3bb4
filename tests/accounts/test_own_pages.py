"""Profile, API tokens, and leaving for good."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import api_tokens
from accounts.models import Account, ApiToken, Membership, SiteSettings, User, UserSettings
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(alice):
    browser = Client()
    browser.post("/sign-in", {"username": alice.email, "password": PASSWORD})
    return browser


PROFILE = {"full_name": "Alice", "theme": "system", "language": "en", "notifications_enabled": "on"}


def test_the_profile_keeps_what_is_typed(browser, alice):
    sent = PROFILE | {"full_name": "Alice Liddell", "theme": "dark"}
    del sent["notifications_enabled"]
    assert browser.post("/account/profile", sent).status_code == 302
    alice.refresh_from_db()
    wishes = UserSettings.objects.get(user=alice)
    assert (alice.full_name, wishes.theme, wishes.notifications_enabled) == ("Alice Liddell", "dark", False)


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_each_page_is_in_the_theme_that_was_chosen(browser, theme):
    browser.post("/account/profile", PROFILE | {"theme": theme})
    for address in ("/", "/account/security"):
        assert f'data-theme="{theme}"' in browser.get(address).content.decode()
    assert 'data-theme="system"' in Client().get("/sign-in").content.decode()


def test_a_language_that_a_program_set_stays(browser, alice):
    UserSettings.objects.create(user=alice, language="pt-BR")
    assert browser.get("/account/profile").context["form"]["language"].value() == "pt-BR"
    browser.post("/account/profile", PROFILE | {"language": "pt-BR"})
    assert UserSettings.objects.get().language == "pt-BR"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"theme": "pink"}, "theme"),
        ({"language": "xx"}, "language"),
        ({"full_name": "x" * 201}, "full_name"),
        ({"full_name": "a\x00b"}, "full_name"),
    ],
)
def test_what_will_not_do_is_told_at_its_field(browser, fields, field):
    answer = browser.post("/account/profile", PROFILE | fields)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]


def test_the_address_changes_at_once_or_by_a_link(browser, alice, charlie):
    assert browser.post("/account/email", {"email": "New@example.com"}).status_code == 302
    assert User.objects.get(pk=alice.pk).email == "new@example.com"
    taken = browser.post("/account/email", {"email": charlie.email})
    assert list(taken.context["form"].errors) == ["email"]
    SiteSettings.objects.update(email_confirmation_required=True)
    browser.post("/account/email", {"email": "third@example.com"})
    assert User.objects.get(pk=alice.pk).email == "new@example.com"
    assert "third@example.com" in browser.get("/account/profile").content.decode()


def shown_token(answer):
    return re.search(r'id="new-token" type="text" value="([^"]+)"', answer.content.decode())[1]


def make_token(browser, membership, **more):
    return browser.post("/account/tokens", {"name": "Laptop", "account": membership.pk, "days": 30, **more})


def test_a_token_is_shown_once_and_works_in_its_account(browser, alice, account):
    answer = make_token(browser, alice.memberships.get())
    text = shown_token(answer)
    token = ApiToken.objects.get()
    assert (token.name, token.account, token.last_four) == ("Laptop", account, text[-4:])
    assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=30)
    bearer = {"Authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/users/me", headers=bearer).json()["email"] == alice.email
    page = browser.get("/account/tokens").content.decode()
    assert text not in page
    assert f"…{text[-4:]}" in page
    assert text not in str(dict(browser.session.items()))
    browser.post(f"/account/tokens/{token.pk}/revoke")
    assert Client().get("/api/v1/users/me", headers=bearer).status_code == 401
    assert "Laptop" not in [one.name for one in browser.get("/account/tokens").context["tokens"]]


def test_a_token_may_last_for_ever(browser, alice):
    make_token(browser, alice.memberships.get(), days=0)
    assert ApiToken.objects.get().expires_at is None


def test_tokens_are_made_in_ones_own_accounts_only(browser, alice, charlie):
    theirs = charlie.memberships.get()
    answer = make_token(browser, theirs)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["account"]
    assert not ApiToken.objects.exists()


def test_nobody_sees_or_revokes_those_of_others(browser, charlie):
    token, _ = api_tokens.create(charlie, charlie.personal_account, "Charlie's")
    assert "Charlie&#x27;s" not in browser.get("/account/tokens").content.decode()
    assert browser.post(f"/account/tokens/{token.pk}/revoke").status_code == 404
    token.refresh_from_db()
    assert token.is_live


@pytest.mark.parametrize("fields", [{"name": ""}, {"name": "Default"}, {"name": "x" * 101}, {"days": 7}, {"days": "x"}])
def test_a_token_that_cannot_be_made_is_told(browser, alice, fields):
    answer = make_token(browser, alice.memberships.get(), **fields)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not ApiToken.objects.exists()


def test_deleting_oneself_takes_the_password_and_says_what_goes(browser, alice, bob):
    shared = Account.objects.create_shared("Only hers", alice)
    with_bob = Account.objects.create_shared("Also Bob's", alice)
    Membership.objects.create(account=with_bob, user=bob, role="owner")
    assert browser.get("/account/profile/delete").context["goes"] == [shared]
    for wrong in ({"password": "wrong", "sure": "on"}, {"password": PASSWORD}):
        assert browser.post("/account/profile/delete", wrong).status_code == 200
    assert User.objects.get(pk=alice.pk).is_active
    answer = browser.post("/account/profile/delete", {"password": PASSWORD, "sure": "on"})
    assert answer["Location"] == "/sign-in"
    assert browser.get("/api/v1/users/me").status_code == 401
    assert not User.objects.filter(email=alice.email).exists()
    assert not Account.objects.filter(pk=shared.pk, deleted_at=None).exists()
    assert Account.objects.filter(pk=with_bob.pk, deleted_at=None).exists()
