"""Plans and agreed limits: changed by staff and by command, in force at once, written down."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts import plans
from accounts.models import Account, AccountLimits, AuditEvent, Limits, Plan, SiteSettings, StoredUsage, User
from tests.cast import PASSWORD, client_of, make_user

ME = "/api/v1/users/me"
TOTALS = {"-TOTAL_FORMS": "0", "-INITIAL_FORMS": "0"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", PASSWORD))
    return client


def run(command, *args, **options) -> str:
    out = StringIO()
    call_command(command, *args, stdout=out, **options)
    return out.getvalue()


def limit_of(user) -> str:
    return client_of(user).get(ME)["X-RateLimit-Limit"]


def events(action) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action).order_by("created_at"))


def account_form(account, **fields):
    own = {f"own_limits-0-{name}": "" for name in Limits.NAMES} | {"own_limits-0-account": account.pk}
    forms = {"own_limits-TOTAL_FORMS": 1, "own_limits-INITIAL_FORMS": int(hasattr(account, "own_limits"))}
    forms |= {f"memberships{name}": value for name, value in TOTALS.items()}
    return {"name": account.name, "plan": account.plan_id, **own, **forms, **fields}


def test_the_plans_are_those_of_the_contract():
    rows = Plan.objects.values_list("name", *Limits.NAMES)
    assert list(rows) == [
        ("free", 60, 0, 200, 2_000, 200_000_000),
        ("pro", 300, 50, 10_000, 100_000, 10_000_000_000),
        ("business", 600, 100, 50_000, 1_000_000, 100_000_000_000),
        ("enterprise", None, None, None, None, None),
    ]


def test_new_accounts_get_the_plan_that_the_site_says():
    assert make_user("Dana").personal_account.plan_id == "free"
    SiteSettings.objects.update_or_create(pk=1, defaults={"default_plan_id": "pro"})
    assert make_user("Emil").personal_account.plan_id == "pro"


class TestCommands:
    def test_set_plan_holds_from_the_next_request_on_and_is_written_down(self, alice, account):
        assert limit_of(alice) == "60"
        assert "pro" in run("set_plan", "ALICE@example.com", "pro")
        assert limit_of(alice) == "300"
        run("set_plan", "business", account=account.pk)
        assert limit_of(alice) == "600"
        run("set_plan", alice.email, "business")
        first, second = events("plan_changed")
        assert (first.account, first.actor) == (account, "manage.py set_plan")
        assert [event.details for event in (first, second)] == [
            {"before": "free", "after": "pro"},
            {"before": "pro", "after": "business"},
        ]

    @pytest.mark.parametrize(
        ("args", "options"),
        [
            (("nobody@example.com", "pro"), {}),
            (("alice@example.com", "platinum"), {}),
            (("pro",), {}),
            (("pro",), {"account": 999999}),
            (("alice@example.com", "pro"), {"account": 1}),
        ],
    )
    def test_what_is_not_there_is_said(self, alice, args, options):
        with pytest.raises(CommandError):
            run("set_plan", *args, **options)
        assert alice.personal_account.plan_id == "free"

    def test_limits_are_agreed_and_given_up_again(self, alice, account):
        out = run("set_limits", alice.email, "--answers-per-month", "5", "--requests-per-minute", "7")
        assert "answers_per_month: as the plan says -> 5" in out
        assert limit_of(alice) == "7"
        assert Account.objects.get(pk=account.pk).allowance.answers_per_month == 5
        run("set_limits", alice.email, "--requests-per-minute", "plan")
        assert limit_of(alice) == "60"
        assert AccountLimits.objects.get().answers_per_month == 5
        run("set_limits", "--answers-per-month", "plan", account=account.pk)
        assert not AccountLimits.objects.exists()
        assert run("set_limits", alice.email, "--entries", "plan").strip() == "Nothing to change."
        assert [event.details["changes"] for event in events("limits_changed")] == [
            {"answers_per_month": [None, 5], "requests_per_minute": [None, 7]},
            {"requests_per_minute": [7, None]},
            {"answers_per_month": [5, None]},
        ]

    @pytest.mark.parametrize("value", ["-1", "many", "1.5", "99999999999999999999", "٣"])
    def test_limits_that_are_none_are_refused(self, alice, value):
        with pytest.raises(CommandError):
            run("set_limits", alice.email, f"--entries={value}")
        with pytest.raises(CommandError):
            run("set_limits", alice.email)

    def test_show_usage(self, alice, account):
        StoredUsage.objects.create(account=account, entries=1_234, stored_bytes=5)
        plans.agree(account, {"entries": 9_999})
        out = run("show_usage", alice.email)
        assert "on the plan free" in out
        assert "entries: 1,234 of 9,999 (agreed with this account)" in out
        assert "answers_per_month: 0 of 200" in out


class TestAdmin:
    def test_an_account_changes_its_plan_and_its_limits(self, staff, alice, account):
        page = reverse("admin:accounts_account_change", args=[account.pk])
        assert staff.get(page).status_code == 200
        fields = account_form(account, plan="pro", **{"own_limits-0-entries": "5"})
        assert staff.post(page, fields).status_code == 302
        account = Account.objects.get(pk=account.pk)
        assert (account.plan_id, account.allowance.entries, limit_of(alice)) == ("pro", 5, "300")
        (moved,), (agreed,) = events("plan_changed"), events("limits_changed")
        assert (moved.actor, moved.details) == ("staff@example.com", {"before": "free", "after": "pro"})
        assert (agreed.account, agreed.details) == (account, {"changes": {"entries": [None, 5]}})
        assert staff.post(page, account_form(account)).status_code == 302
        assert Account.objects.get(pk=account.pk).allowance.entries == 100_000
        assert len(events("plan_changed")) == 1

    def test_what_was_used_is_shown(self, staff, account):
        StoredUsage.objects.create(account=account, entries=1_234, stored_bytes=2_048)
        shown = staff.get(reverse("admin:accounts_account_change", args=[account.pk])).content.decode()
        assert "1,234 of 2,000" in shown
        assert "0 of 200" in shown

    def test_staff_edit_a_plan_and_all_on_it_have_the_new_limit(self, staff, alice):
        page = reverse("admin:accounts_plan_change", args=["free"])
        assert staff.get(page).status_code == 200
        fields = {"title": "Free", "position": 0, "requests_per_minute": 61, "answers_per_month": ""}
        assert staff.post(page, fields).status_code == 302
        assert limit_of(alice) == "61"
        (event,) = events("limits_changed")
        assert event.target == "plan free"
        assert event.details["changes"]["requests_per_minute"] == [60, 61]
        assert event.details["changes"]["answers_per_month"] == [200, None]

    def test_staff_make_a_plan_and_delete_only_one_that_is_free(self, staff, alice, account):
        fields = {"name": "team", "title": "Team", "position": 9, "requests_per_minute": 90}
        assert staff.post(reverse("admin:accounts_plan_add"), fields).status_code == 302
        plans.put_on(account, Plan.objects.get(name="team"))
        assert limit_of(alice) == "90"
        for name in ("team", "free"):
            assert staff.post(reverse("admin:accounts_plan_delete", args=[name]), {"post": "yes"}).status_code == 403
        plans.put_on(account, Plan.objects.get(name="pro"))
        assert staff.post(reverse("admin:accounts_plan_delete", args=["team"]), {"post": "yes"}).status_code == 302
        assert not Plan.objects.filter(name="team").exists()

    def test_each_list_opens(self, staff, alice):
        for page in ("plan_changelist", "account_changelist", "plan_add", "account_add"):
            assert staff.get(reverse(f"admin:accounts_{page}")).status_code == 200
