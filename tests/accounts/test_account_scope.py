from __future__ import annotations

import pytest
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts.api.scope import AccountScoped
from accounts.models import Membership
from accounts.permissions import CanWrite
from accounts.tokens import start_family
from doculume.dialects import StructuredDialect

pytestmark = pytest.mark.django_db


class WhereAmI(StructuredDialect, AccountScoped, APIView):
    permission_classes = (IsAuthenticated, CanWrite)

    def get(self, request):
        return Response({"account": request.account.id, "role": request.membership.role})

    post = get


def ask(user, account_id=None, method="get"):
    headers = {"HTTP_AUTHORIZATION": f"Bearer {start_family(user).access}"} if user else {}
    if account_id is not None:
        headers["HTTP_X_ACCOUNT_ID"] = account_id
    return WhereAmI.as_view()(getattr(APIRequestFactory(), method)("/api/v1/where", **headers))


def test_without_a_word_it_is_the_personal_account(alice, bob):
    assert ask(alice).data == {"account": alice.personal_account.id, "role": "owner"}
    assert ask(bob).data == {"account": bob.personal_account.id, "role": "owner"}


def test_a_member_acts_in_the_account_they_name(bob, account):
    assert ask(bob, str(account.id)).data == {"account": account.id, "role": "member"}


def test_an_account_of_others_of_nobody_and_garbage_are_refused_alike(bob, charlie, account):
    named = [str(account.id), "999999999", "0", "-1", "", "abc", "1.5", "9" * 30, "¹", f"{account.id} "]
    answers = [ask(charlie, name) for name in named[:-1]] + [ask(charlie, named[-1])]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.data["detail"] for answer in answers}) == 1


def test_nobody_is_401_also_with_an_account(account):
    assert ask(None, str(account.id)).status_code == 401


def test_a_viewer_reads_and_writes_nothing(bob, account):
    assert ask(bob, str(account.id), "post").status_code == 200
    Membership.objects.filter(user=bob, account=account).update(role=Membership.Role.VIEWER)
    assert ask(bob, str(account.id)).status_code == 200
    assert ask(bob, str(account.id), "post").status_code == 403
    assert ask(bob, method="post").status_code == 200


def test_leaving_an_account_is_felt_at_once(bob, account):
    Membership.objects.filter(user=bob, account=account).delete()
    assert ask(bob, str(account.id)).status_code == 403
