from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import sgid
from accounts.models import Account, Membership
from tests.cast import make_user

ME, ACCOUNTS = "/api/v1/me", "/api/v1/accounts"

pytestmark = pytest.mark.django_db


def test_the_signed_id_is_the_same_each_time_and_resolves_to_its_user(as_alice, alice):
    shown = as_alice.get(ME).json()["sgid"]
    assert as_alice.get(ME).json()["sgid"] == shown
    assert sgid.resolve(shown) == alice


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: "x" + s, lambda s: "", lambda s: "a:b", lambda s: "é"])
def test_a_made_up_one_resolves_to_nobody(alice, change):
    with pytest.raises(sgid.Unresolvable):
        sgid.resolve(change(sgid.sign(alice)))


def test_who_is_gone_is_nobody(alice, charlie):
    alice.is_active = False
    alice.save()
    charlie.deleted_at = timezone.now()
    charlie.save()
    for user in (alice, charlie):
        with pytest.raises(sgid.Unresolvable):
            sgid.resolve(sgid.sign(user))


def test_what_a_user_is_called_is_escaped(as_alice, alice):
    alice.full_name = '<script>alert("x")</script>'
    alice.avatar_url = 'https://example.com/a.png?a=1&b="'
    alice.save()
    body = as_alice.get(ME).json()
    assert body["name"] == alice.full_name
    assert body["avatar_url"] == alice.avatar_url
    assert "<script" not in body["content"]
    assert "&lt;script&gt;" in body["content"]
    assert '?a=1&amp;b=&quot;"' in body["content"]


def test_who_has_no_name_is_mentioned_by_their_address(as_alice, alice):
    alice.full_name = ""
    alice.save()
    body = as_alice.get(ME).json()
    assert body["name"] == ""
    assert ">alice<" in body["content"]


def test_every_account_of_the_user_is_listed_the_newest_first(as_bob, bob, alice, account, charlie):
    shared = Account.objects.create_shared("Shared", charlie)
    second = Membership.objects.create(account=shared, user=bob)
    Account.objects.create_shared("Somebody else's", charlie)
    gone = Account.objects.create_shared("Gone", bob)
    gone.deleted_at = timezone.now()
    gone.save()
    answer = as_bob.get(ACCOUNTS).json()
    assert [one["id"] for one in answer] == [shared.id, bob.personal_account.id, account.id]
    assert [(one["personal"], one["owner_id"]) for one in answer] == [
        (False, charlie.id),
        (True, bob.id),
        (True, alice.id),
    ]
    first = shared.memberships.get(user=charlie)
    assert answer[0]["account_users"] == [
        {"id": first.id, "user_id": charlie.id},
        {"id": second.id, "user_id": bob.id},
    ]


def test_the_number_of_queries_does_not_grow(as_alice, alice):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert as_alice.get(ACCOUNTS).status_code == 200
        return len(seen)

    before = queries()
    for number in range(5):
        shared = Account.objects.create_shared(f"Shared {number}", alice)
        for other in range(3):
            Membership.objects.create(account=shared, user=make_user(f"User{number}{other}"))
    assert queries() == before
    assert len(as_alice.get(ACCOUNTS).json()) == 6
