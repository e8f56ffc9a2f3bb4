from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.test import Client
from django.utils import timezone

from accounts import second_factor, sessions
from accounts.models import AuditEvent, OutgoingMail, TokenFamily
from accounts.tokens import start_family
from tests.cast import PASSWORD, client_of

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
NEW = "a quite different long password"


def signed_in(user, agent=FIREFOX, **more):
    browser = Client(headers={"user-agent": agent}, **more)
    browser.post("/sign-in", {"username": user.email, "password": PASSWORD})
    return browser


def who(browser):
    return browser.get("/api/v1/users/me").json().get("email")


def test_the_code_that_turns_it_on_signs_nobody_in(alice):
    browser = signed_in(alice)
    secret = browser.get("/account/security/two-factor").context["secret"].replace(" ", "")
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    browser.post("/account/security/two-factor", {"code": code})
    assert second_factor.is_on(alice)
    fields = {"email": alice.email, "password": PASSWORD, "otp_attempt": code}
    assert browser.post("/api/v1/auth", fields, "application/json").status_code == 401


def turn_on(browser):
    """The second factor by the page; the codes that are shown."""
    page = browser.get("/account/security/two-factor")
    secret = page.context["secret"].replace(" ", "")
    assert page.context["qr"].startswith("data:image/svg+xml;base64,")
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    answer = browser.post("/account/security/two-factor", {"code": code})
    assert answer["Location"] == "/account/security/recovery-codes"
    return re.findall(r"<li><code>(\d+)</code>", browser.get(answer["Location"]).content.decode())


def age(browser, minutes):
    """Make the sign-in older than it is."""
    session = browser.session
    for record in session["account_authentication_methods"]:
        record["at"] -= minutes * 60
    session.save()


@pytest.mark.django_db(transaction=True)
def test_a_second_factor_is_turned_on_by_a_code_of_it(alice):
    browser = signed_in(alice)
    assert browser.post("/account/security/two-factor", {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()
    codes = turn_on(browser)
    assert len(codes) == len(set(codes)) == 10
    assert Authenticator.objects.get(type="totp").data["secret"].startswith("gAAAA")
    assert AuditEvent.objects.filter(action="two_factor_enabled", actor_id=alice.pk).exists()
    assert OutgoingMail.objects.filter(to=alice.email).exists()
    other = Client()
    assert signed_in(alice).get("/").status_code == 302
    other.post("/sign-in", {"username": alice.email, "password": PASSWORD})
    assert other.post("/sign-in/second-step", {"code": codes[0]})["Location"] == "/"


@pytest.mark.django_db(transaction=True)
def test_recovery_codes_are_shown_once_and_new_ones_replace_them(alice):
    browser = signed_in(alice)
    codes = turn_on(browser)
    again = browser.get("/account/security/recovery-codes").content.decode()
    assert not [code for code in codes if code in again]
    assert "10 codes are left" in again
    assert browser.post("/account/security/recovery-codes").status_code == 302
    page = browser.get("/account/security/recovery-codes").content.decode()
    fresh = re.findall(r"<li><code>(\d+)</code>", page)
    assert len(fresh) == 10
    assert not set(fresh) & set(codes)
    assert "data:text/plain;base64," in page
    assert AuditEvent.objects.filter(action="recovery_codes_made").exists()


def test_turning_it_off_takes_the_password(alice):
    browser = signed_in(alice)
    turn_on(browser)
    assert browser.post("/account/security/two-factor/off", {"password": "wrong"}).status_code == 200
    assert Authenticator.objects.count() == 2
    assert browser.post("/account/security/two-factor/off", {"password": PASSWORD}).status_code == 302
    assert not Authenticator.objects.exists()
    assert AuditEvent.objects.filter(action="two_factor_disabled").exists()
    assert who(signed_in(alice)) == alice.email


SENSITIVE = [
    "/account/security/two-factor",
    "/account/security/two-factor/off",
    "/account/security/recovery-codes",
    "/account/tokens",
    "/account/email",
    "/account/profile/delete",
]


@pytest.mark.parametrize("address", SENSITIVE)
def test_sensitive_pages_ask_again_after_a_quarter_of_an_hour(alice, address):
    browser = signed_in(alice)
    age(browser, 14)
    assert browser.get(address).status_code == 200
    age(browser, 2)
    for answer in (browser.get(address), browser.post(address, {"password": PASSWORD, "sure": "on", "name": "x"})):
        assert answer["Location"] == f"/account/confirm?next={address.replace('/', '%2F')}"
    confirm = {"next": address, "password": "wrong"}
    assert browser.post("/account/confirm", confirm).status_code == 200
    assert browser.post("/account/confirm", confirm | {"password": PASSWORD})["Location"] == address
    assert browser.get(address).status_code == 200


def test_asking_again_leads_on_within_the_site_and_counts_failures(alice):
    browser = signed_in(alice)
    away = {"next": "https://evil.example/", "password": PASSWORD}
    assert browser.post("/account/confirm", away)["Location"] == "/account/security"
    for _ in range(10):
        browser.post("/account/confirm", {"password": "wrong"})
    assert browser.post("/account/confirm", {"password": PASSWORD}).status_code == 429


def test_no_password_that_is_typed_comes_to_lie_in_a_session(alice):
    browser = signed_in(alice)
    age(browser, 20)
    browser.post("/account/profile/delete", {"password": PASSWORD, "sure": "on"})
    assert PASSWORD not in str(dict(browser.session.items()))


def test_a_new_password_ends_every_other_sign_in(alice):
    browser, other, program = signed_in(alice), signed_in(alice), client_of(alice)
    answer = browser.post("/account/security/password", {"current_password": PASSWORD, "new_password": NEW})
    assert answer["Location"] == "/account/security"
    assert who(browser) == alice.email
    assert who(other) is None
    assert program.get("/api/v1/users/me").status_code == 401
    assert AuditEvent.objects.filter(action="password_changed", actor_id=alice.pk).exists()
    assert [one["is_this"] for one in browser.get("/account/security").context["sessions"]] == [True]
    alice.refresh_from_db()
    assert alice.check_password(NEW)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"current_password": "wrong"}, "current_password"),
        ({"new_password": "short"}, "new_password"),
        ({"new_password": "alice@example.com"}, "new_password"),
        ({"new_password": "x" * 300}, "new_password"),
    ],
)
def test_a_password_that_will_not_do_is_told_at_its_field(alice, fields, field):
    sent = {"current_password": PASSWORD, "new_password": NEW} | fields
    answer = signed_in(alice).post("/account/security/password", sent)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_the_page_lists_where_one_is_signed_in(alice, charlie):
    signed_in(alice, IPHONE, REMOTE_ADDR="192.0.2.7")
    signed_in(charlie)
    start_family(alice)
    page = signed_in(alice, REMOTE_ADDR="192.0.2.8").get("/account/security")
    shown = [(one["browser"], one["address"], one["is_this"]) for one in page.context["sessions"]]
    assert shown == [("Firefox on Linux", "192.0.2.8", True), ("Safari on iPhone", "192.0.2.7", False)]
    assert len(page.context["families"]) == 1


def test_a_forged_address_is_not_listed(alice):
    browser = Client(headers={"x-forwarded-for": "203.0.113.9"}, REMOTE_ADDR="192.0.2.8")
    browser.post("/sign-in", {"username": alice.email, "password": PASSWORD})
    assert UserSession.objects.get().ip == "192.0.2.8"


def test_one_of_them_is_ended(alice):
    browser, other, program = signed_in(alice), signed_in(alice), client_of(alice)
    theirs = UserSession.objects.get(session_key=other.session.session_key)
    browser.post("/account/security/sign-ins/end", {"session": theirs.pk})
    assert who(other) is None
    browser.post("/account/security/sign-ins/end", {"family": str(TokenFamily.objects.get().pk)})
    assert program.get("/api/v1/users/me").status_code == 401
    assert who(browser) == alice.email


def test_all_others_are_ended_at_once(alice, charlie):
    browser, other, stranger = signed_in(alice), signed_in(alice), signed_in(charlie)
    program, strangers = client_of(alice), client_of(charlie)
    browser.post("/account/security/sign-ins/end-others")
    assert who(browser) == alice.email
    assert who(other) is None
    assert program.get("/api/v1/users/me").status_code == 401
    assert who(stranger) == charlie.email
    assert strangers.get("/api/v1/users/me").status_code == 200


def test_nobody_ends_those_of_others(alice, charlie):
    theirs, program = signed_in(charlie), client_of(charlie)
    browser = signed_in(alice)
    number = UserSession.objects.get(session_key=theirs.session.session_key).pk
    for sent in ({"session": number}, {"family": str(TokenFamily.objects.get().pk)}, {"session": "x"}, {"family": "x"}):
        assert browser.post("/account/security/sign-ins/end", sent).status_code == 404
    assert who(theirs) == charlie.email
    assert program.get("/api/v1/users/me").status_code == 200


def test_signing_out_takes_the_session_off_the_list(alice):
    browser = signed_in(alice)
    browser.post("/sign-out")
    assert not UserSession.objects.exists()
    assert AuditEvent.objects.filter(action="signed_out", actor_id=alice.pk).exists()


def test_when_it_was_last_used_is_noted_now_and_then(alice):
    browser = signed_in(alice)
    for minutes, is_noted in ((4, False), (6, True)):
        seen = timezone.now() - timedelta(minutes=minutes)
        UserSession.objects.update(last_seen_at=seen)
        browser.get("/account/profile")
        assert (UserSession.objects.get().last_seen_at > seen) is is_noted


def test_the_pages_of_who_is_signed_in_open_while_redis_is_away(alice, settings):
    browser = signed_in(alice)
    UserSession.objects.all().delete()
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "unix:///nonexistent/socket"}}
    for page in ("/", "/account/profile", "/account/security", "/account/members"):
        assert browser.get(page).status_code == 200
    assert browser.post("/account/email/send").status_code == 302
    assert OutgoingMail.objects.filter(to=alice.email).exists()
    assert UserSession.objects.count() == 1


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
    ],
)
def test_browsers_are_named_in_words(agent, words):
    assert sessions.in_words(agent) == words
