from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import api_tokens
from accounts.models import Account, ApiToken, AuditEvent, Membership, User
from accounts.tokens import CredentialRefused
from tests.cast import PASSWORD

ME = "/api/v1/users/me"

pytestmark = pytest.mark.django_db


def status(text, **headers):
    return APIClient().get(ME, HTTP_AUTHORIZATION=f"Bearer {text}", **headers).status_code


@pytest.fixture
def text(alice, account) -> str:
    return api_tokens.create(alice, account, "Backup")[1]


def test_a_token_is_long_random_and_stored_neither_in_clear_nor_alike(alice, account):
    made = [api_tokens.create(alice, account, "Backup") for _ in range(2)]
    for token, text in made:
        assert api_tokens.SHAPE.fullmatch(text)
        assert text.startswith("dl_")
        assert len(text) >= 43
        assert text not in str(ApiToken.objects.values().get(pk=token.pk))
        assert token.last_four == text[-4:]
    assert len({text for _, text in made}) == 2


def test_it_speaks_for_its_user_in_one_query_and_notes_its_use_once_a_minute(text, alice, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert api_tokens.token_owner(text).user == alice
    with django_assert_num_queries(1):
        token = api_tokens.token_owner(text)
    assert token.last_used_at is not None
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    with django_assert_num_queries(2):
        api_tokens.token_owner(text)


def test_the_plan_and_its_limits_come_along(text, django_assert_num_queries):
    api_tokens.token_owner(text)
    with django_assert_num_queries(1):
        assert api_tokens.token_owner(text).account.allowance.requests_per_minute == 60


@pytest.mark.parametrize(
    "end",
    [
        lambda token: api_tokens.revoke(token, "test"),
        lambda token: ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
        lambda token: User.objects.update(is_active=False),
        lambda token: User.objects.update(deleted_at=timezone.now()),
        lambda token: Account.objects.update(deleted_at=timezone.now()),
        lambda token: Membership.objects.all().delete(),
        lambda token: token.delete(),
    ],
    ids=["revoked", "expired", "suspended", "user deleted", "account deleted", "removed", "row deleted"],
)
def test_it_ends_at_once(text, end):
    assert status(text) == 200
    end(ApiToken.objects.get())
    assert status(text) == 401
    with pytest.raises(CredentialRefused):
        api_tokens.token_owner(text)


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: text + "a", lambda text: text.swapcase()])
def test_what_is_nearly_a_token_is_none(text, change):
    assert status(change(text)) == 401


def test_it_acts_in_its_own_account_whatever_the_header_says(bob, account, charlie):
    text = api_tokens.create(bob, account, "In Alice's")[1]
    for named in (None, str(account.id), str(bob.personal_account.id), str(charlie.personal_account.id), "x"):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}", **({"HTTP_X_ACCOUNT_ID": named} if named else {}))
        made = client.post("/api/v1/users/api-key", {"name": "Another"}).json()
        assert ApiToken.objects.get(pk=made["id"]).account == account
    Membership.objects.filter(user=bob, account=account).delete()
    assert client.get(ME).status_code == 401


def test_a_new_password_leaves_it_alone(text, alice):
    alice.set_password("another " + PASSWORD)
    alice.save()
    assert status(text) == 200


def test_the_default_one_is_the_same_each_time_until_it_is_revoked(alice):
    first = api_tokens.default_token(alice)
    assert api_tokens.default_token(alice) == first
    token = ApiToken.objects.get()
    assert (token.name, token.account) == ("Default", alice.personal_account)
    api_tokens.revoke(token, "test", actor=alice)
    second = api_tokens.default_token(alice)
    assert second != first
    assert (status(first), status(second)) == (401, 200)


@pytest.mark.parametrize("key", ["ENCRYPTION_KEYS", "SECRET_KEY"])
def test_the_default_one_is_made_anew_when_its_key_is_gone(alice, settings, key):
    first = api_tokens.default_token(alice)
    setattr(settings, key, ["k" * 40] if key == "ENCRYPTION_KEYS" else "k" * 50)
    second = api_tokens.default_token(alice)
    assert second != first
    assert api_tokens.default_token(alice) == second
    assert ApiToken.objects.get(revoked_because="unreadable").name == "Default"


def test_the_default_one_is_made_anew_when_it_ran_out(alice):
    first = api_tokens.default_token(alice)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert api_tokens.default_token(alice) != first


def test_an_old_key_still_reads_the_default_one(alice, settings):
    first = api_tokens.default_token(alice)
    settings.ENCRYPTION_KEYS = ["k" * 40, *settings.ENCRYPTION_KEYS]
    assert api_tokens.default_token(alice) == first


@pytest.mark.django_db(transaction=True)
def test_parallel_log_ins_get_one_default_token(alice):
    barrier = Barrier(8)

    def log_in(_: int) -> str:
        try:
            barrier.wait()
            return APIClient().post("/api/v1/auth", {"email": alice.email, "password": PASSWORD}).json()["token"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(log_in, range(8)))
    assert len(texts) == 1
    assert ApiToken.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_no_more_than_the_limit_are_made_in_parallel(alice, account, monkeypatch):
    monkeypatch.setattr(api_tokens, "MOST_OF_A_USER", 3)

    def make(_: int) -> bool:
        try:
            api_tokens.create(alice, account, "Many")
        except api_tokens.TooManyTokens:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(make, range(6)))
    assert sum(made) == ApiToken.objects.count() == 3


def test_too_many_are_a_conflict(as_alice, monkeypatch):
    monkeypatch.setattr(api_tokens, "MOST_OF_A_USER", 1)
    assert as_alice.post("/api/v1/users/api-key").status_code == 201
    answer = as_alice.post("/api/v1/users/api-key")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


def test_making_and_revoking_is_written_down_without_the_token(as_alice, alice, account):
    text = as_alice.post("/api/v1/users/api-key", {"name": "Backup"}).json()["api_key"]
    api_tokens.revoke(ApiToken.objects.get(), "test", actor=alice)
    api_tokens.revoke(ApiToken.objects.get(), "again", actor=alice)
    events = list(AuditEvent.objects.filter(action__startswith="api_token").order_by("created_at"))
    assert [event.action for event in events] == ["api_token_created", "api_token_revoked"]
    assert {(event.account_id, event.actor_id) for event in events} == {(account.id, alice.id)}
    assert text not in str(list(AuditEvent.objects.values()))


def test_the_command_prints_one_that_works(alice, bob, account, capsys):
    call_command("create_api_token", "ALICE@example.com", "--name", "Cron")
    text = capsys.readouterr().out.strip()
    assert status(text) == 200
    assert ApiToken.objects.get().name == "Cron"
    call_command("create_api_token", "bob@example.com", "--account", str(account.id))
    assert ApiToken.objects.get(user=bob).account == account


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody@example.com"], "No user"),
        (["charlie@example.com", "--account", "{account}"], "belongs to no account"),
        (["charlie@example.com", "--account", "999999"], "belongs to no account"),
        (["charlie@example.com", "--name", "Default"], "Default is the name"),
    ],
)
def test_the_command_says_what_cannot_be_done(charlie, account, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command("create_api_token", *(part.format(account=account.id) for part in arguments))
    assert not ApiToken.objects.exists()


def test_staff_see_it_masked_and_revoke_it(text, alice, db):
    staff = Client()
    staff.force_login(User.objects.create_superuser("staff@example.com", PASSWORD))
    listed = reverse("admin:accounts_apitoken_changelist")
    token = ApiToken.objects.get()
    for page in (listed, f"{listed}?state=live", f"{listed}?q=alice", f"{listed}{token.pk}/change/"):
        answer = staff.get(page)
        assert answer.status_code == 200
        shown = answer.content.decode()
        assert f"dl_…{token.last_four}" in shown
        assert not any(secret in shown for secret in (text, token.digest, token.encrypted))
    assert staff.get(f"{listed}add/").status_code == 403
    staff.post(listed, {"action": "revoke", "_selected_action": [token.pk]})
    assert status(text) == 401
    assert AuditEvent.objects.get(action="api_token_revoked").actor == "staff@example.com"
