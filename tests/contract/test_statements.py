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
from knowledge.models import Collection, Document, EntryImport, IngestionJob
from tests.knowledge.library import add_entry

TENANT_TABLE = re.compile(
    r'\b(?:FROM|JOIN|UPDATE|INTO)\s+"?((?:knowledge_|chat_|integrations_|llm_settings_(?:llm|user))\w+)"?',
    re.IGNORECASE,
)
BOUND = re.compile(r'account_id"?\s*(?:=|IN\b)')
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
    return [sql for sql in touching if not (BOUND.search(sql) or ("INSERT INTO" in sql and "account_id" in sql))]


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


@pytest.mark.django_db(transaction=True)
def test_integrations_bind_the_account(as_alice, account):
    collections = [str(add_entry(account, text).collection_id) for text in ("Coffee from Brazil.", "Tea from Assam.")]
    with statements() as seen:
        sent = {"type": "custom", "name": "Own", "collection_ids": collections}
        made = as_alice.post("/api/v1/integrations", sent).json()["data"]
        path = f"/api/v1/integrations/{made['id']}"
        as_alice.get("/api/v1/integrations?type=custom&project=x")
        as_alice.patch(path, {"name": "Renamed", "collection_ids": collections})
        found = as_alice.get(f"{path}/search?query=coffee&threshold=0&meta[a][not]=1&explain=1").json()
        assert found["meta"]["total"] == 2
        as_alice.get(f"{path}/search?query=coffee&sort[0][field]=a&sort[0][direction]=asc")
        as_alice.get(f"{path}/search?query=coffee&boost[0][field]=a&boost[0][type]=recency")
        assert as_alice.post(f"{path}/events", {"event_type": "click"}).status_code == 200
        assert as_alice.delete(path).status_code == 204
    assert len(seen) > 30
    assert unbound(seen) == []


@pytest.mark.django_db(transaction=True)
def test_whatever_is_done_with_collections_and_entries_binds_the_account(as_alice):
    source = {"source_type": "web", "source_id": "a"}
    with statements() as seen:
        path = f"/api/v1/collections/{as_alice.post('/api/v1/collections', {'name': 'A'}).json()['data']['id']}"
        entry = as_alice.post(f"{path}/entries", {"raw_text": "Open at nine."}).json()["data"]
        for text in ("Open at ten.", "Open at one.", "Open at one."):
            as_alice.put(f"{path}/entries/upsert", {"raw_text": text, **source})
            as_alice.post(f"{path}/entries/batch", {"entries": [{"raw_text": text, **source, "source_id": "b"}]})
            for job in IngestionJob.objects.filter(status="waiting"):
                tasks.ingest_entry(str(job.id))
        as_alice.get(f"{path}/entries?source_type=web&per_page=1")
        as_alice.patch(f"{path}/entries/{entry['id']}", {"title": "Hours", "meta": {"a": 1}})
        as_alice.get(f"{path}/entries/{entry['id']}")
        as_alice.delete(f"{path}/entries/{entry['id']}")
        as_alice.delete(f"{path}/entries/by-source/web/a")
        as_alice.patch(path, {"name": "B"})
        assert as_alice.delete(path).status_code == 204
    assert len(seen) > 100
    assert unbound(seen) == []


@pytest.mark.django_db(transaction=True)
def test_importing_records_binds_the_account(client, alice, account):
    client.force_login(alice)
    shelf = Collection.objects.create(account=account, name="A")
    where = f"/collections/{shelf.id}/imports"
    with statements() as seen:
        for text in ("Open at nine.", "Open at nine.", "Open at ten."):
            client.post(where, {"file": SimpleUploadedFile("a.csv", f"id,text\n1,{text}\n2,\n".encode())})
            draft = EntryImport.objects.filter(account=account).latest("created_at")
            client.post(f"{where}/{draft.id}", {"do": "preview"})
            client.post(f"{where}/{draft.id}", {"do": "start"})
            tasks.import_rows(account.id, str(draft.id))
            assert b"The text is empty" in client.get(f"{where}/{draft.id}").content
            assert client.get(f"{where}/{draft.id}/refused").status_code == 200
        client.get(where)
        client.post(f"{where}/{draft.id}/cancel")
        client.post(f"/collections/{shelf.id}/delete")
    assert len(seen) > 60
    assert unbound(seen) == []


@pytest.mark.django_db(transaction=True)
def test_conversations_of_every_kind_bind_the_account(as_alice, alice):
    with statements() as seen:
        chat = as_alice.post("/api/v1/chats", {"title": "A", "model": "gpt-4"}).json()["id"]
        as_alice.get("/api/v1/chats")
        said = as_alice.post(f"/api/v1/chats/{chat}/messages", {"content": "When?"}).json()["message"]["id"]
        as_alice.get(f"/api/v1/chats/{chat}/messages")
        as_alice.post("/api/v1/chat/conversations", {"user_id": str(alice.uuid), "title": "B"})
        as_alice.post("/api/v1/chat/messages", {"conversation_id": chat, "role": "user", "content": "A"})
        as_alice.get(f"/api/v1/chat/conversations/{chat}/messages")
        named = {"message_id": said, "file_type": "text/plain", "file_path": "a.txt"}
        assert as_alice.post("/api/v1/chat/attachments", named).status_code == 201
        form = {"message_id": said, "file": SimpleUploadedFile("b.txt", b"B")}
        assert as_alice.post("/api/v1/chat/attachments", form, format="multipart").status_code == 201
        assert len(as_alice.get(f"/api/v1/chat/messages/{said}/attachments").json()) == 2
        for kind in ("json", "pdf"):
            assert as_alice.get(f"/api/v1/chat/conversations/{chat}/export?format={kind}").status_code == 200
        assert as_alice.delete(f"/api/v1/chats/{chat}").status_code == 200
    assert len(seen) > 50
    assert unbound(seen) == []


@pytest.mark.django_db(transaction=True)
def test_the_pages_of_documents_bind_the_account(client, alice, account):
    client.force_login(alice)
    shelf = Collection.objects.create(account=account, name="Shelf")
    with statements() as seen:
        client.post("/documents/upload", {"files": SimpleUploadedFile("note.md", b"# Hours\n\nOpen at nine.")})
        document = Document.objects.get(account=account)
        IngestionJob.objects.filter(account=account).update(status="failed", last_error="timeout")
        Document.objects.filter(account=account).update(status="failed", error_code="timeout")
        for path in ("/", "/documents", "/documents?state=failed&q=note", f"/documents/moving?id={document.id}"):
            assert client.get(path).status_code == 200
        several = {"id": str(document.id)}
        client.post("/documents/several", several | {"do": "retry"})
        tasks.ingest_entry(str(IngestionJob.objects.get(account=account).id))
        client.post("/documents/several", several | {"do": "move", "to": str(shelf.id)})
        assert client.get(f"/documents/{document.id}?view=chunks").status_code == 200
        assert client.get(f"/collections/{shelf.id}?state=failed").status_code == 200
        client.post(f"/collections/{shelf.id}/retry")
        client.post("/documents/several", several | {"do": "delete"})
        assert not Document.objects.filter(account=account).exists()
    assert len(seen) > 50
    assert unbound(seen) == []
