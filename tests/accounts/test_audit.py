"""The audit, the site's settings, the mail and people in the admin, as staff see and use them."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import api_tokens, audit
from accounts.models import Account, AuditEvent, Membership, OutgoingMail, SiteSettings, TokenFamily, User
from doculume.crypto import encrypt
from tests.cast import PASSWORD, client_of

ME = "/api/v1/users/me"

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root@example.com", PASSWORD)


@pytest.fixture
def staff(root) -> Client:
    client = Client()
    client.force_login(root)
    return client


def act(client, model, action, *rows, **more):
    fields = {"action": action, "_selected_action": [str(row.pk) for row in rows]} | more
    return client.post(reverse(f"admin:accounts_{model}_changelist"), fields, follow=True)


def test_the_audit_is_searched_and_filtered_but_never_changed(staff, alice, account, rf):
    request = rf.get("/", REMOTE_ADDR="192.0.2.7")
    audit.record(audit.Action.SIGNED_IN, request=request, actor=alice, account=account)
    audit.record(audit.Action.SIGN_IN_FAILED, actor_name="nobody@example.com")
    AuditEvent.objects.create(action="role_changed", account_id=999_999, target="of an account that is gone")
    page = reverse("admin:accounts_auditevent_changelist")
    for query, seen, unseen in [
        ("", "alice@example.com", "—nothing—"),
        ("?q=alice", "192.0.2.7", "nobody@example.com"),
        ("?action=sign_in_failed", "nobody@example.com", "192.0.2.7"),
        (f"?q={account.pk}", "alice@example.com", "nobody@example.com"),
        ("?q=192.0.2.7", "alice@example.com", "nobody@example.com"),
        ("?q=999999", "of an account that is gone", "nobody@example.com"),
        ("?created_at__gte=2020-01-01", "alice@example.com", "—nothing—"),
    ]:
        answer = staff.get(page + query)
        assert answer.status_code == 200, query
        table = answer.content.decode().partition('id="result_list"')[2].partition("</table>")[0]
        assert seen in table, query
        assert unseen not in table, query
    for event in AuditEvent.objects.all():
        shown = reverse("admin:accounts_auditevent_change", args=[event.pk])
        assert staff.get(shown).status_code == 200
        assert staff.post(shown, {"action": "x"}).status_code == 403
        assert staff.post(reverse("admin:accounts_auditevent_delete", args=[event.pk])).status_code == 403
    assert staff.get(reverse("admin:accounts_auditevent_add")).status_code == 403
    count = AuditEvent.objects.count()
    act(staff, "auditevent", "delete_selected", *AuditEvent.objects.all(), post="yes")
    assert AuditEvent.objects.count() == count


def test_events_of_an_account_are_its_own(alice, account, charlie):
    audit.record(audit.Action.SIGNED_IN, actor=alice, account=account)
    audit.record(audit.Action.SIGNED_IN, actor=charlie, account=charlie.personal_account)
    audit.record(audit.Action.SIGNED_IN, actor=charlie)
    assert [event.actor for event in AuditEvent.objects.for_account(account)] == ["alice@example.com"]


def site_form(**changes):
    site = SiteSettings.objects.current()
    fields = {
        "registration": site.registration,
        "default_plan": site.default_plan_id,
        "default_chat_model": site.default_chat_model,
        "default_embedding_model": site.default_embedding_model,
        "upload_max_bytes": "",
        "conversation_retention_days": "",
        "audit_retention_days": site.audit_retention_days,
        "terms_url": site.terms_url,
    }
    return fields | changes


def test_the_sites_settings_are_one_row_whose_changes_are_audited(staff, root):
    assert staff.get(reverse("admin:accounts_sitesettings_changelist")).status_code == 200
    page = reverse("admin:accounts_sitesettings_change", args=[1])
    assert staff.get(page).status_code == 200
    assert staff.post(page, site_form(registration="closed", upload_max_bytes=1000)).status_code == 302
    site = SiteSettings.objects.current()
    assert (site.registration, site.upload_max_bytes, site.updated_by) == ("closed", 1000, root)
    event = AuditEvent.objects.get(action="settings_changed")
    assert event.actor == "root@example.com"
    assert event.details["changes"] == {"registration": ["open", "closed"], "upload_max_bytes": [None, 1000]}
    assert staff.get(reverse("admin:accounts_sitesettings_add")).status_code == 403
    assert staff.post(reverse("admin:accounts_sitesettings_delete", args=[1])).status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"upload_max_bytes": 10**15},
        {"default_embedding_model": "unheard-of"},
        {"terms_required": "on"},
        {"default_plan": "gold"},
    ],
)
def test_the_sites_settings_refuse_here_what_they_refuse_in_the_api(staff, changes):
    answer = staff.post(reverse("admin:accounts_sitesettings_change", args=[1]), site_form(**changes))
    assert answer.status_code == 200
    assert b"errorlist" in answer.content
    assert not AuditEvent.objects.filter(action="settings_changed").exists()


def test_mail_that_was_given_up_is_tried_again_and_never_read(staff):
    now = timezone.now()
    secret = encrypt('{"text": "https://example.com/let-me-in"}')
    failed = OutgoingMail.objects.create(to="a@example.com", subject="S", content=secret, failed_at=now, attempts=9)
    waiting = OutgoingMail.objects.create(to="b@example.com", subject="S", content=secret, attempts=2)
    pages = [reverse("admin:accounts_outgoingmail_changelist")]
    pages += [reverse("admin:accounts_outgoingmail_change", args=[mail.pk]) for mail in (failed, waiting)]
    for page in pages:
        answer = staff.get(page)
        assert answer.status_code == 200
        assert secret not in answer.content.decode()
        assert "let-me-in" not in answer.content.decode()
    act(staff, "outgoingmail", "retry", failed, waiting)
    failed.refresh_from_db()
    waiting.refresh_from_db()
    assert (failed.failed_at, failed.attempts) == (None, 0)
    assert waiting.attempts == 2


@pytest.fixture
def credentials(alice, account):
    """One of each kind, as a client."""
    page = Client(raise_request_exception=False)
    page.force_login(alice)
    # What a sign-in by the form does at once.
    assert page.get(ME).status_code == 200
    token = client_of(alice)
    token.credentials(HTTP_AUTHORIZATION=f"Bearer {api_tokens.create(alice, account, 'CI')[1]}")
    return {"family": client_of(alice), "page": page, "token": token}


def working(credentials) -> set[str]:
    return {kind for kind, client in credentials.items() if client.get(ME).status_code == 200}


def test_suspension_stops_every_credential_and_lifting_it_restores_tokens_only(staff, alice, credentials):
    assert working(credentials) == {"family", "page", "token"}
    act(staff, "user", "suspend", alice)
    assert working(credentials) == set()
    act(staff, "user", "reinstate", alice)
    assert working(credentials) == {"token"}
    actions = (
        AuditEvent.objects.filter(target="alice@example.com").order_by("created_at").values_list("action", flat=True)
    )
    assert list(actions) == ["user_suspended", "user_reinstated"]
    assert AuditEvent.objects.filter(action="user_suspended", actor="root@example.com").exists()


def test_suspending_by_the_form_is_suspending(staff, alice, credentials):
    page = reverse("admin:accounts_user_change", args=[alice.pk])
    inline = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    fields = {"email": alice.email, "full_name": "Alice"} | inline
    assert staff.post(page, fields).status_code == 302
    assert working(credentials) == set()
    assert staff.post(page, fields | {"is_active": "on"}).status_code == 302
    assert working(credentials) == {"token"}
    assert AuditEvent.objects.filter(action__in=["user_suspended", "user_reinstated"]).count() == 2


def test_signing_out_everywhere_ends_pages_too_and_leaves_api_tokens(staff, alice, charlie, credentials):
    his = client_of(charlie)
    act(staff, "user", "sign_out_everywhere", alice)
    assert working(credentials) == {"token"}
    assert his.get(ME).status_code == 200
    assert AuditEvent.objects.get(action="signed_out").details["everywhere"] is True


def test_staff_who_may_change_users_do_not_touch_superusers(root, alice):
    from django.contrib.auth.models import Permission

    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user", "delete_user"]))
    client = Client()
    client.force_login(alice)
    act(client, "user", "suspend", root)
    act(client, "user", "delete_selected", root, post="yes")
    root.refresh_from_db()
    assert root.is_active
    assert root.deleted_at is None


def test_users_and_accounts_are_deleted_for_good_here(staff, root, alice, charlie):
    shared = Account.objects.create_shared("Shared", alice)
    alone, personal = Account.objects.create_shared("Alone", charlie), charlie.personal_account
    Membership.objects.create(account=shared, user=root, role=Membership.Role.OWNER)
    confirm = act(staff, "user", "delete_selected", alice)
    assert b"alone own" in confirm.content
    act(staff, "user", "delete_selected", alice, post="yes")
    assert not User.objects.filter(email="alice@example.com").exists()
    assert AuditEvent.objects.get(action="user_deleted").actor == "root@example.com"
    staff.post(reverse("admin:accounts_account_delete", args=[personal.pk]), {"post": "yes"})
    assert Account.objects.get(pk=personal.pk).deleted_at is None
    staff.post(reverse("admin:accounts_account_delete", args=[alone.pk]), {"post": "yes"})
    assert not Account.objects.filter(pk=alone.pk).exists()
    staff.post(reverse("admin:accounts_user_delete", args=[charlie.pk]), {"post": "yes"})
    assert not User.objects.filter(pk=charlie.pk).exists()
    assert Account.objects.filter(pk=shared.pk).exists()
    from django.contrib.admin.models import LogEntry

    written = [str(vars(entry)) for entry in LogEntry.objects.all()]
    assert not [entry for entry in written if "alice" in entry or "charlie" in entry]


def test_nobody_deletes_themselves_by_a_slip_in_the_list(staff, root):
    act(staff, "user", "delete_selected", root, post="yes")
    assert User.objects.filter(pk=root.pk, deleted_at=None).exists()


def test_a_user_is_deleted_by_command_if_it_is_meant(alice, capsys):
    with pytest.raises(CommandError, match="--yes"):
        call_command("delete_user", "Alice@example.com")
    assert User.objects.filter(pk=alice.pk, deleted_at=None).exists()
    TokenFamily.objects.all().delete()
    call_command("delete_user", "Alice@example.com", "--yes")
    assert not User.objects.filter(pk=alice.pk).exists()
    assert AuditEvent.objects.get(action="user_deleted").actor == "manage.py delete_user"
    with pytest.raises(CommandError):
        call_command("delete_user", "alice@example.com", "--yes")
