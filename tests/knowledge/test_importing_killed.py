"""Whoever imports is killed again and again; no row is written twice, none is lost, and the import ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from accounts.models import AccountLimits, StoredUsage
from knowledge.importing import accepting, running
from knowledge.importing.mapping import Plan
from knowledge.models import Collection, Entry, EntryImport, IngestionJob, RefusedRow
from tests.instance import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ROWS = 6_000
WORK = """
import sys, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from django.conf import settings
settings.MEDIA_ROOT = sys.argv[4]
from knowledge.importing import running
print("ready", flush=True)
running.take_turn(int(sys.argv[2]), sys.argv[3])
"""


def start(job: EntryImport) -> subprocess.Popen[str]:
    media = job.file.storage.path("")
    command = [sys.executable, "-c", WORK, str(connection.settings_dict["NAME"]), str(job.account_id), str(job.id)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    process = subprocess.Popen([*command, media], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_anywhere(account):
    AccountLimits.objects.create(account=account, entries=10_000)
    collection = Collection.objects.create(account=account, name="Products")
    text = "id,text\n" + "".join(f"{n},{'' if n % 100 == 99 else f'Text {n}.'}\n" for n in range(ROWS))
    file = SimpleUploadedFile("a.csv", text.encode())
    job = accepting.accept(account, None, collection, file, name="a.csv")
    accepting.start(job, Plan.of(job.mapping))
    moments, seen = random.Random(7), [0]
    for _ in range(12):
        process = start(job)
        time.sleep(moments.uniform(0.3, 1.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        job.refresh_from_db()
        assert job.done == Entry.objects.filter(account=account).count() + job.refused
        seen.append(job.done)
        if job.finished_at:
            break
        # The dead worker's lease runs out. Whoever dies before a first batch three times would be given up.
        EntryImport.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1), attempts=0)
    assert len(set(seen)) > 2
    assert seen == sorted(seen)
    while not job.finished_at:
        job = running.take_turn(job.account_id, job.id)
    refused = ROWS // 100
    assert (job.status, job.done, job.added, job.refused) == ("done", ROWS, ROWS - refused, refused)
    assert Entry.objects.filter(account=account).count() == ROWS - refused
    assert IngestionJob.objects.filter(account=account).count() == ROWS - refused
    assert StoredUsage.objects.get(account=account).entries == ROWS - refused
    numbers = list(RefusedRow.objects.filter(entry_import=job).values_list("number", flat=True))
    assert numbers == [n + 2 for n in range(99, ROWS, 100)]
