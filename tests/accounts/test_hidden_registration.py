"""Where addresses must be confirmed, no answer tells which are known."""

from __future__ import annotations

import json
import re

import pytest
from rest_framework.test import APIClient

from accounts.confirmation import confirm, count_as_confirmed
from accounts.models import ApiToken, AuditEvent, Invitation, OutgoingMail, SiteSettings, User
from doculume.crypto import decrypt, digest
from tests.cast import PASSWORD

REGISTER, USERS, LOGIN, AUTH, ME = (
    f"/api/v1/{path}" for path in ("auth/register", "users", "auth/login", "auth", "users/me")
)
NEW, KNOWN = "dana@example.com", "alice@example.com"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def confirming(db, alice):
    SiteSettings.objects.update_or_create(pk=1, defaults={"email_confirmation_required": True})
    count_as_confirmed(alice)


def register(email: str):
    return APIClient().post(REGISTER, {"email": email, "password": PASSWORD, "full_name": "Dana"})


def create(email: str):
    user = {"email": email, "password": PASSWORD, "password_confirmation": PASSWORD, "name": "Dana"}
    return APIClient().post(USERS, {"user": user})


def text_of(mail: OutgoingMail) -> str:
    return json.loads(decrypt(mail.content))["text"]


def link_in(mail):
    return re.search(r"/confirm-email/(\S+)", text_of(mail)).group(1).rstrip("/")


def test_a_free_and_a_taken_address_get_the_same_answer(alice):
    answers = [register(email) for email in (NEW, KNOWN)]
    assert [answer.status_code for answer in answers] == [201, 201]
    bodies = [answer.json() | {"email": ""} for answer in answers]
    assert bodies[0] == bodies[1]
    assert {name for name, value in bodies[0].items() if value is None} == {
        "id", "uuid", "avatar_url", "plan", "account_id", "created_at",
    }  # fmt: skip


def test_the_account_api_does_too(alice):
    answers = [create(email) for email in (NEW, KNOWN)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == {"user": {"id": None, "email": NEW, "name": "Dana", "api_tokens": []}}
    assert answers[1].json() == {"user": {"id": None, "email": KNOWN, "name": "Dana", "api_tokens": []}}
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("way", [register, create])
def test_each_gets_its_mail_and_only_the_free_one_a_user(alice, way):
    before = User.objects.values().get(pk=alice.pk)
    way(NEW)
    way("ALICE@example.com")
    assert set(User.objects.values_list("email", flat=True)) == {NEW, KNOWN}
    assert User.objects.values().get(pk=alice.pk) == before
    new, known = (text_of(OutgoingMail.objects.get(to=to)) for to in (NEW, KNOWN))
    assert "/confirm-email/" in new
    assert "/confirm-email/" not in known
    assert "There is one already" in known
    assert AuditEvent.objects.filter(action="registered").count() == 1


def test_a_second_attempt_sends_no_second_mail_and_answers_alike(alice):
    for email in (NEW, KNOWN):
        first, second = register(email), register(email)
        assert first.json() == second.json()
        assert OutgoingMail.objects.filter(to=email).count() == 1
    assert User.objects.count() == 2


@pytest.mark.parametrize("path", [LOGIN, AUTH])
def test_signing_in_waits_for_the_link_and_says_so_only_with_the_right_password(path, rf):
    register(NEW)
    answer = APIClient().post(path, {"email": NEW, "password": PASSWORD})
    assert answer.status_code == 403
    assert "Confirm your email address" in answer.content.decode()
    if path == LOGIN:
        assert answer.json()["error"]["code"] == "permission_denied"
    wrong = APIClient().post(path, {"email": NEW, "password": "wrong"})
    unknown = APIClient().post(path, {"email": "nobody@example.com", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    confirm(rf.get("/"), link_in(OutgoingMail.objects.get()))
    assert APIClient().post(path, {"email": NEW, "password": PASSWORD}).status_code == 200


def test_a_sign_in_that_waits_sends_the_link_again_but_not_each_time(settings):
    from django.core.cache import cache

    register(NEW)
    for _ in range(3):
        APIClient().post(LOGIN, {"email": NEW, "password": PASSWORD})
    assert OutgoingMail.objects.count() == 1
    cache.clear()  # three minutes later
    for _ in range(3):
        APIClient().post(LOGIN, {"email": NEW, "password": PASSWORD})
    assert OutgoingMail.objects.count() == 2


def test_an_invitation_to_the_address_stands_for_its_link(alice):
    Invitation.objects.create(account=alice.personal_account, email=NEW, digest=digest("i" * 43, purpose="invitation"))
    fields = {"email": NEW, "password": PASSWORD, "invitation": "i" * 43}
    elsewhere = APIClient().post(REGISTER, fields | {"email": "eve@example.com"})
    assert (elsewhere.status_code, list(elsewhere.json()["error"]["details"])) == (400, ["invitation"])
    answer = APIClient().post(REGISTER, fields)
    assert answer.status_code == 201
    user = User.objects.get(email=NEW)
    assert answer.json()["id"] == user.id
    assert alice.personal_account.memberships.filter(user=user).exists()
    assert APIClient().post(LOGIN, {"email": NEW, "password": PASSWORD}).status_code == 200
    assert APIClient().post(REGISTER, fields | {"email": "dan@example.com"}).status_code == 400


def test_by_invitation_only(alice):
    SiteSettings.objects.update(registration="invite_only", email_confirmation_required=False)
    assert register(NEW).status_code == create(NEW).status_code == 403
    Invitation.objects.create(account=alice.personal_account, email=NEW, digest=digest("i" * 43, purpose="invitation"))
    user = {"email": NEW, "password": PASSWORD, "password_confirmation": PASSWORD, "invitation": "i" * 43}
    answer = APIClient().post(USERS, {"user": user})
    assert answer.status_code == 200
    token = answer.json()["user"]["api_tokens"][0]["token"]
    assert len(APIClient().get("/api/v1/accounts", HTTP_AUTHORIZATION=f"Bearer {token}").json()) == 2


def test_a_new_address_counts_from_when_its_link_was_followed(as_alice, alice, rf):
    assert as_alice.patch(ME, {"email": NEW, "full_name": "A"}).json()["email"] == KNOWN
    confirm(rf.get("/"), link_in(OutgoingMail.objects.get(to=NEW)))
    assert as_alice.get(ME).json()["email"] == NEW
    assert AuditEvent.objects.filter(action="email_changed", actor_id=alice.id).exists()


def test_changing_to_a_taken_address_is_not_told(as_alice, charlie):
    answers = [as_alice.patch(ME, {"email": email}) for email in ("free@example.com", charlie.email)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert "There is one already" in text_of(OutgoingMail.objects.get(to=charlie.email))
