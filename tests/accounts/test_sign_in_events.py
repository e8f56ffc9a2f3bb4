from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accounts.models import AuditEvent, User
from tests.cast import PASSWORD, client_of

LOGIN, AUTH = "/api/v1/auth/login", "/api/v1/auth"

pytestmark = pytest.mark.django_db


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("created_at", "id").values_list("action", flat=True))


@pytest.mark.parametrize("path", [LOGIN, AUTH])
def test_a_sign_in_is_written_down_with_who_and_where(alice, path):
    APIClient(REMOTE_ADDR="192.0.2.7").post(path, {"email": "Alice@example.com", "password": PASSWORD})
    event = AuditEvent.objects.get(action="signed_in")
    assert (event.actor_id, event.actor, event.address) == (alice.id, alice.email, "192.0.2.7")
    assert event.account_id == alice.personal_account.id
    assert event.request_id


@pytest.mark.parametrize("path", [LOGIN, AUTH])
def test_a_failure_is_written_down_with_what_was_typed_and_no_password(alice, path):
    for email in ("ALICE@example.com ", "nobody@example.com", "hunter2-in-the-wrong-field"):
        APIClient().post(path, {"email": email, "password": "a wrong password"})
    found = AuditEvent.objects.filter(action="sign_in_failed").order_by("created_at", "id")
    assert [(event.actor, event.account_id, event.actor_id) for event in found] == [
        ("alice@example.com", alice.personal_account.id, None),
        ("nobody@example.com", None, None),
        ("", None, None),
    ]
    written = str(list(AuditEvent.objects.values()))
    assert "a wrong password" not in written
    assert "hunter2" not in written


def test_what_the_limits_refuse_is_not_written_down(alice):
    for _ in range(30):
        APIClient().post(LOGIN, {"email": alice.email, "password": "wrong"})
    assert events() == ["sign_in_failed"] * 10


def test_an_address_leaves_a_hundred_rows_an_hour_at_the_most(alice):
    statuses = [
        APIClient().post(LOGIN, {"email": f"nobody{n}@example.com", "password": "wrong"}).status_code
        for n in range(110)
    ]
    assert statuses.count(401) <= 100
    assert AuditEvent.objects.count() == statuses.count(401)
    assert set(statuses) == {401, 429}


def test_signing_out_is_written_down(alice):
    client_of(alice).post("/api/v1/auth/logout")
    browser = APIClient()
    browser.post(LOGIN, {"email": alice.email, "password": PASSWORD})
    browser.post("/api/v1/auth/logout")
    refresh = APIClient().post(LOGIN, {"email": alice.email, "password": PASSWORD}).json()["refresh_token"]
    APIClient().post("/api/v1/auth/logout", {"refresh_token": refresh})
    page = APIClient()
    page.force_login(alice)
    page.post("/api/v1/auth/logout")
    assert AuditEvent.objects.filter(action="signed_out", actor_id=alice.id).count() == 4


def test_registering_is_written_down():
    APIClient().post("/api/v1/auth/register", {"email": "dana@example.com", "password": PASSWORD})
    dana = User.objects.get()
    event = AuditEvent.objects.get(action="registered")
    assert (event.actor_id, event.account_id) == (dana.id, dana.personal_account.id)


def test_a_new_address_is_written_down_with_the_old_one(as_alice, alice):
    as_alice.patch("/api/v1/users/me", {"email": "new@example.com"})
    event = AuditEvent.objects.get(action="email_changed")
    assert (event.actor_id, event.target, event.details["old"]) == (alice.id, "new@example.com", "alice@example.com")
