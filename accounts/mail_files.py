"""Mail as files, for a machine without a mail server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail.backends.filebased import EmailBackend


class PrivateFiles(EmailBackend):
    """Django's, in a folder that only its owner opens: links in mails let their reader in."""

    def __init__(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        super().__init__(*args, **options)
