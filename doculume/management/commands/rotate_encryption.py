"""Encrypt all stored secrets anew, under the first key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from doculume import rotation
from doculume.management.describing import DescribedCommand


class Command(DescribedCommand):
    help = "Encrypts all stored secrets anew under ENCRYPTION_KEY. After it, ENCRYPTION_KEYS_OLD may be emptied."
    examples = ("rotate_encryption",)
    exit_codes = {
        0: "all secrets are under the first key",
        1: "some secrets are under keys that are not configured; they stay as they are",
    }

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = 0
        for found in rotation.rotate():
            self.stdout.write(f"{found.column}: {found.rows} encrypted anew, {found.unreadable} unreadable")
            unreadable += found.unreadable
        if unreadable:
            raise CommandError(f"{unreadable} secrets were encrypted with keys that are not configured; they stay.")
