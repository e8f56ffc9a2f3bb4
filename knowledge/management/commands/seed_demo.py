"""`manage.py seed_demo`: an account with documents to ask, for whoever has just installed the platform."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction

from accounts.models import Plan, User
from accounts.plans import put_on
from doculume.embedded.secrets import secret
from doculume.management.describing import DescribedCommand
from knowledge import uploads
from knowledge.models import Document

EMAIL = "demo@doculume.local"
# So that a demonstration is not cut short by what the smallest plan allows.
PLAN = "business"
DEMO = Path(__file__).resolve().parents[2] / "demo"
NOT_UPLOADED = {"README.md", "questions.json"}
WAIT_SECONDS = 120
PASSWORD_CHARACTERS = 16


class Command(DescribedCommand):
    help = "Makes the demo account with its documents, unless it exists, and prints its sign-in."
    examples = (
        "seed_demo",
        "seed_demo --wait",
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--wait", action="store_true", help=f"until its documents are ready, {WAIT_SECONDS} s at most"
        )

    def handle(self, *args: Any, wait: bool = False, **options: Any) -> None:
        password = demo_password()
        user = User.objects.filter(email=EMAIL).first() or make_demo(password)
        if wait:
            self._wait(user)
        shown = password if user.check_password(password) else "(its password was changed)"
        self.stdout.write(f"Demo sign-in: {EMAIL} / {shown}")

    def _wait(self, user: User) -> None:
        unfinished = Document.objects.for_account(user.own_account).filter(status__in=["pending", "processing"])
        deadline = time.monotonic() + WAIT_SECONDS
        while left := unfinished.count():
            if time.monotonic() > deadline:
                raise CommandError(f"{left} demo documents are not ready after {WAIT_SECONDS} s. Is a worker running?")
            time.sleep(0.2)


def demo_password() -> str:
    """Of this installation alone: whoever can reach the port must not know it from the source."""
    return secret(settings.VAR, "demo_password")[:PASSWORD_CHARACTERS]


def make_demo(password: str) -> User:
    """The user and their documents, all or nothing; so that whoever exists has had the documents, and what they
    deleted since does not come back. Safe to run twice at once.
    """
    try:
        with transaction.atomic():
            user = User.objects.create_user(EMAIL, password, full_name="Demo")
            if plan := Plan.objects.filter(name=PLAN).first():
                put_on(user.own_account, plan, actor_name="manage.py seed_demo")
            questions = json.loads((DEMO / "questions.json").read_text(encoding="utf-8"))
            for path in sorted(DEMO.iterdir(), reverse=True):
                if path.name not in NOT_UPLOADED:
                    file = SimpleUploadedFile(path.name, path.read_bytes())
                    meta = {"questions": questions.get(path.name, [])}
                    uploads.accept(user.own_account, user, file, name=path.name, meta=meta)
    except IntegrityError:
        return User.objects.get(email=EMAIL)
    return user
