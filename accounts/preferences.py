"""How a user likes the pages: their theme and their language.

A page in another language than the user's would be wrong for everybody who shares a cache, so every page says that it
varies. The API speaks English alone: programs read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_supported_language_variant

from accounts.models import User, UserSettings


@dataclass(frozen=True, slots=True)
class Preferences:
    """`language` is one that the pages have; empty: what the browser asks for."""

    theme: str = UserSettings.Theme.SYSTEM
    language: str = ""


def preferences_of(request: HttpRequest) -> Preferences:
    """One query a request, whoever asks."""
    kept: Preferences | None = getattr(request, "page_preferences", None)
    if kept is None:
        kept = _read(getattr(request, "user", None))
        request.page_preferences = kept  # type: ignore[attr-defined]
    return kept


def speak_to(request: HttpRequest) -> None:
    """From here on the page is in the language of who is signed in, if they chose one that there is."""
    if language := preferences_of(request).language:
        translation.activate(language)


def theme_of_page(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `theme`, one of `UserSettings.Theme`. Costs nothing on pages that do not ask for it."""
    return {"theme": SimpleLazyObject(lambda: str(preferences_of(request).theme))}


def _read(user: Any) -> Preferences:
    if not isinstance(user, User):
        return Preferences()
    row = UserSettings.objects.filter(user_id=user.pk).values_list("theme", "language").first()
    return Preferences(row[0], _spoken(row[1])) if row else Preferences()


def language_of(email: str) -> str:
    """The one that whoever has the address chose, if pages have it; else empty."""
    chosen = UserSettings.objects.filter(user__email=email.lower()).values_list("language", flat=True).first()
    return _spoken(chosen) if chosen else ""


def _spoken(tag: str) -> str:
    try:
        return get_supported_language_variant(tag)
    except LookupError:
        return settings.LANGUAGE_CODE
