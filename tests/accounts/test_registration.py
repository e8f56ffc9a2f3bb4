from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import Membership, User
from tests.cast import PASSWORD

URL = "/api/v1/auth/register"
DANA = {"email": "Dana@Example.com", "password": PASSWORD, "full_name": "Dana Doe"}

pytestmark = pytest.mark.django_db


def test_makes_the_user_and_a_personal_account_they_own(anonymous):
    answer = anonymous.post(URL, DANA)
    assert answer.status_code == 201
    user = User.objects.get(email="dana@example.com")
    assert answer.json() == {
        "id": user.id,
        "uuid": str(user.uuid),
        "email": "dana@example.com",
        "full_name": "Dana Doe",
        "avatar_url": None,
        "plan": "free",
        "account_id": user.personal_account.id,
        "is_staff": False,
        "created_at": user.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    assert user.memberships.get().role == Membership.Role.OWNER
    assert anonymous.post("/api/v1/auth/login", {"email": "dana@EXAMPLE.com", "password": PASSWORD}).status_code == 200


def test_the_name_may_be_left_out_and_unknown_fields_are_ignored(anonymous):
    answer = anonymous.post(URL, {"email": "dana@example.com", "password": PASSWORD, "favorite": "tea"})
    assert answer.status_code == 201
    assert answer.json()["full_name"] == ""


def test_rights_cannot_be_assigned(anonymous):
    wishes = {"is_staff": True, "is_superuser": True, "is_active": False, "plan": "enterprise", "id": 1, "groups": [1]}
    answer = anonymous.post(URL, DANA | wishes)
    assert answer.status_code == 201
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active, user.personal_account.plan_id) == (
        False,
        False,
        True,
        "free",
    )


def test_a_taken_address_is_an_error_of_its_field_in_any_case(anonymous, alice):
    answer = anonymous.post(URL, DANA | {"email": "ALICE@example.com"})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["email"]
    assert User.objects.count() == 1


@pytest.mark.parametrize("password", ["short", "password123", "dana@example.com", "", " " * 3, "a" * 257])
def test_a_poor_password_is_an_error_of_its_field(anonymous, password):
    answer = anonymous.post(URL, DANA | {"password": password})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["password"]
    assert not User.objects.exists()


def test_spaces_around_a_password_belong_to_it(anonymous):
    assert anonymous.post(URL, DANA | {"password": f" {PASSWORD} "}).status_code == 201
    assert anonymous.post("/api/v1/auth/login", DANA).status_code == 401
    assert anonymous.post("/api/v1/auth/login", DANA | {"password": f" {PASSWORD} "}).status_code == 200


def test_is_refused_where_registration_is_closed(anonymous, settings):
    settings.REGISTRATION = "closed"
    answer = anonymous.post(URL, DANA)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "permission_denied"
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_parallel_registrations_of_one_address_one_wins():
    def register(_: int) -> int:
        try:
            return APIClient().post(URL, DANA).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(register, range(8)))
    assert statuses == [201] + [400] * 7
    assert User.objects.count() == 1
