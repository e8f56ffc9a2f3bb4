from __future__ import annotations

import pytest

from accounts.models import User

ME = "/api/v1/users/me"

pytestmark = pytest.mark.django_db


def test_shows_the_user_and_no_secret(as_alice, alice):
    answer = as_alice.get(ME)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {
        "id", "uuid", "email", "full_name", "avatar_url", "plan", "account_id", "is_staff", "created_at",
    }  # fmt: skip
    assert (body["id"], body["uuid"], body["email"]) == (alice.id, str(alice.uuid), alice.email)
    assert alice.password not in answer.content.decode()


@pytest.mark.parametrize("method", ["put", "patch"])
def test_takes_name_and_address_together_or_one_of_them(as_alice, alice, method):
    change = getattr(as_alice, method)
    answer = change(ME, {"full_name": "New Name", "email": "New.Email@example.com"})
    assert answer.status_code == 200
    assert (answer.json()["full_name"], answer.json()["email"]) == ("New Name", "new.email@example.com")
    assert change(ME, {"full_name": ""}).json()["email"] == "new.email@example.com"
    assert change(ME, {}).status_code == 200
    alice.refresh_from_db()
    assert (alice.full_name, alice.email) == ("", "new.email@example.com")
    assert as_alice.get(ME).status_code == 200


def test_nothing_else_can_be_changed(as_alice, alice):
    before = User.objects.filter(pk=alice.pk).values().get()
    wishes = {"id": 7, "uuid": "0" * 32, "is_staff": True, "is_superuser": True, "plan": "enterprise", "password": "x"}
    assert as_alice.patch(ME, wishes | {"avatar_url": "https://x.example", "account_id": 1}).status_code == 200
    assert User.objects.filter(pk=alice.pk).values().get() == before
    assert alice.personal_account.plan_id == "free"


@pytest.mark.parametrize("email", ["charlie@example.com", "CHARLIE@Example.com"])
def test_a_taken_address_is_an_error_of_its_field(as_alice, charlie, email):
    answer = as_alice.patch(ME, {"email": email})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["email"]


def test_ones_own_address_in_another_case_is_no_clash(as_alice, alice):
    assert as_alice.put(ME, {"email": "ALICE@example.com"}).json()["email"] == "alice@example.com"


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "no address"},
        {"email": ""},
        {"email": None},
        {"email": 7},
        {"email": ["a@example.com"]},
        {"email": "a" * 250 + "@example.com"},
        {"full_name": None},
        {"full_name": 7},
        {"full_name": True},
        {"full_name": {"first": "A"}},
        {"full_name": "a" * 201},
    ],
)
def test_what_is_no_name_or_address_is_an_error_of_its_field(as_alice, fields):
    answer = as_alice.patch(ME, fields)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == list(fields)


def test_cannot_be_deleted_or_posted_to(as_alice):
    for method in ("post", "delete"):
        answer = getattr(as_alice, method)(ME)
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
