"""The web process."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")

django_application = get_asgi_application()

# What this imports needs Django's applications loaded.
from doculume.bodies import BodyLimit  # noqa: E402


def largest_body(path: str) -> int:
    """Bytes. A form has more in it than its file."""
    takes_files = path.rstrip("/") in settings.UPLOAD_PATHS
    return (settings.UPLOAD_MAX_BYTES if takes_files else settings.DATA_UPLOAD_MAX_MEMORY_SIZE) + 1024 * 1024


application = BodyLimit(django_application, largest_body)
