from __future__ import annotations

import time

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.test import Client

from accounts.models import AuditEvent, User
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db

STEP = "/sign-in/second-step"


@pytest.fixture
def browser():
    return Client()


@pytest.fixture
def code(alice, totp_of):
    return totp_of(alice)


def begin(browser, **more):
    return browser.post("/sign-in", {"username": "alice@example.com", "password": PASSWORD, **more})


def who(browser):
    return browser.get("/api/v1/users/me").json().get("email")


def test_the_password_alone_lets_nobody_in(browser, code, alice):
    answer = begin(browser, next="/account/tokens")
    assert answer["Location"] == STEP
    assert who(browser) is None
    assert browser.get("/")["Location"].startswith("/sign-in")
    assert browser.get(STEP).status_code == 200
    assert browser.post(STEP, {"code": code()})["Location"] == "/account/tokens"
    assert who(browser) == alice.email
    assert AuditEvent.objects.filter(action="signed_in", actor_id=alice.pk).count() == 1


def test_a_wrong_code_is_told_and_written_down(browser, code, alice):
    begin(browser)
    answer = browser.post(STEP, {"code": "000000"})
    assert answer.status_code == 200
    assert "wrong" in str(answer.context["form"].errors)
    assert who(browser) is None
    event = AuditEvent.objects.get(action="sign_in_failed")
    assert event.details == {"step": "second factor"}


def test_a_code_is_good_once(browser, code):
    begin(browser)
    once = code()
    assert browser.post(STEP, {"code": once}).status_code == 302
    again = Client()
    begin(again)
    assert again.post(STEP, {"code": once}).status_code == 200
    assert who(again) is None


def test_a_clock_that_is_half_a_minute_off_is_forgiven_and_not_more(browser, code):
    begin(browser)
    assert browser.post(STEP, {"code": code(-4)}).status_code == 200
    assert browser.post(STEP, {"code": code(4)}).status_code == 200
    assert browser.post(STEP, {"code": code(-1)}).status_code == 302


def test_a_recovery_code_lets_in_once(browser, code, alice):
    recovery = RecoveryCodes.activate(alice).get_unused_codes()[0]
    begin(browser)
    assert browser.post(STEP, {"code": recovery}).status_code == 302
    assert AuditEvent.objects.filter(action="recovery_code_used").exists()
    again = Client()
    begin(again)
    assert again.post(STEP, {"code": recovery}).status_code == 200


def test_ten_wrong_codes_close_the_door_whichever_browser_they_come_from(code):
    for _ in range(10):
        browser = Client()
        begin(browser)
        assert browser.post(STEP, {"code": "000000"}).status_code == 200
    answer = browser.post(STEP, {"code": code()})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


def test_the_second_step_expires(browser, code, monkeypatch):
    begin(browser)
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    assert browser.post(STEP, {"code": code()})["Location"] == "/sign-in"
    assert who(browser) is None


@pytest.mark.parametrize("change", ["password", "suspended", "deleted"])
def test_it_ends_with_what_it_began_on(browser, code, alice, change):
    begin(browser)
    if change == "password":
        alice.set_password("another one that is long")
        alice.save()
    elif change == "suspended":
        User.objects.update(is_active=False)
    else:
        User.objects.all().delete()
    assert browser.post(STEP, {"code": code()})["Location"] == "/sign-in"
    assert who(browser) is None


def test_without_a_first_step_there_is_no_second(browser, code):
    assert browser.get(STEP)["Location"] == browser.post(STEP, {"code": code()})["Location"] == "/sign-in"


def test_staff_come_to_the_admin_by_both_steps(browser, code, alice):
    User.objects.update(is_staff=True, is_superuser=True)
    assert begin(browser, next="/admin/")["Location"] == STEP
    assert browser.get("/admin/").status_code == 302
    assert browser.post(STEP, {"code": code()})["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200


def test_the_session_gets_a_new_key_when_it_becomes_somebodys(browser, code):
    begin(browser)
    before = browser.session.session_key
    browser.post(STEP, {"code": code()})
    assert browser.session.session_key != before


@pytest.mark.parametrize("sent", [{}, {"code": ""}, {"code": "x" * 500}, {"code": "1\x002"}, {"code": "१२३४५६"}])
def test_bad_input_shows_the_form_again(browser, code, sent):
    begin(browser)
    assert browser.post(STEP, sent).status_code == 200
