"""Whoever deletes is killed again and again, anywhere; what was promised holds at each moment, and all of it ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from accounts.models import Account, ApiToken, Membership, TokenFamily, User
from accounts.tokens import start_family
from knowledge import uploads
from knowledge.models import Chunk, Document
from tests.accounts.test_deletion import converse, files_of, rows_of
from tests.instance import REPOSITORY
from tests.knowledge.library import add_entry

# One row a step, so that there are hundreds of places to die in.
DELETE = """
import sys, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from accounts import deletion, erasure
from accounts.models import User
from knowledge import erasing
erasure.ROWS = erasing.FILES = erasing.ENTRIES = 1
user = User.objects.filter(pk=sys.argv[2]).first()
print("ready", flush=True)
if user and user.deleted_at is None:
    deletion.delete_user(user)
while not erasure.erase_deleted(60): pass
print("done", flush=True)
"""
TRIES = 60

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def start(user_id: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DELETE, str(connection.settings_dict["NAME"]), str(user_id)]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_anywhere(alice, account, charlie):
    for name in files_of(account):  # of an account of another test, that had this id
        default_storage.delete(f"documents/{account.pk}/{name}")
    for number in range(20):
        file = SimpleUploadedFile(f"{number}.txt", b"Open at nine.")
        uploads.accept(account, alice, file, name=f"{number}.txt")
        converse(account, alice)
    for number in range(5):
        add_entry(account, *(f"Sentence {number} {part}." for part in range(10)))
    converse(charlie.personal_account, charlie)
    others = rows_of(charlie.personal_account.pk)
    start_family(alice)
    everything, moments = rows_of(account.pk), random.Random(7)
    kills = 0
    for _ in range(TRIES):
        process = start(alice.pk)
        time.sleep(moments.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        user = User.objects.filter(pk=alice.pk).first()
        if user is None:
            break
        if user.deleted_at is None:
            # All of it or nothing.
            assert rows_of(account.pk) == everything
            assert TokenFamily.objects.filter(user=alice).count() == 1
            continue
        assert not user.is_active
        assert not TokenFamily.objects.filter(user=alice).exists()
        assert not ApiToken.objects.filter(user=alice).exists()
        assert not Membership.objects.filter(user=alice).exists()
        # No file without a row that knows of it.
        known = set(Document.objects.filter(account=account).values_list("file", flat=True))
        assert {f"documents/{account.pk}/{name}" for name in files_of(account)} <= known
    last = start(alice.pk)
    assert last.wait(120) == 0
    assert kills >= 5
    assert not any(rows_of(account.pk).values())
    assert files_of(account) == []
    assert not Account.objects.filter(pk=account.pk).exists()
    assert not User.objects.filter(pk=alice.pk).exists()
    assert rows_of(charlie.personal_account.pk) == others
    assert not Chunk.objects.exists()
