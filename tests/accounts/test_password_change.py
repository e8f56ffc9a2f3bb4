from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import AuditEvent, OutgoingMail, TokenFamily, User
from accounts.tokens import CredentialRefused, start_family
from tests.cast import PASSWORD, client_of

URL = "/api/v1/password"
ME = "/api/v1/users/me"
NEW = "another " + PASSWORD
CHANGE = {"current_password": PASSWORD, "password": NEW, "password_confirmation": NEW}

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(alice) -> Client:
    page = APIClient()
    page.force_login(alice)
    return page


def test_by_token_the_sign_in_that_asked_lives_and_every_other_ends(alice, as_alice, page):
    elsewhere = client_of(alice)
    assert as_alice.patch(URL, {"user": CHANGE}).json() == {"success": True}
    assert [client.get(ME).status_code for client in (as_alice, elsewhere, page)] == [200, 401, 401]
    assert TokenFamily.objects.get(revoked_because="password changed").user == alice


def test_by_cookies_too(alice, page):
    browser = APIClient()
    browser.post("/api/v1/auth/login", {"email": alice.email, "password": PASSWORD})
    assert browser.patch(URL, {"user": CHANGE}).status_code == 200
    assert browser.get(ME).status_code == 200
    assert browser.post("/api/v1/auth/refresh").status_code == 200
    assert page.get(ME).status_code == 401


def test_by_page_session_that_session_lives_and_every_sign_in_by_token_ends(alice, as_alice, page):
    other = APIClient()
    other.force_login(alice)
    assert page.patch(URL, {"user": CHANGE}).status_code == 200
    assert [client.get(ME).status_code for client in (page, as_alice, other)] == [200, 401, 401]


def test_by_api_token_everything_else_ends(alice, as_alice, page):
    token = APIClient().post("/api/v1/auth", {"email": alice.email, "password": PASSWORD}).json()["token"]
    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert program.patch(URL, CHANGE).status_code == 200
    assert [client.get(ME).status_code for client in (program, as_alice, page)] == [200, 401, 401]


def test_is_written_down_and_told_to_the_user_without_the_password(as_alice, alice):
    as_alice.patch(URL, {"user": CHANGE})
    assert AuditEvent.objects.get(action="password_changed").actor_id == alice.id
    assert NEW not in str(list(AuditEvent.objects.values()))
    assert OutgoingMail.objects.get().to == alice.email


def test_a_wrong_current_password_changes_nothing(as_alice, alice):
    answer = as_alice.patch(URL, {"user": CHANGE | {"current_password": "wrong"}})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["current_password"])
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_ten_wrong_ones_an_hour_are_the_limit_and_others_are_not_counted(as_alice, as_charlie):
    for _ in range(12):
        assert as_alice.patch(URL, {"user": CHANGE | {"password_confirmation": "x"}}).status_code == 422
    for _ in range(10):
        assert as_alice.patch(URL, {"user": CHANGE | {"current_password": "wrong"}}).status_code == 422
    answer = as_alice.patch(URL, {"user": CHANGE})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 60
    assert as_charlie.patch(URL, {"user": CHANGE}).status_code == 200


def test_a_sign_in_that_checked_the_old_password_meanwhile_is_refused(alice, as_alice):
    stale = User.objects.get(pk=alice.pk)
    as_alice.patch(URL, {"user": CHANGE})
    with pytest.raises(CredentialRefused):
        start_family(stale)
    assert TokenFamily.objects.live().count() == 1


def test_starting_a_sign_in_locks_its_user(alice, django_assert_num_queries):
    with connection.execute_wrapper(seen := Seen()):
        start_family(alice)
    assert any("FOR NO KEY UPDATE" in sql and "accounts_user" in sql for sql in seen.statements)


class Seen:
    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, execute, sql, params, many, context):
        self.statements.append(sql)
        return execute(sql, params, many, context)


@pytest.mark.parametrize("body", [[], "x", 7, [{"user": {}}]])
def test_a_body_that_is_no_object_is_refused_in_shape(as_alice, body):
    answer = as_alice.patch(URL, body)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["user"]
