"""A prepared query finds what its queryset would, with any values."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership
from accounts.models.account import Account
from chat.models import Conversation, Message
from doculume.prepared import Prepared, insert_if

pytestmark = pytest.mark.django_db

OF = Prepared(
    lambda user, role: (
        Membership.objects.select_related("account__plan", "account__own_limits", "user")
        .filter(user=user, role=role)
        .order_by("id")
    ),
    2,
    "a role",
)


def test_rows_come_with_what_they_refer_to(alice, charlie):
    for user in (alice, charlie, alice):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            found = OF.first(user.pk, Membership.Role.OWNER)
            assert found.user == user
            assert found.user.uuid == user.uuid
            assert found.account.personal_of_id == user.pk
            assert found.account.plan.requests_per_minute == found.account.allowance.requests_per_minute
        assert len(asked) == 1


def test_values_decide(alice):
    assert OF.first(alice.pk, Membership.Role.VIEWER) is None
    assert OF.all(alice.pk, Membership.Role.VIEWER) == []


def test_all_rows_in_their_order(alice):
    for name in ("a", "b"):
        Membership.objects.create(account=Account.objects.create(name=name), user=alice, role=Membership.Role.OWNER)
    found = OF.all(alice.pk, Membership.Role.OWNER)
    assert [one.account.name for one in found[1:]] == ["a", "b"]
    assert found == list(Membership.objects.filter(user=alice).order_by("id"))
    assert not found[0]._state.adding


def test_two_are_asked_at_once_and_either_may_be_missing(alice, charlie):
    owner, viewer = Membership.Role.OWNER, Membership.Role.VIEWER
    with CaptureQueriesContext(connection) as asked:
        one, other = OF.first_beside(OF, [alice.pk, owner], [charlie.pk, owner])
    assert len(asked) == 1
    assert one is not None
    assert other is not None
    assert (one.user, other.user) == (alice, charlie)
    assert other.account.plan.requests_per_minute == other.account.allowance.requests_per_minute
    one, other = OF.first_beside(OF, [alice.pk, viewer], [charlie.pk, owner])
    assert one is None
    assert other is not None
    one, other = OF.first_beside(OF, [alice.pk, owner], [charlie.pk, viewer])
    assert one is not None
    assert other is None
    assert OF.first_beside(OF, [alice.pk, viewer], [charlie.pk, viewer]) == (None, None)


IF = "UPDATE accounts_account SET name = %(name)s WHERE id = %(account)s RETURNING id"


def test_rows_are_inserted_as_by_the_orm(alice):
    account = alice.personal_account
    conversation = Conversation(account=account, user=alice, title="%s %(n)s")
    message = Message(account=account, conversation=conversation, role="user", content="Ünï", timings={"total": 1.5})
    with CaptureQueriesContext(connection) as asked:
        assert insert_if(IF, {"account": account.pk, "name": "counted"}, conversation, message)
    assert len(asked) == 1
    account.refresh_from_db()
    assert account.name == "counted"
    for row in (conversation, message):
        assert not row._state.adding
        stored = type(row).objects.get(pk=row.pk)
        for field in row._meta.concrete_fields:
            assert getattr(stored, field.attname) == getattr(row, field.attname), field


def test_nothing_is_inserted_unless_the_condition_holds(alice):
    conversation = Conversation(account=alice.personal_account, user=alice)
    assert not insert_if(IF, {"account": 0, "name": "nobody's"}, conversation)
    assert conversation._state.adding
    assert not Conversation.objects.exists()
