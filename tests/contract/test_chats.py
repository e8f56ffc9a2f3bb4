"""Chats as Quillium's reference shows them, over a running server."""

from __future__ import annotations

import json
import re

import pytest

from accounts.models import AnswerUsage
from accounts.tokens import start_family
from chat.models import Conversation, Message
from tests.cast import make_user
from tests.knowledge.library import add_entry

CHAT_ID = re.compile(r"chat_[0-9a-f]{32}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
MESSAGE = {"id", "chat_id", "role", "sender", "content", "status", "reason", "model", "citations", "created_at"}


@pytest.fixture
def person(server):
    return make_user("Alice")


@pytest.fixture
def program(person, browser):
    return browser(start_family(person).access)


@pytest.fixture
def stranger(server, browser):
    return browser(start_family(make_user("Charlie")).access)


def begin(program, **chat):
    response = program.post("/chats", json={"title": "New Conversation", "model": "gpt-4"} | chat)
    assert response.status_code == 201, response.text
    return response.json()


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_references_own_request(program, slash):
    response = program.post(f"/chats{slash}", json={"title": "New Conversation", "model": "gpt-4"})
    assert response.status_code == 201
    made = response.json()
    assert set(made) == {"id", "title", "model", "created_at", "updated_at"}
    assert CHAT_ID.fullmatch(made["id"])
    assert (made["title"], made["model"]) == ("New Conversation", "gpt-4")
    assert MOMENT.fullmatch(made["created_at"])
    assert MOMENT.fullmatch(made["updated_at"])
    assert program.get(f"/chats/{made['id']}{slash}").json() == made
    assert program.delete(f"/chats/{made['id']}{slash}").json() == {}
    assert program.get(f"/chats/{made['id']}").status_code == 404


def test_a_chat_is_a_conversation_however_its_id_is_written(program):
    made = begin(program)
    row = Conversation.objects.get()
    for written in (made["id"], f"conv_{row.id.hex}", str(row.id), row.id.hex):
        assert program.get(f"/chats/{written}").json() == made
        assert program.get(f"/chats/{written}/messages").json()["data"] == []
        assert program.get(f"/chat/conversations/{written}").json()["id"] == str(row.id)
    assert [each["id"] for each in program.get("/chat/conversations").json()["items"]] == [str(row.id)]


def test_pages_show_each_chat_once_newest_first(program):
    made = [begin(program, title=f"{n}")["id"] for n in range(5)][::-1]
    first = program.get("/chats?limit=2&color=red").json()
    assert first["pagination"] == {
        "total": 5,
        "limit": 2,
        "offset": 0,
        "next": "/api/v1/chats?color=red&limit=2&offset=2",
        "previous": None,
    }
    seen, page = [], first
    while True:
        seen += [chat["id"] for chat in page["data"]]
        if page["pagination"]["next"] is None:
            break
        page = program.get(page["pagination"]["next"].removeprefix("/api/v1")).json()
    assert seen == made
    assert page["pagination"]["previous"] == "/api/v1/chats?color=red&limit=2&offset=2"


def test_pages_are_clamped_or_refused(program):
    assert program.get("/chats").json() == {
        "data": [],
        "pagination": {"total": 0, "limit": 20, "offset": 0, "next": None, "previous": None},
    }
    assert program.get("/chats?limit=101").json()["pagination"]["limit"] == 100
    past = program.get(f"/chats?offset={10**20}")
    assert (past.status_code, past.json()["data"]) == (200, [])
    for query in ("limit=0", "limit=-1", "limit=x", "offset=-1", "offset=1.5", "offset=%00", "limit=²"):
        refused = program.get(f"/chats?{query}")
        assert refused.status_code == 400, query
        assert set(refused.json()["error"]["details"]) == {query.partition("=")[0]}


def test_a_message_is_answered_from_the_documents_with_citations(program, person):
    add_entry(person.personal_account, "The office in Hamburg opens at nine.", title="Hours")
    chat = begin(program)
    response = program.post(f"/chats/{chat['id']}/messages", json={"content": "When does the office in Hamburg open?"})
    assert response.status_code == 201, response.text
    said = response.json()
    assert set(said) == {"message", "reply"}
    assert set(said["message"]) == set(said["reply"]) == MESSAGE
    assert (said["message"]["role"], said["message"]["sender"]) == ("user", "user")
    assert (said["reply"]["role"], said["reply"]["sender"]) == ("assistant", "assistant")
    assert said["message"]["chat_id"] == said["reply"]["chat_id"] == chat["id"]
    assert "nine" in said["reply"]["content"]
    assert [citation["index"] for citation in said["reply"]["citations"]] == [1]
    assert said["reply"]["status"] == "complete"
    assert program.get(f"/chats/{chat['id']}/messages").json()["data"] == [said["message"], said["reply"]]
    assert program.get(f"/chats/{chat['id']}/messages?limit=1&offset=1").json()["data"] == [said["reply"]]
    assert program.get(f"/chats/{chat['id']}").json()["updated_at"] > chat["updated_at"]
    assert AnswerUsage.objects.get(account=person.personal_account).answers == 1


def test_a_message_is_answered_as_a_stream(program, person):
    add_entry(person.personal_account, "The office in Hamburg opens at nine.", title="Hours")
    chat = begin(program)
    sent = {"content": "When does the office in Hamburg open?", "stream": True}
    with program.stream("POST", f"/chats/{chat['id']}/messages", json=sent) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert f"chat_{response.headers['X-Conversation-Id'].replace('-', '')}" == chat["id"]
        lines = [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    events = [json.loads(line) for line in lines[:-1]]
    assert (events[0]["type"], events[-1]["type"]) == ("stream_start", "stream_end")
    text = "".join(event["delta"] for event in events if event["type"] == "text_delta")
    reply = program.get(f"/chats/{chat['id']}/messages").json()["data"][1]
    assert (reply["content"], reply["id"]) == (text, events[0]["message_id"])


def test_a_chat_without_a_title_gets_its_first_question(program):
    chat = program.post("/chats", json={}).json()
    assert (chat["title"], chat["model"]) == ("", "extractive")
    program.post(f"/chats/{chat['id']}/messages", json={"content": "When  does\nit open?"})
    assert program.get(f"/chats/{chat['id']}").json()["title"] == "When does it open?"
    program.post(f"/chats/{chat['id']}/messages", json={"content": "And close?"})
    assert program.get(f"/chats/{chat['id']}").json()["title"] == "When does it open?"


def test_a_model_that_is_not_there_is_kept_by_name_and_does_not_keep_a_chat_from_answering(program):
    chat = begin(program, model="gpt-4")
    said = program.post(f"/chats/{chat['id']}/messages", json={"content": "When does it open?"}).json()
    assert said["reply"]["model"] == "extractive"
    assert program.get(f"/chats/{chat['id']}").json()["model"] == "gpt-4"


def test_nothing_is_kept_of_a_message_when_the_answers_are_used_up(program, person):
    person.personal_account.plan.answers_per_month = 0
    person.personal_account.plan.save()
    chat = begin(program)
    refused = program.post(f"/chats/{chat['id']}/messages", json={"content": "When?"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "quota_exceeded")
    assert not Message.objects.exists()


def test_chats_count_by_themselves_a_hundred_a_minute(program):
    program.get("/chat/conversations")
    shown = [program.get("/chats").headers["X-RateLimit-Remaining"] for _ in range(2)]
    assert shown == ["99", "98"]
    assert program.get("/chats").headers["X-RateLimit-Limit"] == "100"


def test_of_others_there_is_nothing(program, stranger):
    chat = begin(program)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("POST", "/messages")):
        refused = stranger.request(method, f"/chats/{chat['id']}{path}", json={"content": "When?"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert stranger.get("/chats").json()["pagination"]["total"] == 0
    assert program.get(f"/chats/{chat['id']}").json() == chat


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"title": 1}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"title": ["a"]}, "title"),
        ({"model": "x" * 201}, "model"),
        ({"model": {"a": 1}}, "model"),
        ({"title": None}, "title"),
    ],
)
def test_a_bad_chat_is_refused_by_field(program, sent, field):
    refused = program.post("/chats", json=sent)
    assert refused.status_code == 400
    assert set(refused.json()["error"]["details"]) == {field}


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"content": ""},
        {"content": "  "},
        {"content": 7},
        {"content": None},
        {"content": "x" * 8001},
        {"question": "?"},
    ],
)
def test_a_bad_message_is_refused_by_field(program, sent):
    chat = begin(program)
    refused = program.post(f"/chats/{chat['id']}/messages", json=sent)
    assert refused.status_code == 400
    assert set(refused.json()["error"]["details"]) == {"content"}
    assert not Message.objects.exists()


@pytest.mark.parametrize("written", ["1", "chat_1", "chat_" + "g" * 32, "conv_chat_" + "0" * 32, "%00"])
def test_what_is_no_id_is_not_found(program, written):
    for path in (f"/chats/{written}", f"/chats/{written}/messages"):
        refused = program.get(path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")


def test_what_a_client_sends_besides_is_not_taken(program, person):
    other = make_user("Dana")
    sent = {
        "id": "chat_" + "0" * 32,
        "user": other.pk,
        "account": other.personal_account.pk,
        "created_at": "2001-01-01",
    }
    chat = begin(program, **sent)
    assert chat["id"] != sent["id"]
    row = Conversation.objects.get()
    assert (row.user, row.account) == (person, person.personal_account)
    assert row.created_at.year > 2001
