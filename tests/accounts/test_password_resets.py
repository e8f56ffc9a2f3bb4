from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail as outbox
from django.test import Client
from django.utils import timezone

from accounts import api_tokens, confirmation, mail
from accounts.models import AuditEvent, OutgoingMail, User
from accounts.tasks import deliver_mail
from accounts.tokens import CredentialRefused
from tests.cast import PASSWORD, client_of

pytestmark = pytest.mark.django_db

NEW = "a quite different long password"


@pytest.fixture
def browser():
    return Client()


def delivered():
    outbox.outbox.clear()
    for row in OutgoingMail.objects.order_by("id"):
        deliver_mail(str(row.id))
    return outbox.outbox


def link_for(browser, email):
    browser.post("/reset-password", {"email": email})
    [message] = delivered()
    assert message.to == [email.lower()]
    return re.search(r"http://testserver(/\S+)", message.body)[1]


def test_whoever_reads_the_mail_chooses_a_new_password(browser, alice):
    other = Client()
    other.post("/sign-in", {"username": alice.email, "password": PASSWORD})
    program = client_of(alice)
    link = link_for(browser, "Alice@example.com")
    page = browser.get(link)
    # The key is not in the address of the page, from which it could go astray.
    form = page["Location"]
    assert link.rpartition("/")[2] not in form
    assert browser.post(form, {"new_password": NEW})["Location"] == "/sign-in"
    assert other.get("/api/v1/users/me").status_code == 401
    assert program.get("/api/v1/users/me").status_code == 401
    assert browser.get("/api/v1/users/me").status_code == 401
    assert browser.post("/sign-in", {"username": alice.email, "password": NEW})["Location"] == "/"
    assert confirmation.is_confirmed(alice)
    assert AuditEvent.objects.filter(action="password_reset", actor_id=alice.pk).exists()
    assert [message.to for message in delivered()] == [[alice.email]]


def test_whoever_lay_in_wait_at_an_address_is_out_when_its_owner_comes(browser, alice):
    _, left_behind = api_tokens.create(alice, alice.personal_account, "Left behind")
    browser.post(browser.get(link_for(browser, alice.email))["Location"], {"new_password": NEW})
    with pytest.raises(CredentialRefused):
        api_tokens.token_owner(left_behind)
    # From now on it is known whose address it is.
    _, kept = api_tokens.create(alice, alice.personal_account, "Backup")
    OutgoingMail.objects.all().delete()
    browser.post(browser.get(link_for(browser, alice.email))["Location"], {"new_password": PASSWORD})
    assert api_tokens.token_owner(kept).user == alice


def test_a_link_works_once(browser, alice):
    link = link_for(browser, alice.email)
    form = browser.get(link)["Location"]
    browser.post(form, {"new_password": NEW})
    for again in (browser.get(link), browser.get(form), browser.post(form, {"new_password": "yet another one, long"})):
        assert again.status_code == 404
    assert User.objects.get().check_password(NEW)


def test_a_link_works_for_an_hour(browser, alice, monkeypatch):
    link = link_for(browser, alice.email)
    later = timezone.now().replace(tzinfo=None) + timedelta(hours=1, seconds=5)
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: later)
    assert browser.get(link).status_code == 404


def test_the_page_needs_the_browser_that_followed_the_link(browser, alice):
    form = browser.get(link_for(browser, alice.email))["Location"]
    assert Client().post(form, {"new_password": NEW}).status_code == 404


def test_a_second_factor_is_still_asked_for_afterwards(browser, alice, totp_of):
    totp_of(alice)
    browser.post(browser.get(link_for(browser, alice.email))["Location"], {"new_password": NEW})
    assert browser.post("/sign-in", {"username": alice.email, "password": NEW})["Location"] == "/sign-in/second-step"


def test_a_bad_new_password_is_told(browser, alice):
    form = browser.get(link_for(browser, alice.email))["Location"]
    answer = browser.post(form, {"new_password": "alice"})
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["new_password"]


def test_known_and_unknown_are_answered_alike(browser, alice, django_assert_num_queries):
    pages, statements = [], []
    for email in ("alice@example.com", "nobody@example.com"):
        with CaptureQueries() as captured:
            answer = browser.post("/reset-password", {"email": email})
        pages.append(answer.content.decode().replace(email, "…"))
        statements.append([re.sub(r"'[^']*'|\d+", "?", one["sql"]) for one in captured])
    pages = [re.sub(r'(csrf-token" content|value)="[^"]*"', "", page) for page in pages]
    assert pages[0] == pages[1]
    assert statements[0] == statements[1]
    # Both leave a row; the one for nobody is thrown away by the worker that claims it.
    assert sorted(OutgoingMail.objects.values_list("to", flat=True)) == [alice.email, mail.NOBODY]
    assert [message.to for message in delivered()] == [[alice.email]]


def test_the_suspended_get_none(browser, alice):
    User.objects.update(is_active=False)
    browser.post("/reset-password", {"email": alice.email})
    assert not delivered()


def test_requests_are_limited_by_email_whether_it_is_known_or_not(browser, alice):
    for email in (alice.email, "nobody@example.com"):
        for _ in range(5):
            assert browser.post("/reset-password", {"email": email}).status_code == 200
        answer = browser.post("/reset-password", {"email": email.upper()})
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0


def test_requests_are_limited_by_address(browser, db):
    for number in range(20):
        assert browser.post("/reset-password", {"email": f"{number}@example.com"}).status_code == 200
    assert browser.post("/reset-password", {"email": "x@example.com"}).status_code == 429
    assert Client(REMOTE_ADDR="192.0.2.9").post("/reset-password", {"email": "x@example.com"}).status_code == 200


@pytest.mark.parametrize("path", ["/reset-password/MQ/x", "/reset-password/%00/x", "/reset-password/zzzz/set-password"])
def test_made_up_links_are_not_found(browser, alice, path):
    assert browser.get(path).status_code == browser.post(path, {"new_password": NEW}).status_code == 404


@pytest.mark.parametrize("sent", [{}, {"email": "no address"}, {"email": "a\x00@example.com"}])
def test_bad_input_shows_the_form_again(browser, db, sent):
    answer = browser.post("/reset-password", sent)
    assert answer.status_code == 200
    assert answer.context["form"].errors


class CaptureQueries:
    def __enter__(self):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        self.context = CaptureQueriesContext(connection)
        return self.context.__enter__()

    def __exit__(self, *details):
        return self.context.__exit__(*details)
