"""How long deleting a user takes, by how much their account holds, and how much of that the request itself takes.

    python -m benchmarks.deletion [SIZE …]

Chunks are the synthetic ones of `benchmarks.search_growth`, a hundred an entry, each entry with a document and a file
of 10 kB; for each hundred chunks there is a conversation of ten messages. Another account of 10,000 chunks lies beside.
The request is `DELETE /me` through the whole stack but the socket. The rest is what workers do: turns of
`accounts.tasks.erase_deleted`, one after the other. The scratch database on the configured server is dropped
afterwards, and so are the files.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from uuid import uuid4

from benchmarks.retrieval import scratch_database  # sets Django up

from django.conf import settings  # isort: skip
from django.core.files.base import ContentFile
from django.db import connection
from rest_framework.test import APIClient

from accounts import erasure
from accounts.models import Account, User
from accounts.tokens import start_family
from benchmarks.search_growth import ENTRY, fill
from chat.models import Conversation, Message
from knowledge.models import ChunkEmbedding, Collection, Document, Entry
from llm_settings.models import EmbeddingModel


def person(size: int, model: EmbeddingModel) -> User:
    user = User.objects.create_user(f"{uuid4().hex}@example.com", uuid4().hex)
    account = user.personal_account
    collections = [Collection.objects.create(account=account, name=f"c{number}") for number in range(10)]
    fill(collections, size, model)
    for entry in Entry.objects.filter(account=account):
        document = Document(account=account, collection_id=entry.collection_id, entry=entry, uploaded_by=user)
        document.filename, document.file_size, document.status = "a.txt", 10_000, Document.Status.READY
        document.file.save("a.txt", ContentFile(b"x" * 10_000), save=False)
        document.save()
    conversations = Conversation.objects.bulk_create(
        Conversation(account=account, user=user, title="t") for _ in range(size // ENTRY)
    )
    Message.objects.bulk_create(
        Message(account=account, conversation=conversation, role="user", content="What is it? " * 20)
        for conversation in conversations
        for _ in range(10)
    )
    return user


def measure(size: int, model: EmbeddingModel) -> None:
    user = person(size, model)
    account = user.personal_account
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {start_family(user).access}")
    started = time.perf_counter()
    answer = client.delete("/api/v1/me")
    request = time.perf_counter() - started
    assert answer.status_code == 200, answer.content
    assert client.get("/api/v1/me").status_code == 401
    left = ChunkEmbedding.objects.filter(account=account).count()
    turns = 0
    started = time.perf_counter()
    while User.objects.filter(pk=user.pk).exists():
        erasure.erase_deleted(20.0)
        turns += 1
    rest = time.perf_counter() - started
    assert not Account.objects.filter(pk=account.pk).exists()
    rate = size / (request + rest)
    print(f"| {size:>9,} | {request:10.2f} | {left:>12,} | {rest:9.2f} | {turns:>5} | {rate:>8,.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[0, 500, 5_000, 50_000])
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="doculume-benchmark-")
    settings.MEDIA_ROOT = folder
    settings.ALLOWED_HOSTS = ["testserver"]
    try:
        with scratch_database("benchmark_deletion"):
            model = EmbeddingModel.objects.active()
            person(10_000, model)
            # Loads what the first request of a process loads.
            APIClient().get("/api/v1/me")
            print("| chunks    | request, s | chunks after | workers, s | turns | chunks/s |")
            for size in options.sizes:
                measure(size, model)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
