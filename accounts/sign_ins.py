"""Ending what a user is signed in by: token families and page sessions alike."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from allauth.usersessions.models import UserSession
from django.conf import settings

from accounts.models import TokenFamily, User


def end_sign_ins(user: User, because: str) -> int:
    """Every sign-in of the user ends at once; how many there were. Personal API tokens are no sign-ins."""
    families = TokenFamily.objects.filter(user=user).revoke(because)
    sessions = UserSession.objects.filter(user=user)
    end_sessions(sessions.values_list("session_key", flat=True))
    return families + sessions.delete()[0]


def end_sessions(keys: Iterable[str]) -> None:
    """Wherever sessions are kept."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for key in keys:
        store(key).delete()
