from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


def test_make_staff_opens_the_admin(alice, client, capsys):
    call_command("make_staff", "ALICE@example.com")
    assert "alice@example.com is staff now." in capsys.readouterr().out
    client.force_login(type(alice).objects.get(pk=alice.pk))
    assert client.get("/admin/accounts/user/").status_code == 200


def test_set_plan_puts_the_personal_account_on_it(alice, as_alice, capsys):
    call_command("set_plan", "alice@example.com", "pro")
    assert "pro" in capsys.readouterr().out
    assert as_alice.get("/api/v1/users/me").json()["plan"] == "pro"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["make_staff", "nobody@example.com"], "No user has the email nobody@example.com"),
        (["set_plan", "nobody@example.com", "pro"], "No user has the email nobody@example.com"),
        (["set_plan", "alice@example.com", "gold"], "free"),
    ],
)
def test_what_cannot_be_done_is_said(alice, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command(*arguments)
