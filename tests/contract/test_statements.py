"""Every statement of a request and of a task that touches a table of the tenants binds the account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from knowledge import tasks
from knowledge.models import IngestionJob

TENANT_TABLE = re.compile(r'\b(?:FROM|JOIN|UPDATE|INTO)\s+"?((?:knowledge|chat)_\w+)"?', re.IGNORECASE)
# The queue is claimed across accounts; a cascade that finds nothing left is Django's own business.
ACROSS = {"knowledge_ingestionjob"}


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def unbound(seen: list[str]) -> list[str]:
    touching = [sql for sql in seen if set(TENANT_TABLE.findall(sql)) - ACROSS]
    return [sql for sql in touching if "account_id" not in sql]


@pytest.mark.django_db(transaction=True)
def test_the_way_from_an_upload_to_an_answer_binds_the_account(as_alice):
    with statements() as seen:
        file = SimpleUploadedFile("note.md", b"# Hours\n\nThe office in Hamburg opens at nine.")
        document = as_alice.post("/api/v1/documents/upload", {"file": file}, format="multipart").json()
        tasks.ingest_entry(str(IngestionJob.objects.get(entry_id=document["entry_id"]).id))
        as_alice.get("/api/v1/documents/")
        answer = as_alice.post("/api/v1/chat/ask", {"question": "When does the office in Hamburg open?"}).json()
        assert "nine" in answer["answer"]
        as_alice.get("/api/v1/chat/conversations")
        as_alice.get(f"/api/v1/chat/conversations/{answer['conversation_id']}")
    assert len(seen) > 30
    assert unbound(seen) == []
