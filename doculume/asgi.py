"""The web process."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")

django_application = get_asgi_application()

# What this imports needs Django's applications loaded.
from doculume.bodies import BodyLimit  # noqa: E402

# A form has more in it than its file.
application = BodyLimit(django_application, settings.UPLOAD_MAX_BYTES + 1024 * 1024)
