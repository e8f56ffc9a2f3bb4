"""What staff can do with documents, entries, chunks and jobs, and what it costs."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from chat.models import Citation, Conversation, Message
from knowledge import tasks, uploads
from knowledge.models import Chunk, ChunkEmbedding, Collection, Document, Entry, IngestionJob
from llm_settings.models import EmbeddingModel

pytestmark = pytest.mark.django_db

MODELS = (Collection, Document, Entry, Chunk, IngestionJob, Conversation, Message, EmbeddingModel)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    """The tests do a worker's work themselves."""
    monkeypatch.setattr(tasks.ingest_entry, "apply_async", lambda *args, **kwargs: None)


@pytest.fixture
def staff(db) -> Client:
    browser = Client()
    browser.force_login(User.objects.create_superuser("staff@example.com", "correct horse battery staple"))
    return browser


@pytest.fixture
def document(account, alice):
    return uploaded(account, alice, "hours.txt")


def uploaded(account, user, name, text="The office in Hamburg opens at nine."):
    return uploads.accept(account, user, ContentFile(text.encode(), name=name), name=name)


def ingested(document):
    tasks.ingest_entry(str(IngestionJob.objects.get(entry_id=document.entry_id).id))
    document.refresh_from_db()
    assert document.status == "ready"
    return document


def answered(account, user, document):
    conversation = Conversation.objects.create(account=account, user=user, title="When do we open?")
    said = {"account": account, "conversation": conversation}
    Message.objects.create(**said, role="user", content="When do we open?")
    message = Message.objects.create(**said, role="assistant", content="At nine [1].")
    quoted = {"snippet": "opens at nine", "start": 22, "end": 35, "file_name": "hours.txt", "page_number": 3}
    ids = {"entry_id": document.entry_id, "document_id": document.id, "chunk_id": document.id}
    Citation.objects.create(account=account, message=message, index=1, **quoted, **ids)
    return conversation


def address(model, page="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_list_and_every_row_opens_and_can_be_searched(staff, document, account, alice):
    answered(account, alice, ingested(document))
    for model in MODELS:
        assert staff.get(address(model)).status_code == 200
        assert staff.get(address(model), {"q": "nine"}).status_code == 200
        assert staff.get(address(model), {"q": "01900000-0000-7000-8000-000000000000"}).status_code == 200
        row = model.objects.first()
        assert row is not None
        assert staff.get(address(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_a_longer_list_costs_no_more_queries(staff, account, alice, model):
    def count():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert staff.get(address(model)).status_code == 200
        return len(queries)

    for number in range(2):
        answered(account, alice, ingested(uploaded(account, alice, f"{number}.txt")))
    count()  # a session's first page writes down where it is used
    few = count()
    for number in range(2, 6):
        answered(account, alice, ingested(uploaded(account, alice, f"{number}.txt", f"Text {number} is here.")))
    assert count() == few


def test_lists_do_not_read_texts_or_vectors(staff, account, alice, document):
    ingested(document)
    for model in (Document, Entry, Chunk, IngestionJob):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            staff.get(address(model))
        for query in queries:
            assert '"knowledge_entry"."text"' not in query["sql"]
            assert '"knowledge_entry"."raw_text"' not in query["sql"]
    shown = staff.get(address(Chunk, "change", Chunk.objects.get().pk)).content.decode()
    assert "vector" not in shown
    assert ChunkEmbedding not in admin.site._registry


def act(staff, name, *rows):
    data = {"action": name, "_selected_action": [str(row.pk) for row in rows]}
    return staff.post(address(type(rows[0])), data, follow=True)


def test_failed_documents_are_tried_again(staff, account, alice):
    failed, fine = uploaded(account, alice, "a.txt"), ingested(uploaded(account, alice, "b.txt"))
    Document.objects.filter(id=failed.id).update(status="failed", error_code="timeout", error_message="Too long.")
    IngestionJob.objects.filter(entry_id=failed.entry_id).update(status="failed", attempts=3)
    answer = act(staff, "try_again", failed, fine)
    assert [str(message) for message in answer.context["messages"]] == [
        "b.txt: Only a document that has failed can be tried again.",
        "1 will be tried again.",
    ]
    failed.refresh_from_db()
    assert failed.status == "pending"
    assert ingested(failed)


def test_deleting_takes_text_vectors_and_file_along(staff, account, alice):
    kept, one, more = (ingested(uploaded(account, alice, f"{n}.txt", f"Number {n} opens.")) for n in range(3))
    storage, names = one.file.storage, [one.file.name, more.file.name]
    assert staff.post(address(Document, "delete", one.id), {"post": "yes"}).status_code == 302
    staff.post(address(Document), {"action": "delete_selected", "_selected_action": [str(more.id)], "post": "yes"})
    assert list(Document.objects.all()) == [kept]
    for model in (Entry, Chunk, ChunkEmbedding):
        assert model.objects.count() == model.objects.filter(account=account, **of_entry(model, kept)).count() > 0
    assert not any(storage.exists(name) for name in names)
    assert storage.exists(kept.file.name)


def of_entry(model, document):
    return {"id": document.entry_id} if model is Entry else {"entry_id": document.entry_id}


def test_conversations_are_read_with_their_citations_and_go_as_a_whole(staff, account, alice, document):
    conversation = answered(account, alice, document)
    shown = staff.get(address(Conversation, "change", conversation.id)).content.decode()
    assert "At nine [1]." in shown
    assert "opens at nine" in shown
    assert ", page 3" in shown
    assert 'name="messages-0-content"' not in shown
    assert staff.post(address(Conversation, "delete", conversation.id), {"post": "yes"}).status_code == 302
    assert not Message.objects.exists()
    assert not Citation.objects.exists()


def test_what_the_machine_keeps_cannot_be_edited(staff, account, alice, document):
    answered(account, alice, ingested(document))
    for model in (Document, Entry, Chunk, IngestionJob, Conversation, Message, EmbeddingModel):
        row = model.objects.first()
        if model is not EmbeddingModel:  # one may be brought in, and is asked first
            assert staff.get(address(model, "add")).status_code == 403
        assert staff.post(address(model, "change", row.pk), {"account": "1"}).status_code == 403
    for model in (Entry, Chunk, IngestionJob, Message, EmbeddingModel):
        assert staff.post(address(model, "delete", model.objects.first().pk), {"post": "yes"}).status_code == 403


def test_a_collection_never_moves_and_goes_only_when_empty(staff, account, bob, document):
    collection = document.collection
    staff.post(address(Collection, "change", collection.id), {"name": "Papers", "account": bob.own_account.id})
    collection.refresh_from_db()
    assert (collection.name, collection.account) == ("Papers", account)
    assert staff.post(address(Collection, "delete", collection.id), {"post": "yes"}).status_code == 403


def test_actions_need_their_permission(account, alice):
    reader = User.objects.create_user("reader@example.com", "correct horse battery staple", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_document"))
    browser = Client()
    browser.force_login(reader)
    failed = uploaded(account, alice, "a.txt")
    Document.objects.filter(id=failed.id).update(status="failed")
    for name in ("try_again", "delete_selected"):
        act(browser, name, failed)
    failed.refresh_from_db()
    assert failed.status == "failed"


def test_others_do_not_get_in(alice, document):
    browser = Client()
    browser.force_login(alice)
    for model in MODELS:
        assert browser.get(address(model)).status_code == 302
