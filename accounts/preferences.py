"""How a user likes the pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User, UserSettings


def theme_of_page(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `theme`, one of `UserSettings.Theme`. One query, on pages that ask for it."""

    def theme() -> str:
        user = getattr(request, "user", None)
        if not isinstance(user, User):
            return str(UserSettings.Theme.SYSTEM)
        chosen = UserSettings.objects.filter(user_id=user.pk).values_list("theme", flat=True).first()
        return chosen or str(UserSettings.Theme.SYSTEM)

    return {"theme": SimpleLazyObject(theme)}
