"""The web process."""

from __future__ import annotations

import os
from io import BytesIO

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")

django_application = get_asgi_application()

# What this imports needs Django's applications loaded.
from accounts import rate_limits  # noqa: E402
from doculume.bodies import BodyLimit, Scope  # noqa: E402


def largest_body(path: str) -> int:
    """Bytes. A form has more in it than its file."""
    if path.rstrip("/") in settings.UPLOAD_PATHS:
        return settings.UPLOAD_MAX_BYTES + 1024 * 1024
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE if path.startswith(settings.ENTRIES_PATH) else settings.BODY_MAX_BYTES


async def headers_of_refused(scope: Scope) -> dict[str, str]:
    """A request that is refused before Django sees it counts for its address."""
    if not scope["path"].startswith("/api/"):
        return {}
    request = ASGIRequest(scope, BytesIO())
    return (await rate_limits.count_async(request, rate_limits.of_address(request))).headers()


application = BodyLimit(django_application, largest_body, headers_of_refused)
