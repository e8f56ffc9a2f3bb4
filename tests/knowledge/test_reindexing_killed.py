"""Whoever re-indexes is killed again and again; nothing is embedded twice for long, and the move ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from knowledge import reindexing
from knowledge.models import ChunkEmbedding, Reindexing
from knowledge.search import search
from knowledge.search.pointers import answering_model
from tests.instance import REPOSITORY
from tests.knowledge.library import add_entry
from tests.knowledge.test_reindexing import endpoint, other  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# Small batches, so that there are many places to die in.
WORK = """
import sys, django
django.setup()
from django.conf import settings
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
settings.EMBEDDING["base_url"] = sys.argv[2]
from knowledge import reindexing
reindexing.BATCH = 4
print("ready", flush=True)
reindexing.take_turn(sys.argv[3])
"""


def start(job, url):
    command = [sys.executable, "-c", WORK, str(connection.settings_dict["NAME"]), url, str(job.id)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_anywhere(account, other, endpoint):  # noqa: F811
    for number in range(20):
        add_entry(account, *(f"Room {number} has projector {part}." for part in range(10)))
    first, moments, kills = answering_model(account), random.Random(7), 0
    job = reindexing.start(account, other)
    for _ in range(20):
        process = start(job, endpoint.url)
        time.sleep(moments.uniform(0.02, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        job.refresh_from_db()
        if job.finished_at:
            break
        kills += 1
        assert answering_model(account) == first
        assert search(account, "Which room has projector 7?").hits
        # The dead worker's lease runs out.
        Reindexing.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert kills >= 2
    while not job.finished_at:
        job = reindexing.take_turn(job.id)
    assert job.status == Reindexing.Status.DONE
    assert answering_model(account) == other
    assert ChunkEmbedding.objects.filter(account=account, model=other).count() == 200
    # What was on its way at a kill is asked for again, and the scale of the model; nothing else.
    # Of a request that broke off with its sender there is no body.
    asked = sum(len(exchange.body.get("input", ())) for exchange in endpoint.requests)
    assert asked < 200 + 4 * (kills + 1) + 50 * (kills + 1)
