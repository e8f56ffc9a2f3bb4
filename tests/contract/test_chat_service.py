"""Conversations, messages and attachments as chat-service's reference shows them, over a running server."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.storage import default_storage

from accounts.models import Membership, SiteSettings, StoredUsage
from accounts.tokens import start_family
from chat import tasks
from chat.models import Attachment, Conversation, Message
from knowledge.recounting import recount
from tests.cast import make_user

UNKNOWN = uuid.uuid4()


@pytest.fixture
def person(server):
    return make_user("Alice")


@pytest.fixture
def program(person, browser):
    return browser(start_family(person).access)


@pytest.fixture
def stranger(server, browser):
    return browser(start_family(make_user("Charlie")).access)


@pytest.fixture
def conversation(program, person):
    response = program.post("/chat/conversations", json={"user_id": str(person.uuid), "title": "Leave"})
    assert response.status_code == 201, response.text
    return response.json()


@pytest.fixture
def message(program, conversation):
    return note(program, conversation["id"]).json()


def note(program, conversation_id, role="user", content="How many days?"):
    sent = {"conversation_id": conversation_id, "role": role, "content": content}
    return program.post("/chat/messages", json=sent)


def attach(program, message, content=b"%PDF-1.7 not really", name="report.pdf", **form):
    files = {"file": (name, content, "application/pdf")}
    return program.post("/chat/attachments", data={"message_id": message["id"], **form}, files=files)


def refused(response, status, *fields):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    if fields:
        assert set(error["details"]) == set(fields)
    return error


def held(person):
    return StoredUsage.objects.filter(account=person.personal_account).values_list("stored_bytes", flat=True).first()


def test_a_conversation_is_begun_for_oneself(program, person, conversation):
    assert set(conversation) == {"id", "user_id", "title", "model", "message_count", "created_at", "updated_at"}
    assert (conversation["user_id"], conversation["title"]) == (str(person.uuid), "Leave")
    assert program.get(f"/chat/conversations/{conversation['id']}").json() == conversation | {"messages": []}


def test_for_others_only_staff_begin_conversations(program, browser, person):
    dana, stan = make_user("Dana"), make_user("Stan")
    stan.is_staff = True
    stan.save()
    staff = browser(start_family(stan).access)
    for nobody_or_other in (dana.uuid, UNKNOWN):
        refused(program.post("/chat/conversations", json={"user_id": str(nobody_or_other), "title": "A"}), 403)
    assert not Conversation.objects.exists()
    made = staff.post("/chat/conversations", json={"user_id": str(dana.uuid), "title": "Welcome"}).json()
    row = Conversation.objects.get()
    assert (row.user, row.account, made["user_id"]) == (dana, dana.personal_account, str(dana.uuid))
    refused(staff.get(f"/chat/conversations/{row.id}"), 404)
    assert browser(start_family(dana).access).get(f"/chat/conversations/{row.id}").status_code == 200
    refused(staff.post("/chat/conversations", json={"user_id": str(UNKNOWN), "title": "A"}), 400, "user_id")


def test_messages_are_stored_oldest_first_and_answered_by_nobody(program, conversation):
    sent = [("system", "Be brief."), ("user", "How many days?"), ("assistant", " 28\n"), ("user", "Sure?")]
    made = [note(program, conversation["id"], role, content) for role, content in sent]
    assert [response.status_code for response in made] == [201] * 4
    listed = program.get(f"/chat/conversations/{conversation['id']}/messages").json()
    assert listed == [response.json() for response in made]
    assert [(each["role"], each["content"]) for each in listed] == sent
    assert {each["conversation_id"] for each in listed} == {conversation["id"]}
    assert Message.objects.count() == 4


def test_a_conversation_is_taken_by_any_of_its_ids(program, conversation):
    ident = uuid.UUID(conversation["id"])
    for written in (str(ident), f"chat_{ident.hex}", f"conv_{ident.hex}"):
        assert note(program, written).json()["conversation_id"] == str(ident)
        assert program.get(f"/chat/conversations/{written}/messages").status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_file_is_named_before_it_is_there(program, message, slash):
    sent = {"message_id": message["id"], "file_type": "application/pdf", "file_path": "reports/2026/Größe 1.pdf"}
    response = program.post(f"/chat/attachments{slash}", json=sent)
    assert response.status_code == 201, response.text
    made = response.json()
    assert set(made) == {"id", "message_id", "file_type", "file_path", "filename", "file_size", "created_at"}
    assert {name: made[name] for name in sent} == sent
    assert (made["filename"], made["file_size"]) == ("Größe 1.pdf", None)
    assert program.get(f"/chat/messages/{message['id']}/attachments{slash}").json() == [made]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../1/secret",
        "a/../../b",
        "a/..",
        "..",
        ". ./a/ .. /b",
        "a//b",
        "a/",
        "./a",
        "~/a",
        "~root",
        "file:///etc/passwd",
        "http://example.com/a",
        "S3:bucket",
        "C:/boot.ini",
        "a\\..\\b",
        "\\\\host\\share",
        "a\nb",
        "a\u202eb",
        "",
        "x" * 1025,
        7,
        None,
        ["a"],
    ],
)
def test_a_path_that_leads_out_of_the_storage_is_refused(program, message, path):
    sent = {"message_id": message["id"], "file_type": "text/plain", "file_path": path}
    refused(program.post("/chat/attachments", json=sent), 400, "file_path")
    assert not Attachment.objects.exists()


def test_a_path_with_a_nul_is_refused(program, message):
    body = f'{{"message_id": "{message["id"]}", "file_type": "text/plain", "file_path": "a\\u0000b"}}'
    refused(program.post("/chat/attachments", content=body, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize("kind", ["pdf", "", "text/", "/plain", "text/plain\nX: y", "text plain", "a/b/c", 7, None])
def test_a_file_type_is_a_mime_type(program, message, kind):
    sent = {"message_id": message["id"], "file_type": kind, "file_path": "a.pdf"}
    refused(program.post("/chat/attachments", json=sent), 400, "file_type")


def test_a_file_is_uploaded_and_counted_and_goes_with_its_conversation(program, person, conversation, message):
    response = attach(program, message, name="../../Report <1>.pdf")
    assert response.status_code == 201, response.text
    made = response.json()
    assert (made["file_type"], made["filename"], made["file_size"]) == ("application/pdf", "Report _1_.pdf", 19)
    row = Attachment.objects.get()
    assert row.file.name == f"attachments/{person.personal_account.id}/{row.id}"
    assert row.file.open().read() == b"%PDF-1.7 not really"
    assert held(person) == 19
    assert [each.stored_bytes for each in recount(person.personal_account.id)] == [19, 19]
    assert program.delete(f"/chat/conversations/{conversation['id']}").status_code == 200
    assert not Attachment.objects.exists()
    assert not default_storage.exists(row.file.name)
    assert held(person) == 0


def test_forgotten_conversations_take_their_files_along(program, person, message):
    row = Attachment.objects.get(id=attach(program, message).json()["id"])
    site = SiteSettings.objects.current()
    site.conversation_retention_days = 1
    site.save()
    Conversation.objects.update(updated_at="2020-01-01T00:00:00Z")
    tasks.forget_old_conversations()
    assert not Conversation.objects.exists()
    assert not default_storage.exists(row.file.name)
    assert held(person) == 0


def test_what_the_storage_does_not_let_go_stays_with_its_conversation(program, person, message, monkeypatch):
    attach(program, message)
    site = SiteSettings.objects.current()
    site.conversation_retention_days = 1
    site.save()
    Conversation.objects.update(updated_at="2020-01-01T00:00:00Z")

    def out_of_order(name):
        raise OSError("out of order")

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "delete", out_of_order)
        tasks.forget_old_conversations()
    assert (Conversation.objects.count(), Message.objects.count(), held(person)) == (1, 1, 19)
    tasks.forget_old_conversations()
    assert (Conversation.objects.count(), held(person)) == (0, 0)


def test_a_file_that_is_too_large_leaves_nothing(program, person, message):
    site = SiteSettings.objects.current()
    site.upload_max_bytes = 10
    site.save()
    assert refused(attach(program, message), 413)["code"] == "payload_too_large"
    site.upload_max_bytes = None
    site.save()
    person.personal_account.plan.stored_bytes = 10
    person.personal_account.plan.save()
    assert refused(attach(program, message), 429)["code"] == "quota_exceeded"
    assert not Attachment.objects.exists()


def test_of_others_there_is_nothing(program, stranger, conversation, message):
    path = f"/chat/messages/{message['id']}/attachments"
    named = {"message_id": message["id"], "file_type": "text/plain", "file_path": "a.txt"}
    for response in (
        stranger.get(f"/chat/conversations/{conversation['id']}/messages"),
        note(stranger, conversation["id"]),
        stranger.get(path),
        stranger.post("/chat/attachments", json=named),
        attach(stranger, message),
        program.get(f"/chat/messages/{UNKNOWN}/attachments"),
        program.post("/chat/attachments", json=named | {"message_id": str(UNKNOWN)}),
        note(program, str(UNKNOWN)),
    ):
        assert refused(response, 404)["code"] == "not_found"
    assert (Message.objects.count(), Attachment.objects.count()) == (1, 0)


def test_a_viewer_keeps_messages_and_stores_no_files(person, browser):
    vera = make_user("Vera")
    Membership.objects.create(account=person.personal_account, user=vera, role="viewer")
    program = browser(start_family(vera).access, **{"X-Account-Id": str(person.personal_account.id)})
    begun = program.post("/chat/conversations", json={"user_id": str(vera.uuid)}).json()
    said = note(program, begun["id"])
    assert said.status_code == 201
    assert refused(attach(program, said.json()), 403)["code"] == "permission_denied"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"role": "tool"}, "role"),
        ({"role": None}, "role"),
        ({"content": ""}, "content"),
        ({"content": 7}, "content"),
        ({"content": "x" * 100_001}, "content"),
        ({"conversation_id": "1"}, "conversation_id"),
        ({"conversation_id": 1}, "conversation_id"),
    ],
)
def test_a_bad_message_is_refused_by_field(program, conversation, sent, field):
    good = {"conversation_id": conversation["id"], "role": "user", "content": "A"}
    refused(program.post("/chat/messages", json=good | sent), 400, field)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("sent", "field"),
    [({}, "user_id"), ({"user_id": "1"}, "user_id"), ({"user_id": 1.5}, "user_id"), ({"user_id": None}, "user_id")],
)
def test_a_bad_conversation_is_refused_by_field(program, sent, field):
    refused(program.post("/chat/conversations", json=sent), 400, field)


def test_a_form_without_a_file_and_other_content_types_are_refused(program, message):
    refused(program.post("/chat/attachments", files={"other": ("a", b"x")}, data={"message_id": message["id"]}), 400)
    refused(program.post("/chat/attachments", data={"message_id": message["id"]}), 415)
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    refused(program.post("/chat/attachments", content=b"--x\r\nnonsense", headers=multipart), 400)
