"""Staff of three kinds, and something in every table that the admin shows."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.models import OutgoingMail, SiteSettings, User
from accounts.tokens import start_family
from doculume.crypto import encrypt
from knowledge import tasks
from knowledge.models import Reindexing
from tests.accounts.test_deletion import fill
from tests.cast import PASSWORD

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    monkeypatch.setattr(tasks.ingest_entry, "apply_async", lambda *args, **kwargs: None)


@pytest.fixture
def filled(account, alice):
    """A row at least in every table that the admin shows."""
    fill(account, alice)
    start_family(alice)
    Group.objects.create(name="Support")
    SiteSettings.objects.current()
    EmailAddress.objects.get_or_create(user=alice, email=alice.email, defaults={"primary": True})
    SocialAccount.objects.create(user=alice, provider="oidc", uid="alice")
    Authenticator.objects.create(user=alice, type="totp", data={"secret": encrypt("JBSWY3DPEHPK3PXP")})
    UserSession.objects.create(user=alice, ip="192.0.2.1", session_key="a" * 32, last_seen_at=timezone.now())
    OutgoingMail.objects.create(to="a@example.com", subject="Hello", content=encrypt("{}"), failed_at=timezone.now())
    audit.record(audit.Action.SIGNED_IN, actor=alice, account=account)
    lacking = [model._meta.label for model in REGISTERED if not model._base_manager.exists()]
    assert lacking == [], "whoever registers a model makes a row of it here"
    assert Reindexing.objects.exists()


def staff_member(name: str, **fields) -> User:
    return User.objects.create_user(f"{name}@example.com", PASSWORD, is_staff=True, **fields)


def browser_of(user: User, **options) -> Client:
    browser = Client(**options)
    browser.force_login(user)
    return browser


@pytest.fixture
def root(db) -> Client:
    return browser_of(staff_member("root", is_superuser=True))


@pytest.fixture
def onlooker(db) -> User:
    """May see everything and change nothing."""
    user = staff_member("onlooker")
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


@pytest.fixture
def newcomer(db) -> User:
    """Staff, without any permission yet."""
    return staff_member("newcomer")
