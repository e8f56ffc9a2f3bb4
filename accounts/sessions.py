"""Sessions of pages: beginning one, being asked again who one is, and what the user sees of them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from allauth.account.internal.flows.login import perform_password_login, record_authentication
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.account.models import Login
from allauth.account.stages import LoginStage
from allauth.mfa.stages import AuthenticateStage
from allauth.usersessions.models import UserSession
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import UNKNOWN, client_address
from accounts.models import User

BACKEND = "django.contrib.auth.backends.ModelBackend"
SEEN_EVERY = timedelta(minutes=5)

BROWSERS = (
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\bOPR/|\bOpera\b"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\bFirefox/|\bFxiOS/"),
    ("Chrome", r"Chrom(?:e|ium)/|\bCriOS/"),
    ("Safari", r"\bSafari/"),
)
SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("macOS", r"\bMac OS X\b|\bMacintosh\b"),
    ("Linux", r"\bLinux\b"),
)


def begin(request: HttpRequest, user: User, to: str) -> HttpResponse:
    """Sign in `user`, who gave their password, and go `to` an address of this site; by way of the second factor if
    they have one.
    """
    user.backend = BACKEND
    state = {"password": user.get_session_auth_hash()}
    login = Login(user=user, email=user.email, redirect_url=to, state=state)
    return perform_password_login(request, {"email": user.email}, login)


def may_go_on(stage: LoginStage) -> bool:
    """Whether a sign-in that waits for its second factor is still good: the password may have been changed since."""
    user = stage.login.user
    began_with = stage.login.state.get("password")
    return user.is_active and began_with in (None, user.get_session_auth_hash())


def waiting_stage(request: HttpRequest) -> LoginStage | None:
    """The sign-in of this browser that waits for its second factor, if it has not expired."""
    from allauth.account.stages import LoginStageController

    stage = LoginStageController.enter(request, AuthenticateStage.key)
    if stage is None or stage.login.user is None or not may_go_on(stage):
        return None
    stage.login.user.backend = BACKEND
    return stage


def must_show_again(request: HttpRequest) -> bool:
    """Whether a sensitive change wants the password once more."""
    return is_reauthentication_required(request, app="accounts")


def shown_again(request: HttpRequest) -> None:
    record_authentication(request, request.user, method="password", reauthenticated=True)


def keep_only_this(request: HttpRequest, user: User) -> None:
    """After a new password: sessions die by Django's own hash of it, this one lives, under a new key."""
    mine = UserSession.objects.filter(session_key=request.session.session_key)
    update_session_auth_hash(request, user)
    mine.update(session_key=request.session.session_key)
    shown_again(request)


def track(sender: Any, request: HttpRequest | None, user: User, **signal: Any) -> None:
    """After Django's sign-in, whoever called for it: the session is listed where the user can end it."""
    if getattr(request, "user", None) is not None and hasattr(request, "session"):
        UserSession.objects.purge_and_list(user)
        UserSession.objects.create_from_request(request)


def forget(request: HttpRequest) -> None:
    """The session is about to end: it is no longer listed."""
    UserSession.objects.filter(session_key=request.session.session_key).delete()


def note_activity(request: HttpRequest) -> None:
    """Remember that the session was used, and from where; written at most every five minutes.

    Asks the database, not the cache: pages go on while Redis is away.
    """
    now, here = timezone.now(), UserSession.objects.filter(session_key=request.session.session_key)
    seen = here.values_list("last_seen_at", flat=True).first()
    if seen is None:
        UserSession.objects.create_from_request(request)
    elif seen < now - SEEN_EVERY:
        address = client_address(request)
        here.update(last_seen_at=now, **({} if address == UNKNOWN else {"ip": address}))


def in_words(user_agent: str) -> str:
    """`Firefox on Windows` in the language of the page, as far as a browser says what it is."""
    browser = next((name for name, pattern in BROWSERS if re.search(pattern, user_agent)), "")
    system = next((name for name, pattern in SYSTEMS if re.search(pattern, user_agent)), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or user_agent[:60]
