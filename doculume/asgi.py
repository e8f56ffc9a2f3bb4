"""The web process."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from doculume.bodies import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")

# A form has more in it than its file.
application = BodyLimit(get_asgi_application(), settings.UPLOAD_MAX_BYTES + 1024 * 1024)
