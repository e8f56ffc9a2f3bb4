"""Collections and entries as the reference shows them, in the message dialect."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import AccountLimits, Membership, StoredUsage
from doculume.asgi import largest_body
from knowledge import uploads
from knowledge.models import Collection, Document, Entry, IngestionJob
from tests.cast import client_of, make_user
from tests.contract.bad_input import BODIES, send

pytestmark = pytest.mark.django_db

# From the reference.
ENTRY = {
    "title": "Refund policy",
    "raw_text": "Refunds are available for 30 days...",
    "meta": {"category": "policy"},
    "searchable_meta": {"tags": ["billing", "refunds"]},
    "source_url": "https://example.com/refunds",
    "source_type": "web",
    "source_id": "refund-policy-v2",
}
UPSERT = {
    "title": "Refund policy",
    "raw_text": "Updated refund policy content...",
    "source_type": "web",
    "source_id": "refund-policy-v2",
}
BATCH = {
    "entries": [
        {
            "title": "Refund policy",
            "raw_text": "Refunds are available for 30 days...",
            "source_type": "web",
            "source_id": "refund-policy-v2",
        },
        {
            "title": "Shipping info",
            "raw_text": "We ship worldwide within 5 business days...",
            "source_type": "web",
            "source_id": "shipping-info",
        },
    ]
}
COLLECTION_FIELDS = {"id", "organisation_id", "name", "created_at", "updated_at"}
ENTRY_FIELDS = {
    "id", "collection_id", "title", "raw_text", "meta", "searchable_meta", "source_url", "source_type", "source_id",
    "created_at", "updated_at",
}  # fmt: skip
COLLECTIONS = "/api/v1/collections"


@pytest.fixture
def collection(account):
    return Collection.objects.create(account=account, name="Support Articles")


@pytest.fixture
def entries(collection):
    """The path of its entries."""
    return f"{COLLECTIONS}/{collection.id}/entries"


def is_timestamp(text: str) -> bool:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ") is not None


def refused(response: Any, status: int, *fields: str) -> dict[str, Any]:
    """The body of an error in the message shape, about `fields` and no others."""
    assert response.status_code == status, (response.status_code, response.content[:300])
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == ({"message", "errors"} if fields else {"message"})
    assert isinstance(body["message"], str)
    assert body["message"]
    assert set(body.get("errors", {})) == set(fields)
    return body


# --- the reference's own requests and responses


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_collection_is_created_listed_changed_and_deleted(as_alice, account, slash):
    created = as_alice.post(COLLECTIONS + slash, {"name": "Support Articles"})
    assert created.status_code == 201
    assert set(created.json()) == {"data"}
    body = created.json()["data"]
    assert set(body) == COLLECTION_FIELDS
    assert uuid.UUID(body["id"])
    assert (body["organisation_id"], body["name"]) == (account.id, "Support Articles")
    assert is_timestamp(body["created_at"])
    assert is_timestamp(body["updated_at"])
    listed = as_alice.get(COLLECTIONS + slash)
    assert listed.status_code == 200
    assert listed.json()["data"] == [body]
    assert listed.json()["meta"] == {"current_page": 1, "last_page": 1, "per_page": 15, "total": 1}
    path = f"{COLLECTIONS}/{body['id']}{slash}"
    changed = as_alice.patch(path, {"name": "Updated Name"})
    assert changed.status_code == 200
    assert changed.json()["data"]["name"] == "Updated Name"
    assert changed.json()["data"]["updated_at"] > body["updated_at"]
    assert as_alice.get(path).json() == changed.json()
    deleted = as_alice.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert refused(as_alice.get(path), 404) == {"message": "Not found."}


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_entry_is_created_listed_changed_and_deleted(as_alice, collection, entries, slash):
    created = as_alice.post(entries + slash, ENTRY)
    assert created.status_code == 201
    assert set(created.json()) == {"data"}
    body = created.json()["data"]
    assert set(body) == ENTRY_FIELDS
    assert body["collection_id"] == str(collection.id)
    assert {name: body[name] for name in ENTRY} == ENTRY
    assert is_timestamp(body["created_at"])
    assert is_timestamp(body["updated_at"])
    assert as_alice.get(entries + slash).json()["data"] == [body]
    path = f"{entries}/{body['id']}{slash}"
    changes = {"title": "Updated title", "raw_text": "Updated content..."}
    changed = as_alice.patch(path, changes)
    assert changed.status_code == 200
    assert changed.json()["data"] == body | changes | {"updated_at": changed.json()["data"]["updated_at"]}
    assert as_alice.get(path).json() == changed.json()
    deleted = as_alice.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    refused(as_alice.get(path), 404)
    refused(as_alice.delete(path), 404)


def test_only_the_text_of_an_entry_is_required(as_alice, entries):
    for _ in range(2):
        body = as_alice.post(entries, {"raw_text": "Open at nine."}).json()["data"]
        assert (body["title"], body["source_url"], body["source_type"], body["source_id"]) == (None,) * 4
        assert (body["meta"], body["searchable_meta"]) == ({}, {})
    assert as_alice.get(entries).json()["meta"]["total"] == 2


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_upsert_creates_and_then_updates(as_alice, entries, slash):
    first = as_alice.put(f"{entries}/upsert{slash}", ENTRY)
    assert first.status_code == 201
    assert set(first.json()["data"]) == ENTRY_FIELDS
    again = as_alice.put(f"{entries}/upsert{slash}", UPSERT)
    assert again.status_code == 200
    body = again.json()["data"]
    assert body == first.json()["data"] | UPSERT | {"updated_at": body["updated_at"]}
    assert body["updated_at"] > first.json()["data"]["updated_at"]
    assert Entry.objects.count() == 1


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_batch_tells_what_it_created_and_updated(as_alice, entries, slash):
    as_alice.post(entries, ENTRY)
    response = as_alice.post(f"{entries}/batch{slash}", BATCH)
    assert response.status_code == 200
    assert response.json() == {"created": 1, "updated": 1}
    assert as_alice.post(f"{entries}/batch{slash}", BATCH).json() == {"created": 0, "updated": 2}
    assert as_alice.get(entries).json()["meta"]["total"] == 2


def test_an_entry_is_deleted_by_its_source(as_alice, entries):
    as_alice.post(entries, ENTRY)
    response = as_alice.delete(f"{entries}/by-source/web/refund-policy-v2")
    assert (response.status_code, response.content) == (204, b"")
    refused(as_alice.delete(f"{entries}/by-source/web/refund-policy-v2"), 404)


# --- pages and filters


def test_pages_have_links_and_are_clamped(as_alice, collection, entries):
    made = [Entry.objects.create(account=collection.account, collection=collection, raw_text=str(n)) for n in range(5)]
    newest_first = [str(entry.id) for entry in reversed(made)]
    body = as_alice.get(entries, {"page": 2, "per_page": 2}).json()
    assert [row["id"] for row in body["data"]] == newest_first[2:4]
    assert body["meta"] == {"current_page": 2, "last_page": 3, "per_page": 2, "total": 5}
    base = f"http://testserver{entries}"
    assert body["links"] == {
        "first": f"{base}?page=1&per_page=2",
        "last": f"{base}?page=3&per_page=2",
        "prev": f"{base}?page=1&per_page=2",
        "next": f"{base}?page=3&per_page=2",
    }
    assert as_alice.get(body["links"]["next"]).json()["links"]["next"] is None
    assert as_alice.get(entries).json()["links"]["prev"] is None
    assert as_alice.get(entries, {"per_page": 101}).json()["meta"]["per_page"] == 100
    beyond = as_alice.get(entries, {"page": 9})
    assert (beyond.status_code, beyond.json()["data"]) == (200, [])
    assert beyond.json()["meta"] == {"current_page": 9, "last_page": 1, "per_page": 15, "total": 5}


@pytest.mark.parametrize("name", ["page", "per_page"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "٣", "9" * 5000])
@pytest.mark.parametrize("kind", ["collections", "entries"])
def test_a_page_that_is_no_number_is_refused(as_alice, entries, kind, name, value):
    path = COLLECTIONS if kind == "collections" else entries
    response = as_alice.get(path, {name: value})
    if len(value) > 10 and response.status_code == 200:  # a number after all
        assert response.json()["data"] == []
    else:
        refused(response, 422, name)


def test_entries_are_listed_by_their_source(as_alice, entries):
    for kind, source in [("web", "a"), ("web", " a"), ("shop", "a"), ("web", "ü/ä?")]:
        as_alice.put(f"{entries}/upsert", {"raw_text": "x", "source_type": kind, "source_id": source})

    def found(**by: str) -> list[tuple[str, str]]:
        return [(row["source_type"], row["source_id"]) for row in as_alice.get(entries, by).json()["data"]]

    assert len(found(source_type="web")) == 3
    assert found(source_type="web", source_id="a") == [("web", "a")]
    assert found(source_id=" a") == [("web", " a")]
    assert found(source_id="ü/ä?") == [("web", "ü/ä?")]
    assert found(source_id="A") == []
    refused(as_alice.get(entries, {"source_id": "a\0"}), 422, "source_id")
    body = as_alice.get(entries, {"source_type": "web", "per_page": 1}).json()
    assert "source_type=web" in body["links"]["next"]


# --- fields that are sent, and fields that are not


@pytest.mark.parametrize("method", ["patch", "put"])
def test_fields_that_are_not_sent_stay(as_alice, entries, method):
    before = as_alice.post(entries, ENTRY).json()["data"]
    path = f"{entries}/{before['id']}"
    after = getattr(as_alice, method)(path, {"meta": {"b": 2}}).json()["data"]
    assert after == before | {"meta": {"b": 2}, "updated_at": after["updated_at"]}
    after = getattr(as_alice, method)(path, {"title": None, "source_url": ""}).json()["data"]
    assert (after["title"], after["source_url"], after["meta"]) == (None, None, {"b": 2})
    assert getattr(as_alice, method)(path, {}).status_code == 200


def test_an_upsert_changes_only_what_is_sent(as_alice, entries):
    before = as_alice.post(entries, ENTRY).json()["data"]
    sent = {"raw_text": ENTRY["raw_text"], "source_type": "web", "source_id": "refund-policy-v2"}
    path = f"{entries}/upsert"
    for changes in ({}, {"meta": {"new": [1]}}, {"title": None}, {"searchable_meta": {}}, {"meta": None}):
        after = as_alice.put(path, sent | changes).json()["data"]
        expected = {name: {} if value is None and name == "meta" else value for name, value in changes.items()}
        assert after == before | expected | {"updated_at": after["updated_at"]}
        before = after


def test_a_batch_changes_only_what_is_sent_in_each(as_alice, entries):
    as_alice.post(f"{entries}/batch", {"entries": [ENTRY, ENTRY | {"source_id": "b"}]})
    bare = {"raw_text": "New.", "source_type": "web"}
    as_alice.post(
        f"{entries}/batch",
        {"entries": [bare | {"source_id": "b", "title": "B"}, bare | {"source_id": "refund-policy-v2", "meta": {}}]},
    )
    rows = {row["source_id"]: row for row in as_alice.get(entries).json()["data"]}
    assert (rows["b"]["title"], rows["b"]["meta"]) == ("B", ENTRY["meta"])
    first = rows["refund-policy-v2"]
    assert (first["title"], first["meta"], first["raw_text"]) == ("Refund policy", {}, "New.")
    assert first["searchable_meta"] == ENTRY["searchable_meta"]


def test_text_is_kept_to_the_letter(as_alice, entries):
    text = "  <p>Ünïcode \r\n\t🙂</p>\n\n# no\u200bbreak  "
    body = as_alice.post(entries, {"raw_text": text}).json()["data"]
    assert body["raw_text"] == text
    assert as_alice.get(f"{entries}/{body['id']}").json()["data"]["raw_text"] == text


def test_an_empty_array_is_how_php_writes_an_empty_object(as_alice, entries):
    body = as_alice.post(entries, {"raw_text": "x", "meta": [], "searchable_meta": []}).json()["data"]
    assert (body["meta"], body["searchable_meta"]) == ({}, {})


# --- sources of any kind


@pytest.mark.parametrize(
    "source",
    ["a/b", "/a//b/", "https://example.com/a?b=c#d", "100%", "%2F", "a%20b", "ü 日本 🙂", "..", "a+b", " ", "upsert",
     "line\nbreak", "tab\t", "\\", "'; DROP TABLE", "x" * 255, "x/", ";,:@&=$"],
)  # fmt: skip
def test_a_source_id_may_hold_anything(as_alice, entries, source):
    sent = {"raw_text": "x", "source_type": "web", "source_id": source}
    created = as_alice.put(f"{entries}/upsert", sent)
    assert created.status_code == 201, created.content
    assert created.json()["data"]["source_id"] == source
    assert as_alice.put(f"{entries}/upsert", sent).status_code == 200
    assert as_alice.delete(f"{entries}/by-source/web/{quote(source, safe='')}").status_code == 204
    assert not Entry.objects.exists()


def test_a_slash_at_the_end_belongs_to_the_id(as_alice, entries):
    for source in ("x", "x/"):
        as_alice.put(f"{entries}/upsert", {"raw_text": "x", "source_type": "web", "source_id": source})
    assert as_alice.delete(f"{entries}/by-source/web/x/").status_code == 204
    assert Entry.objects.get().source_id == "x"
    refused(as_alice.delete(f"{entries}/by-source/web/x/"), 404)
    assert as_alice.delete(f"{entries}/by-source/web/x").status_code == 204


@pytest.mark.parametrize("source", ["a%00b", "%00", "x" * 3000, "%ff%fe", "%ED%A0%80"])
def test_a_source_that_cannot_be_is_not_found(as_alice, entries, source):
    refused(as_alice.delete(f"{entries}/by-source/web/{source}"), 404)
    refused(as_alice.delete(f"{entries}/by-source/{source}/a"), 404)


def test_a_source_is_taken_once_in_a_collection(as_alice, account, entries):
    first = as_alice.post(entries, ENTRY).json()["data"]
    refused(as_alice.post(entries, ENTRY), 422, "source_id")
    second = as_alice.post(entries, ENTRY | {"source_id": "other"}).json()["data"]
    refused(as_alice.patch(f"{entries}/{second['id']}", {"source_id": first["source_id"]}), 422, "source_id")
    other = Collection.objects.create(account=account, name="Other")
    assert as_alice.post(f"{COLLECTIONS}/{other.id}/entries", ENTRY).status_code == 201


# --- what is refused


def test_the_message_is_the_references(as_alice):
    body = refused(as_alice.post(COLLECTIONS, {}), 422, "name")
    assert body == {"message": "The name field is required.", "errors": {"name": ["The name field is required."]}}


@pytest.mark.parametrize("name", [None, "", "  ", 7, ["a"], {"a": 1}, True, "x" * 256])
@pytest.mark.parametrize("method", ["post", "patch", "put"])
def test_a_bad_name_is_refused(as_alice, collection, method, name):
    path = COLLECTIONS if method == "post" else f"{COLLECTIONS}/{collection.id}"
    refused(getattr(as_alice, method)(path, {"name": name}), 422, "name")


BAD_FIELDS: list[tuple[str, list[Any]]] = [
    ("raw_text", [None, "", " \n\t ", 7, ["a"], {"a": 1}, True]),
    ("title", [7, ["a"], {"a": 1}, "x" * 501]),
    ("meta", ["a", 7, [1], True, [{}]]),
    ("searchable_meta", ["a", 7, [1], True, [{}]]),
    ("source_url", [7, "example.com", "javascript:alert(1)", "http://", "ftp://a/b", "https://[", "http://a b/",
                    "https://example.com/" + "x" * 2000]),
    ("source_type", [7, ["a"], "x" * 256]),
    ("source_id", [7, ["a"], "x" * 256]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BAD_FIELDS for value in values])
def test_a_bad_field_is_named(as_alice, entries, field, value):
    entry = as_alice.post(entries, ENTRY).json()["data"]
    bad = ENTRY | {field: value}
    refused(as_alice.post(entries, bad), 422, field)
    refused(as_alice.put(f"{entries}/upsert", bad), 422, field)
    refused(as_alice.patch(f"{entries}/{entry['id']}", {field: value}), 422, field)
    refused(as_alice.post(f"{entries}/batch", {"entries": [ENTRY, bad | {"title": "B"} if field != "title" else bad]}),
            422, f"entries.1.{field}")  # fmt: skip
    assert as_alice.get(entries).json()["data"] == [entry]


def test_an_upsert_needs_text_and_source(as_alice, entries):
    refused(as_alice.put(f"{entries}/upsert", {"title": "x"}), 422, "raw_text", "source_type", "source_id")
    for nothing in (None, ""):
        sent = UPSERT | {"source_type": nothing, "source_id": nothing}
        refused(as_alice.put(f"{entries}/upsert", sent), 422, "source_type", "source_id")
    body = refused(as_alice.post(f"{entries}/batch", {"entries": [UPSERT, {}]}), 422, *(
        f"entries.1.{name}" for name in ("raw_text", "source_type", "source_id")))  # fmt: skip
    assert body["message"] == "The entries.1.raw_text field is required. (and 2 more errors)"


@pytest.mark.parametrize("batch", [None, [], {}, "x", 7, [None], ["x"], [[]], [7]])
def test_a_batch_that_is_none_is_refused(as_alice, entries, batch):
    response = as_alice.post(f"{entries}/batch", {"entries": batch})
    assert response.status_code == 422
    assert all(name.startswith("entries") for name in response.json()["errors"])


def test_a_batch_of_fifty_is_taken_and_one_of_fifty_one_is_not(as_alice, entries):
    many = [{"raw_text": f"Number {n}.", "source_type": "web", "source_id": str(n)} for n in range(51)]
    body = refused(as_alice.post(f"{entries}/batch", {"entries": many}), 422, "entries")
    assert "50" in body["message"]
    assert as_alice.post(f"{entries}/batch", {"entries": many[:50]}).json() == {"created": 50, "updated": 0}


def test_a_batch_of_long_texts_is_taken(as_alice, entries):
    body = {
        "entries": [{"raw_text": f"{n} " + "x" * 100_000, "source_type": "w", "source_id": str(n)} for n in range(50)]
    }
    assert largest_body(f"{entries}/batch") > 6_000_000
    assert as_alice.post(f"{entries}/batch", body).json() == {"created": 50, "updated": 0}


def test_a_source_twice_in_a_batch_is_refused_and_nothing_is_written(as_alice, entries):
    sent = {"entries": [UPSERT, UPSERT | {"source_id": "b"}, UPSERT | {"raw_text": "Again."}]}
    refused(as_alice.post(f"{entries}/batch", sent), 422, "entries.2.source_id")
    assert not Entry.objects.exists()


WRITES = [("post", ""), ("patch", "/{entry}"), ("put", "/{entry}"), ("put", "/upsert"), ("post", "/batch")]


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_bad_bodies_are_refused_in_shape(as_alice, entries, method, path, kind):
    entry = as_alice.post(entries, ENTRY).json()["data"]
    response = send(as_alice, method, entries + path.format(entry=entry["id"]), BODIES[kind])
    if kind == "empty" and "entry" in path:  # nothing is to be changed
        assert response.json()["data"] == entry | {"updated_at": response.json()["data"]["updated_at"]}
        return
    assert response.status_code in (400, 422), (response.status_code, response.content)
    assert set(response.json()) <= {"message", "errors"}
    assert as_alice.get(entries).json()["data"] == [entry]


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("method", ["post", "patch", "put"])
def test_bad_bodies_for_collections_are_refused_in_shape(as_alice, collection, method, kind):
    path = COLLECTIONS if method == "post" else f"{COLLECTIONS}/{collection.id}"
    response = send(as_alice, method, path, BODIES[kind])
    if kind == "empty" and method != "post":  # nothing is to be changed
        assert response.json()["data"]["name"] == collection.name
        return
    assert response.status_code in (400, 422), (response.status_code, response.content)
    assert set(response.json()) <= {"message", "errors"}


@pytest.mark.parametrize(
    "text", ['"a\\u0000b"', '"\\ud800"', "NaN", "1e999", '{"a\\u0000": 1}', '{"deep": ' + '{"a":' * 70 + "1" + "}" * 71]
)
@pytest.mark.parametrize("field", ["raw_text", "title", "meta", "searchable_meta", "source_id"])
def test_what_cannot_be_stored_is_refused_wherever_it_stands(as_alice, entries, field, text):
    value = f'{{"x": {text}}}' if "meta" in field else text
    body = f'{{"raw_text": "x", "source_type": "web", "source_id": "a", "{field}": {value}}}'.encode()
    for method, path in [("post", entries), ("put", f"{entries}/upsert")]:
        refused(send(as_alice, method, path, body), 400)
    refused(send(as_alice, "post", f"{entries}/batch", b'{"entries": [' + body + b"]}"), 400)


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x"])
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_another_content_type_is_415(as_alice, entries, method, path, content_type):
    entry = as_alice.post(entries, ENTRY).json()["data"]
    refused(send(as_alice, method, entries + path.format(entry=entry["id"]), b"some text", content_type), 415)


def test_another_method_is_405_in_shape(as_alice, collection, entries):
    for method, path in [
        ("delete", COLLECTIONS), ("post", f"{COLLECTIONS}/{collection.id}"), ("put", entries),
        ("get", f"{entries}/upsert"), ("get", f"{entries}/batch"), ("get", f"{entries}/by-source/a/b"),
    ]:  # fmt: skip
        refused(getattr(as_alice, method)(path), 405)


@pytest.mark.parametrize("ident", ["nonsense", "1", "9e3a7c2f", "b81d17eb-99c7-408a-8081-09319dff64e2", "%00"])
def test_ids_of_nothing_are_not_found(as_alice, entries, ident):
    for path in (f"{COLLECTIONS}/{ident}", f"{COLLECTIONS}/{ident}/entries", f"{entries}/{ident}"):
        assert refused(as_alice.get(path), 404) == {"message": "Not found."}
    refused(as_alice.post(f"{COLLECTIONS}/{ident}/entries", {"raw_text": 7}), 404)


def test_an_entry_is_found_in_its_own_collection_only(as_alice, account, entries):
    entry = as_alice.post(entries, ENTRY).json()["data"]
    other = Collection.objects.create(account=account, name="Other")
    path = f"{COLLECTIONS}/{other.id}/entries"
    for method in ("get", "patch", "delete"):
        refused(getattr(as_alice, method)(f"{path}/{entry['id']}"), 404)
    refused(as_alice.delete(f"{path}/by-source/web/refund-policy-v2"), 404)
    assert as_alice.get(path).json()["data"] == []


# --- who


def every_request(client, collection_id: Any, entry_id: Any) -> list[Any]:
    entries = f"{COLLECTIONS}/{collection_id}/entries"
    return [
        client.get(f"{COLLECTIONS}/{collection_id}"),
        client.patch(f"{COLLECTIONS}/{collection_id}", {"name": "Mine"}),
        client.put(f"{COLLECTIONS}/{collection_id}", {"name": ""}),
        client.get(entries),
        client.post(entries, ENTRY),
        client.post(entries, {"raw_text": 7}),
        client.put(f"{entries}/upsert", UPSERT),
        client.post(f"{entries}/batch", BATCH),
        client.get(f"{entries}/{entry_id}"),
        client.patch(f"{entries}/{entry_id}", {"title": "Mine"}),
        client.delete(f"{entries}/{entry_id}"),
        client.delete(f"{entries}/by-source/web/refund-policy-v2"),
        client.delete(f"{COLLECTIONS}/{collection_id}"),
    ]


def test_what_is_alices_does_not_exist_for_a_stranger(as_alice, as_charlie, collection, entries):
    entry = as_alice.post(entries, ENTRY).json()["data"]
    theirs = every_request(as_charlie, collection.id, entry["id"])
    unknown = every_request(as_charlie, uuid.uuid4(), uuid.uuid4())
    for response, of_nothing in zip(theirs, unknown, strict=True):
        assert refused(response, 404) == refused(of_nothing, 404) == {"message": "Not found."}
    assert as_charlie.get(COLLECTIONS).json()["data"] == []
    assert as_alice.get(f"{entries}/{entry['id']}").json()["data"] == entry


def test_a_viewer_reads_and_writes_nothing(as_alice, account, collection, entries):
    vera = make_user("Vera")
    Membership.objects.create(account=account, user=vera, role=Membership.Role.VIEWER)
    entry = as_alice.post(entries, ENTRY).json()["data"]
    responses = every_request(client_of(vera, account), collection.id, entry["id"])
    for response in responses:
        if response.wsgi_request.method == "GET":
            assert response.status_code == 200
        else:
            refused(response, 403)
    refused(client_of(vera, account).post(COLLECTIONS, {"name": "x"}), 403)
    assert as_alice.get(f"{entries}/{entry['id']}").json()["data"] == entry


def test_a_member_reads_and_writes(as_alice, as_bob, entries):
    entry = as_bob.post(entries, ENTRY).json()["data"]
    assert as_alice.get(f"{entries}/{entry['id']}").json()["data"] == entry


def test_nobody_else_is_let_in(anonymous, collection, entries):
    for response in every_request(anonymous, collection.id, uuid.uuid4()):
        assert refused(response, 401) == {"message": "Unauthenticated."}


# --- quota


def usage(account) -> tuple[int, int]:
    row = StoredUsage.objects.filter(account=account).first()
    return (row.entries, row.stored_bytes) if row else (0, 0)


def test_what_is_stored_is_counted_and_given_back(as_alice, account, collection, entries):
    entry = as_alice.post(entries, {"raw_text": "äöü"}).json()["data"]
    assert usage(account) == (1, 6)
    as_alice.patch(f"{entries}/{entry['id']}", {"raw_text": "ä"})
    assert usage(account) == (1, 2)
    as_alice.post(f"{entries}/batch", BATCH)
    size = sum(len(sent["raw_text"]) for sent in BATCH["entries"])
    assert usage(account) == (3, 2 + size)
    as_alice.put(f"{entries}/upsert", UPSERT | {"raw_text": "x"})
    size += 1 - len(BATCH["entries"][0]["raw_text"])
    assert usage(account) == (3, 2 + size)
    as_alice.delete(f"{entries}/by-source/web/refund-policy-v2")
    assert usage(account) == (2, 1 + size)
    as_alice.delete(f"{entries}/{entry['id']}")
    assert usage(account) == (1, size - 1)
    as_alice.delete(f"{COLLECTIONS}/{collection.id}")
    assert usage(account) == (0, 0)


def test_a_full_plan_is_402_and_nothing_is_stored(as_alice, account, entries):
    AccountLimits.objects.create(account=account, entries=1)
    as_alice.post(entries, ENTRY)
    jobs = IngestionJob.objects.count()
    for response in (as_alice.post(entries, {"raw_text": "x"}), as_alice.post(f"{entries}/batch", BATCH),
                     as_alice.put(f"{entries}/upsert", UPSERT | {"source_id": "new"})):  # fmt: skip
        assert refused(response, 402) == {"message": "Usage quota exceeded."}
    [entry] = as_alice.get(entries).json()["data"]
    assert entry["raw_text"] == ENTRY["raw_text"]
    assert IngestionJob.objects.count() == jobs
    assert as_alice.put(f"{entries}/upsert", UPSERT).status_code == 200
    assert usage(account) == (1, len(UPSERT["raw_text"]))


def test_a_text_that_grows_beyond_the_plan_is_402(as_alice, account, entries):
    AccountLimits.objects.create(account=account, stored_bytes=50)
    entry = as_alice.post(entries, ENTRY).json()["data"]
    for response in (as_alice.patch(f"{entries}/{entry['id']}", {"raw_text": "x" * 51}),
                     as_alice.put(f"{entries}/upsert", ENTRY | {"raw_text": "x" * 51})):  # fmt: skip
        refused(response, 402)
    assert as_alice.get(f"{entries}/{entry['id']}").json()["data"] == entry
    assert as_alice.patch(f"{entries}/{entry['id']}", {"raw_text": "x" * 50}).status_code == 200


# --- uploaded documents are entries too


@pytest.fixture
def document(account, alice, collection):
    file = SimpleUploadedFile("a.txt", b"The office opens at nine.")
    return uploads.accept(account, alice, file, name="a.txt", collection_id=collection.id)


def test_a_documents_entry_is_shown_renamed_and_not_rewritten(as_alice, entries, document):
    path = f"{entries}/{document.entry_id}"
    body = as_alice.get(path).json()["data"]
    assert (body["source_type"], body["source_id"]) == ("document", str(document.id))
    assert as_alice.patch(path, {"title": "Hours", "meta": {"a": 1}}).json()["data"]["title"] == "Hours"
    document.refresh_from_db()
    assert document.meta == {"a": 1}
    refused(as_alice.patch(path, {"raw_text": "Mine."}), 422, "raw_text")
    refused(as_alice.patch(path, {"source_id": "mine"}), 422, "source_id")
    sent = {"raw_text": "Mine.", "source_type": "document", "source_id": str(document.id)}
    refused(as_alice.put(f"{entries}/upsert", sent), 422, "source_id")


@pytest.mark.parametrize("how", ["entry", "source", "collection"])
@pytest.mark.django_db(transaction=True)
def test_a_document_and_its_file_go_with_the_entry(as_alice, collection, entries, document, how):
    path = {
        "entry": f"{entries}/{document.entry_id}",
        "source": f"{entries}/by-source/document/{document.id}",
        "collection": f"{COLLECTIONS}/{collection.id}",
    }[how]
    assert document.file.storage.exists(document.file.name)
    assert as_alice.delete(path).status_code == 204
    assert not Document.objects.exists()
    assert not Entry.objects.exists()
    assert not document.file.storage.exists(document.file.name)


def test_the_default_collection_comes_back_when_it_is_needed(as_alice, account):
    first = Collection.objects.default_of(account)
    assert as_alice.delete(f"{COLLECTIONS}/{first.id}").status_code == 204
    assert Collection.objects.default_of(account).id != first.id
