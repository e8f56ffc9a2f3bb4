"""What documents and chat answer to good and bad requests, in the structured dialect."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from chat.models import Conversation
from knowledge.models import Document, IngestionJob
from tests.contract.bad_input import BODIES, send, structured

pytestmark = pytest.mark.django_db

UNKNOWN = uuid.UUID("b81d17eb-99c7-408a-8081-09319dff64e2")
DOCUMENT_FIELDS = {
    "id",
    "filename",
    "original_filename",
    "file_size",
    "file_type",
    "status",
    "page_count",
    "chunk_count",
    "error_message",
    "error_code",
    "progress",
    "collection_id",
    "entry_id",
    "meta",
    "created_at",
    "processed_at",
}
EVERY_ENDPOINT = [
    ("get", "/api/v1/documents/"),
    ("post", "/api/v1/documents/upload"),
    ("get", f"/api/v1/documents/{UNKNOWN}"),
    ("delete", f"/api/v1/documents/{UNKNOWN}"),
    ("post", f"/api/v1/documents/{UNKNOWN}/retry"),
    ("post", "/api/v1/chat/ask"),
    ("get", "/api/v1/chat/conversations"),
    ("get", f"/api/v1/chat/conversations/{UNKNOWN}"),
    ("delete", f"/api/v1/chat/conversations/{UNKNOWN}"),
]


def upload(client, name="note.txt", content=b"The office opens at nine.", **form):
    return client.post(
        "/api/v1/documents/upload", {"file": SimpleUploadedFile(name, content), **form}, format="multipart"
    )


def test_an_upload_answers_with_the_whole_document(as_alice):
    response = upload(as_alice, meta='{"team": "sales"}')
    assert response.status_code == 201
    body = response.json()
    assert set(body) == DOCUMENT_FIELDS
    assert body["status"] == "pending"
    assert (body["filename"], body["file_type"], body["file_size"]) == ("note.txt", "text", 25)
    assert body["meta"] == {"team": "sales"}
    assert body["error_code"] is None
    assert body["created_at"].endswith("Z")
    assert as_alice.get(f"/api/v1/documents/{body['id']}").json() == body
    assert IngestionJob.objects.filter(entry_id=body["entry_id"], status="waiting").count() == 1


@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT)
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_endpoint_asks_who_is_there(anonymous, method, path, slash):
    response = getattr(anonymous, method)(path.rstrip("/") + slash)
    assert structured(response, 401)["error"]["code"] == "unauthenticated"
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("kind", BODIES)
def test_ask_refuses_a_bad_body(as_alice, kind):
    body = structured(send(as_alice, "POST", "/api/v1/chat/ask", BODIES[kind]), 400)
    assert body["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""])
def test_ask_refuses_other_content_types(as_alice, content_type):
    response = send(as_alice, "POST", "/api/v1/chat/ask", b"question=1", content_type)
    assert structured(response, 415)["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("question", ""),
        ("question", "   "),
        ("question", None),
        ("question", "x" * 8001),
        ("question", ["a"]),
        ("conversation_id", "nonsense"),
        ("conversation_id", 1),
        ("conversation_id", {"a": 1}),
        ("use_rag", "maybe"),
        ("top_k", 0),
        ("top_k", 51),
        ("top_k", "many"),
        ("stream", 7),
        ("document_ids", ["nonsense"]),
        ("document_ids", "x"),
        ("collection_ids", {"a": "b"}),
        ("temperature", 9),
        ("temperature", "nan"),
        ("max_tokens", 0),
    ],
)
def test_ask_names_the_field_at_fault(as_alice, field, value):
    response = as_alice.post("/api/v1/chat/ask", {"question": "When does it open?", field: value})
    body = structured(response, 400)
    assert any(name.startswith(field) for name in body["error"]["details"]), body


@pytest.mark.parametrize("field", ["document_ids", "collection_ids"])
def test_ids_of_nobody_are_not_found(as_alice, field):
    response = as_alice.post("/api/v1/chat/ask", {"question": "When?", field: [str(UNKNOWN)]})
    structured(response, 404)


@pytest.mark.parametrize("written", [f"{UNKNOWN}", f"chat_{UNKNOWN.hex}", f"conv_{UNKNOWN.hex}"])
def test_unknown_conversations_are_not_found_however_written(as_alice, written):
    structured(as_alice.get(f"/api/v1/chat/conversations/{written}"), 404)
    structured(as_alice.post("/api/v1/chat/ask", {"question": "When?", "conversation_id": written}), 404)


@pytest.mark.parametrize("path", ["documents/1", "documents/not-a-uuid", "chat/conversations/1", "documents/%00"])
def test_ids_that_are_no_uuids_are_not_found(as_alice, path):
    structured(as_alice.get(f"/api/v1/{path}"), 404)


@pytest.mark.parametrize("path", ["documents/", "chat/conversations"])
@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page_size=101", "page_size=0", "page=%00", "page=²"])
def test_bad_pages_are_refused(as_alice, path, query):
    body = structured(as_alice.get(f"/api/v1/{path}?{query}"), 400)
    assert query.partition("=")[0] in body["error"]["details"]


@pytest.mark.parametrize("path", ["documents/", "chat/conversations"])
def test_a_page_past_the_end_is_empty(as_alice, path):
    for page in (999, 10**15):
        body = as_alice.get(f"/api/v1/{path}?page={page}").json()
        assert body == {"items": [], "total": 0, "page": page, "page_size": 20}


def test_conversations_are_listed_once_newest_first(as_alice, alice, account):
    made = [str(Conversation.objects.create(account=account, user=alice, title=f"{n}").id) for n in range(5)]
    pages = [as_alice.get(f"/api/v1/chat/conversations?page={n}&page_size=2").json() for n in (1, 2, 3)]
    assert [item["id"] for page in pages for item in page["items"]] == made[::-1]


def test_pages_show_each_document_once_newest_first(as_alice):
    made = [upload(as_alice, f"note {n}.txt").json()["id"] for n in range(5)]
    pages = [as_alice.get(f"/api/v1/documents/?page={n}&page_size=2").json() for n in (1, 2, 3)]
    assert [item["id"] for page in pages for item in page["items"]] == made[::-1]
    assert {page["total"] for page in pages} == {5}


@pytest.mark.parametrize(
    "method_path", [("put", "documents/"), ("patch", "chat/ask"), ("get", "documents/upload"), ("get", "chat/ask")]
)
def test_wrong_methods_are_refused_in_shape(as_alice, method_path):
    method, path = method_path
    body = structured(getattr(as_alice, method)(f"/api/v1/{path}"), 405)
    assert body["error"]["code"] == "method_not_allowed"


def test_format_in_the_query_changes_nothing(as_alice):
    assert as_alice.get("/api/v1/documents/?format=xml").status_code == 200


def test_unknown_paths_answer_in_shape(as_alice):
    structured(as_alice.get("/api/v1/nothing/here"), 404)
    assert as_alice.get("/api/v1/collections-nothing").json()["error"]["code"] == "not_found"


class TestUpload:
    def test_without_a_file(self, as_alice):
        response = as_alice.post("/api/v1/documents/upload", {"other": "x"}, format="multipart")
        assert "file" in structured(response, 400)["error"]["details"]

    def test_with_text_in_place_of_a_file(self, as_alice):
        response = as_alice.post("/api/v1/documents/upload", {"file": "text"}, format="multipart")
        assert "file" in structured(response, 400)["error"]["details"]

    def test_as_json(self, as_alice):
        structured(as_alice.post("/api/v1/documents/upload", {"file": "x"}), 415)

    def test_with_a_broken_form(self, as_alice):
        response = send(as_alice, "POST", "/api/v1/documents/upload", b"--x\r\nnonsense", "multipart/form-data")
        structured(response, 400)

    def test_an_empty_file(self, as_alice):
        structured(upload(as_alice, content=b""), 400)
        assert not Document.objects.exists()

    @pytest.mark.parametrize("content", [b"MZ\x90\x00\x03\x00\x00\x00" + b"\x00\xff" * 500, b"\x89PNG\r\n\x1a\n" * 9])
    def test_a_kind_that_is_not_supported_whatever_its_name(self, as_alice, content):
        body = structured(upload(as_alice, "report.pdf", content), 400)
        assert body["error"]["code"] == "unsupported_media_type"

    def test_too_large(self, as_alice, settings):
        settings.UPLOAD_MAX_BYTES = 10
        assert structured(upload(as_alice), 413)["error"]["code"] == "payload_too_large"

    @pytest.mark.parametrize("meta", ["x", "[1]", "1", '{"a": "\\u0000"}', '{"a": 1e999}'])
    def test_meta_that_is_no_object(self, as_alice, meta):
        structured(upload(as_alice, meta=meta), 400)

    @pytest.mark.parametrize("collection", ["x", "1"])
    def test_a_collection_that_is_no_id(self, as_alice, collection):
        assert "collection_id" in structured(upload(as_alice, collection_id=collection), 400)["error"]["details"]

    def test_a_collection_of_nobody(self, as_alice):
        structured(upload(as_alice, collection_id=str(UNKNOWN)), 404)

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("../../../../etc/passwd.txt", "passwd.txt"),
            ("..\\..\\boot.ini.txt", "boot.ini.txt"),
            ("file\u202etxt.exe.txt", "filetxt.exe.txt"),
            (".hidden", "hidden"),
            ('name with "quotes";.txt', "name with _quotes_;.txt"),
            ("..", "document"),
            ("%2e%2e%2fx.txt", "%2e%2e%2fx.txt"),
        ],
    )
    def test_names_are_made_safe_and_kept_as_sent(self, as_alice, sent, shown):
        boundary = "xxBOUNDARYxx"
        quoted = sent.replace("\\", "\\\\").replace('"', '\\"')
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
            f"Content-Type: text/plain\r\n\r\nThe office opens at nine.\r\n--{boundary}--\r\n"
        ).encode()
        response = send(as_alice, "POST", "/api/v1/documents/upload", body, f"multipart/form-data; boundary={boundary}")
        assert response.status_code == 201, response.content
        assert response.json()["filename"] == shown
        assert response.json()["original_filename"] == sent
        stored = Document.objects.get()
        assert stored.file.name == f"documents/{stored.account_id}/{stored.id}"


class TestOfAnotherAccount:
    """What is Alice's does not exist for Charlie: the same bodies as for an id of nobody."""

    def test_documents(self, as_alice, as_charlie):
        document = upload(as_alice).json()["id"]
        for method, path in [("get", ""), ("delete", ""), ("post", "/retry")]:
            theirs = getattr(as_charlie, method)(f"/api/v1/documents/{document}{path}")
            nobodys = getattr(as_charlie, method)(f"/api/v1/documents/{UNKNOWN}{path}")
            assert alike(structured(theirs, 404)) == alike(structured(nobodys, 404))
        assert as_charlie.get("/api/v1/documents/").json()["total"] == 0
        response = as_charlie.post("/api/v1/chat/ask", {"question": "When?", "document_ids": [document]})
        structured(response, 404)

    def test_collections(self, as_alice, as_charlie):
        collection = upload(as_alice).json()["collection_id"]
        structured(upload(as_charlie, collection_id=collection), 404)
        response = as_charlie.post("/api/v1/chat/ask", {"question": "When?", "collection_ids": [collection]})
        structured(response, 404)

    def test_members_share_documents(self, as_alice, as_bob):
        document = upload(as_alice).json()["id"]
        assert as_bob.get(f"/api/v1/documents/{document}").status_code == 200

    def test_conversations_are_their_users_own(self, alice, account, as_alice, as_bob, as_charlie):
        conversation = Conversation.objects.create(account=account, user=alice, title="Private")
        assert as_alice.get(f"/api/v1/chat/conversations/{conversation.id}").status_code == 200
        for client in (as_bob, as_charlie):
            structured(client.get(f"/api/v1/chat/conversations/{conversation.id}"), 404)
            structured(client.delete(f"/api/v1/chat/conversations/{conversation.id}"), 404)
            body = {"question": "And now?", "conversation_id": str(conversation.id)}
            structured(client.post("/api/v1/chat/ask", body), 404)
        assert Conversation.objects.filter(id=conversation.id).exists()


def alike(body):
    """Two 404s differ in these only."""
    return {name: value for name, value in body.items() if name not in {"instance", "request_id"}}
