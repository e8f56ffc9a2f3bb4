from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts import second_factor
from accounts.models import Account, AuditEvent, Membership, TokenFamily, User
from accounts.tokens import start_family
from tests.accounts.test_second_factor import Phone
from tests.cast import PASSWORD, client_of

ME = "/api/v1/users/me"

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", PASSWORD))
    return client


def act(client, model, action, *rows):
    fields = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(reverse(f"admin:accounts_{model}_changelist"), fields, follow=True)


def test_every_list_and_form_opens_searches_and_shows_no_secret(staff, alice, bob):
    start_family(alice)
    secrets = list(User.objects.values_list("password", flat=True))
    secrets += TokenFamily.objects.values_list("current_digest", flat=True)
    secrets += [secret.split("$")[-1] for secret in secrets]
    pages = [reverse("admin:index"), reverse("admin:accounts_user_add")]
    for model in (User, Account, Membership, TokenFamily):
        name = model._meta.model_name
        pages += [reverse(f"admin:accounts_{name}_changelist") + query for query in ("", "?q=alice", "?q=1")]
        pages += [reverse(f"admin:accounts_{name}_change", args=[row.pk]) for row in model.objects.all()]
    families = reverse("admin:accounts_tokenfamily_changelist")
    pages += [f"{families}?state={state}" for state in ("live", "revoked", "expired")]
    for page in pages:
        answer = staff.get(page)
        assert answer.status_code == 200, page
        assert not any(secret in answer.content.decode() for secret in secrets), page


def test_nobody_sees_what_opens_a_session_or_makes_codes(staff, alice, client):
    client.force_login(alice)
    client.get("/account/security")
    Phone(alice)
    totp = Authenticator.objects.get(user=alice)
    session = UserSession.objects.get(user=alice)
    for model, row in ((Authenticator, totp), (UserSession, session)):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for page in (f"{name}_changelist", f"{name}_change"):
            address = reverse(page, args=[row.pk] if page.endswith("change") else [])
            for query in ("", "?q=alice"):
                answer = staff.get(address + query)
                assert answer.status_code == 200
                shown = answer.content.decode()
                assert session.session_key not in shown
                assert totp.data["secret"] not in shown
        assert staff.post(reverse(f"{name}_change", args=[row.pk]), {"user": alice.pk}).status_code == 403
        assert staff.get(reverse(f"{name}_add")).status_code == 403
    assert not any(admin.site.is_registered(model) for model in (SocialApp, SocialToken))


@pytest.mark.parametrize("how", ["one", "many"])
def test_ending_a_session_or_a_second_factor_here_ends_it(staff, alice, client, how):
    client.force_login(alice)
    Phone(alice)
    assert client.get(ME).status_code == 200
    for row in (UserSession.objects.get(user=alice), Authenticator.objects.get(user=alice)):
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        if how == "one":
            staff.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"})
        else:
            chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
            staff.post(reverse(f"{name}_changelist"), chosen)
    assert client.get(ME).status_code == 401
    assert not second_factor.is_on(alice)
    event = AuditEvent.objects.get(action="two_factor_disabled")
    assert (event.actor, event.target) == ("staff@example.com", "alice@example.com")


def test_a_user_made_here_has_a_personal_account_and_signs_in(staff):
    fields = {"email": "Dana@example.com", "full_name": "Dana", "password1": PASSWORD, "password2": PASSWORD}
    assert staff.post(reverse("admin:accounts_user_add"), fields).status_code == 302
    dana = User.objects.get(email="dana@example.com")
    assert dana.personal_account.name == "Dana"
    assert client_of(dana).get(ME).status_code == 200


def test_a_password_set_here_ends_the_sign_ins(staff, alice, as_alice):
    fields = {"password1": "another " + PASSWORD, "password2": "another " + PASSWORD, "usable_password": "true"}
    assert staff.post(reverse("admin:auth_user_password_change", args=[alice.pk]), fields).status_code == 302
    assert as_alice.get(ME).status_code == 401


def test_suspending_ends_every_credential_and_reinstating_needs_a_new_sign_in(staff, alice, as_alice):
    act(staff, "user", "suspend", alice, User.objects.get(email="staff@example.com"))
    assert as_alice.get(ME).status_code == 401
    assert staff.get(reverse("admin:index")).status_code == 200
    act(staff, "user", "reinstate", alice)
    assert as_alice.get(ME).status_code == 401
    assert client_of(alice).get(ME).status_code == 200


def test_revoking_one_sign_in_leaves_the_others(staff, alice):
    one, other = client_of(alice), client_of(alice)
    first = TokenFamily.objects.order_by("created_at").first()
    act(staff, "tokenfamily", "revoke", first)
    assert (one.get(ME).status_code, other.get(ME).status_code) == (401, 200)
    act(staff, "user", "sign_out_everywhere", alice)
    assert other.get(ME).status_code == 401


def test_a_personal_account_cannot_be_deleted_alone(staff, alice):
    assert staff.post(reverse("admin:accounts_account_delete", args=[alice.personal_account.pk])).status_code == 403
    shared = Account.objects.create(name="Shared")
    staff.post(reverse("admin:accounts_account_delete", args=[shared.pk]), {"post": "yes"})
    assert list(Account.objects.filter(personal_of=None)) == []


def test_only_a_superuser_makes_others_staff(alice, charlie):
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user"]))
    client = Client()
    client.force_login(alice)
    page = reverse("admin:accounts_user_change", args=[charlie.pk])
    fields = {"email": charlie.email, "full_name": "Changed", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    assert client.post(page, fields).status_code == 302
    charlie.refresh_from_db()
    assert (charlie.full_name, charlie.is_staff, charlie.is_superuser) == ("Changed", False, False)


def test_who_may_change_users_does_not_become_a_superuser_by_another_ones_password(staff, alice, charlie):
    alice.is_staff = True
    alice.save()
    alice.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user"]))
    User.objects.filter(pk=charlie.pk).update(is_superuser=True)
    assistant = Client()
    assistant.force_login(alice)
    passwords = {"password1": "Taken-0ver-now", "password2": "Taken-0ver-now", "usable_password": "true"}
    assert assistant.post(reverse("admin:auth_user_password_change", args=[charlie.pk]), passwords).status_code == 403
    fields = {"email": "mine@example.com", "full_name": "", "is_active": "on"}
    assert assistant.post(reverse("admin:accounts_user_change", args=[charlie.pk]), fields).status_code == 403
    charlie.refresh_from_db()
    assert charlie.email == "charlie@example.com"
    assert charlie.check_password(PASSWORD)


def test_what_staff_change_of_a_user_is_written_down(staff, alice):
    page = reverse("admin:accounts_user_change", args=[alice.pk])
    membership = alice.memberships.get()
    fields = {"email": "new@example.com", "full_name": "Alice", "is_active": "on", "is_staff": "on"}
    fields |= {"memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 1}
    fields |= {"memberships-0-id": membership.pk, "memberships-0-user": alice.pk}
    assert staff.post(page, fields).status_code == 302
    passwords = {"password1": "Staff-chose-it-now", "password2": "Staff-chose-it-now", "usable_password": "true"}
    changing = reverse("admin:auth_user_password_change", args=[alice.pk])
    assert staff.post(changing, passwords | {"password2": "another"}).status_code == 200
    assert staff.post(changing, passwords).status_code == 302
    start_family(User.objects.get(pk=alice.pk))
    act(staff, "tokenfamily", "revoke", TokenFamily.objects.live().get())
    events = AuditEvent.objects.filter(actor="staff@example.com", target="new@example.com")
    assert sorted(events.values_list("action", flat=True)) == [
        "email_changed",
        "password_changed",
        "role_changed",
        "signed_out",
    ]
    assert events.get(action="role_changed").details == {"before": {"is_staff": False}, "after": {"is_staff": True}}
    alice.refresh_from_db()
    assert (alice.email, alice.is_staff, alice.is_active) == ("new@example.com", True, True)
