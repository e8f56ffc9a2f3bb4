"""What a client does about a stream it lost, or an answer it did not get: go on, and ask again with the same key."""

from __future__ import annotations

import concurrent.futures
import json
import threading
import time
from types import SimpleNamespace

import pytest
from django.core.cache import cache

from accounts.models import AnswerUsage
from accounts.tokens import start_family
from chat.api import idempotency
from chat.html import as_html
from chat.models import Citation, Conversation, Message
from doculume.ids import new_id
from integrations.models import Integration
from tests.llm_settings.endpoints import DONE, STREAM_HEAD, said, serving

ASK = "/chat/ask"
QUESTION = {"question": "Tell me.", "use_rag": False}
KEY = {"Idempotency-Key": "5f3c0c2e-once"}


@pytest.fixture
def model(settings):
    """A model that says `words`, one each `pause` seconds; `status` fails it."""
    state = SimpleNamespace(words=["Hello ", "to ", "you."], pause=0.0, calls=0, status="", hung_up=threading.Event())

    def tell(exchange):
        state.calls += 1
        if state.status:
            exchange.write(f"HTTP/1.1 {state.status}\r\ncontent-length: 0\r\n\r\n".encode())
            return
        exchange.write(STREAM_HEAD)
        for word in state.words:
            exchange.write(said(word))
            if state.pause and exchange.closed_by_peer(state.pause):
                state.hung_up.set()
                return
        exchange.write(said("", "stop") + DONE)

    with serving(tell) as endpoint:
        chat = {"provider": "openai", "base_url": endpoint.url, "model": "m", "api_key": "", "context_tokens": 4096}
        settings.CHAT = chat
        yield state


@pytest.fixture
def client(browser, alice):
    return browser(start_family(alice).access)


def parsed(text: str) -> list[tuple[str, dict]]:
    """Strictly: (id, event) of all blocks but heartbeats; the last is [DONE]."""
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    assert blocks.pop() == "data: [DONE]"
    events = []
    for block in blocks:
        first, second = block.split("\n")
        assert first.startswith("id: ")
        assert second.startswith("data: ")
        events.append((first[4:], json.loads(second[6:])))
    return events


def text_of(events) -> str:
    return "".join(event["delta"] for _, event in events if event["type"] == "text_delta")


def finished(account, alice, **fields) -> Message:
    conversation = Conversation.objects.create(account=account, user=alice)
    common = {"account": account, "conversation": conversation, "role": "assistant", "content": "Größe 📄 [1]."}
    return Message.objects.create(**common | {"status": "complete", "reason": "stop"} | fields)


# --- going on --------------------------------------------------------------------------------------------------------


def test_a_finished_answer_from_each_of_its_places(client, model):
    events = parsed(client.post(ASK, json=QUESTION | {"stream": True}).text)
    message_id = events[0][1]["message_id"]
    for number, (place, _) in enumerate(events[:-1]):
        rest = client.get(f"/chat/messages/{message_id}/stream", headers={"Last-Event-ID": place})
        assert rest.headers["content-type"] == "text/event-stream"
        assert rest.headers["x-conversation-id"] == events[0][1]["conversation_id"]
        told = parsed(rest.text)
        assert text_of(events[: number + 1]) + text_of(told) == "Hello to you."
        assert told[-1][1]["type"] == "stream_end"
        assert told[-1][1]["usage"] == events[-1][1]["usage"]
        assert told[-1][0] == events[-1][0]
        assert "stream_start" not in [event["type"] for _, event in told]
    over = client.get(f"/chat/messages/{message_id}/stream?last_event_id={events[-1][0]}")
    assert (over.status_code, over.content) == (204, b"")


def test_a_finished_answer_from_its_beginning_with_its_citations(client, account, alice):
    message = finished(account, alice)
    ids = {"entry_id": new_id(), "chunk_id": new_id()}
    Citation.objects.create(account=account, message=message, index=1, snippet="x", start=0, end=1, **ids)
    events = parsed(client.get(f"/chat/messages/{message.id}/stream").text)
    assert [event["type"] for _, event in events] == ["stream_start", "text_delta", "citation", "stream_end"]
    assert events[1][1]["delta"] == "Größe 📄 [1]."
    assert events[2][1]["citation"]["entry_id"] == str(ids["entry_id"])
    assert [place for place, _ in events] == ["0", "12", "12", "end"]


def test_an_answer_in_html_from_each_of_its_places(client, model, account):
    integration = Integration.objects.create(account=account, type="chatbot", name="Hers")
    path, sent = f"/integrations/{integration.id}/chat", {"message": "Are you there?"}
    message_id = client.post(path, json=sent | {"stream": False}).json()["message_id"]
    markdown = "One **bold** word.\n\n- a\n- b\n\n```\nx\n\ny < z\n```\n\nThe *end*."
    Message.objects.filter(id=message_id).update(content=markdown)
    stream = f"/chat/messages/{message_id}/stream?format=html"
    events = parsed(client.get(stream).text)
    whole = text_of(events)
    assert whole == as_html(markdown)
    assert "<strong>bold</strong>" in whole
    for number, (place, _) in enumerate(events[:-1]):
        told = parsed(client.get(stream, headers={"Last-Event-ID": place}).text)
        assert text_of(events[: number + 1]) + text_of(told) == whole
    refused = client.get(stream.replace("html", "pdf"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")


def test_an_answer_that_streams_in_html_says_where_in_the_markdown_it_is(client, model, account, settings):
    integration = Integration.objects.create(account=account, type="chatbot", name="Hers")
    sent = {"message": "Are you there?", "format": "html"}
    events = parsed(client.post(f"/integrations/{integration.id}/chat", json=sent).text)
    markdown = Message.objects.get(role="assistant").content
    assert text_of(events) == as_html(markdown)
    assert text_of(events) != markdown
    assert [place for place, event in events if event["type"] == "text_delta"][-1] == str(len(markdown))


def test_a_running_answer_is_followed_to_its_end(client, model):
    model.words, model.pause = [f"word{n} " for n in range(25)], 0.1
    with client.stream("POST", ASK, json=QUESTION | {"stream": True}) as response:
        lines = response.iter_lines()
        place, got, message_id = "", "", ""
        for line in lines:
            if line.startswith("id: "):
                place = line[4:]
            if line.startswith("data: "):
                event = json.loads(line[6:])
                message_id = event.get("message_id", message_id)
                got += event.get("delta", "")
            if got.count("word") == 5:
                break
        with concurrent.futures.ThreadPoolExecutor() as beside:
            following = beside.submit(
                client.get, f"/chat/messages/{message_id}/stream", headers={"Last-Event-ID": place}
            )
            for _ in lines:
                pass
            told = parsed(following.result(20).text)
    assert got + text_of(told) == "".join(model.words)
    assert len([1 for _, event in told if event["type"] == "text_delta"]) > 1
    assert told[-1][1]["reason"] == "stop"
    assert model.calls == 1


def test_an_answer_whose_reader_left_tells_how_far_it_came(client, model):
    model.words, model.pause = ["word "] * 100, 0.1
    with client.stream("POST", ASK, json=QUESTION | {"stream": True}) as response:
        for line in response.iter_lines():
            if '"text_delta"' in line:
                message_id = json.loads(line[6:])["message_id"]
                break
    assert model.hung_up.wait(5)
    events = parsed(client.get(f"/chat/messages/{message_id}/stream?last_event_id=0").text)
    assert text_of(events).startswith("word")
    assert events[-1][1]["reason"] == "stopped"


def test_an_interrupted_answer_ends_with_its_error(client, account, alice):
    message = finished(account, alice, content="Half", status="interrupted", reason="The provider failed.")
    events = parsed(client.get(f"/chat/messages/{message.id}/stream").text)
    assert events[-1][1]["error"] == {"code": "provider_error", "message": "The provider failed."}


@pytest.mark.parametrize("place", ["x", "-1", "1.5", "9" * 30, "%00", "END"])
def test_a_place_that_is_none(client, account, alice, place):
    message = finished(account, alice)
    answer = client.get(f"/chat/messages/{message.id}/stream?last_event_id={place}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"


def test_nobody_else_follows(browser, account, alice, bob, charlie, client):
    message = finished(account, alice)
    question = finished(account, alice, role="user")
    for place in ("", "?last_event_id=end", "?last_event_id=3"):
        assert client.get(f"/chat/messages/{question.id}/stream{place}").status_code == 404
        for who in (bob, charlie):
            headers = {"X-Account-Id": str(account.id)} if who is bob else {}
            other = browser(start_family(who).access, **headers)
            assert other.get(f"/chat/messages/{message.id}/stream{place}").status_code == 404


def test_a_deleted_answer_ends_its_follower(client, account, alice):
    message = finished(account, alice, content="", status="writing")
    with concurrent.futures.ThreadPoolExecutor() as beside:
        following = beside.submit(client.get, f"/chat/messages/{message.id}/stream")
        time.sleep(0.7)
        Message.objects.all().delete()
        assert parsed(following.result(10).text)[-1][1]["error"]["code"] == "not_found"


# --- asking again ----------------------------------------------------------------------------------------------------


def test_the_same_request_again_gets_the_same_answer(client, model, account):
    first = client.post(ASK, json=QUESTION, headers=KEY)
    model.words = ["Something else."]
    again = client.post(ASK, json=QUESTION, headers=KEY)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert model.calls == 1
    assert AnswerUsage.objects.get(account=account).answers == 1
    assert Message.objects.count() == 2
    other = client.post(ASK, json=QUESTION, headers={"Idempotency-Key": "another"})
    assert other.json()["answer"] == "Something else."


def test_a_stream_again(client, model):
    asked = QUESTION | {"stream": True}
    first, again = (parsed(client.post(ASK, json=asked, headers=KEY).text) for _ in range(2))
    assert text_of(first) == text_of(again) == "Hello to you."
    assert again[0][1]["message_id"] == first[0][1]["message_id"]
    assert model.calls == 1


def test_of_many_at_once_one_is_answered_and_the_others_get_its_answer(client, model):
    model.pause = 0.3

    def ask(_):
        while (got := client.post(ASK, json=QUESTION, headers=KEY)).status_code == 409:
            assert got.headers["retry-after"] == "1"
            time.sleep(0.1)
        return got

    with concurrent.futures.ThreadPoolExecutor(8) as beside:
        answers = list(beside.map(ask, range(8)))
    assert {one.status_code for one in answers} == {200}
    assert len({one.json()["message_id"] for one in answers}) == 1
    assert {one.json()["answer"] for one in answers} == {"Hello to you."}
    assert model.calls == 1


def test_a_message_of_a_chat_again(client, model, account, alice):
    chat = Conversation.objects.create(account=account, user=alice)
    sent = {"content": "Tell me.", "use_rag": False}
    first, again = (client.post(f"/chats/{chat.id}/messages", json=sent, headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    told = parsed(client.post(f"/chats/{chat.id}/messages", json=sent | {"stream": True}).text)
    assert text_of(told) == "Hello to you."
    assert (model.calls, Message.objects.count()) == (2, 4)
    assert client.post(ASK, json=QUESTION, headers=KEY).status_code == 409


def test_an_integrations_answer_again(client, account):
    integration = Integration.objects.create(account=account, type="chatbot", name="Hers")
    path, sent = f"/integrations/{integration.id}/chat", {"message": "Are you there?", "stream": False}
    first, again = (client.post(path, json=sent, headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert Message.objects.count() == 2
    refused = client.post(path, json=sent | {"message": "Hello?"}, headers=KEY)
    assert (refused.status_code, list(refused.json())) == (409, ["message"])
    streamed = [client.post(path, json=sent | {"stream": True}, headers={"Idempotency-Key": "s"}) for _ in range(2)]
    assert len({one.headers["x-conversation-id"] for one in streamed}) == 1
    assert text_of(parsed(streamed[0].text)) == text_of(parsed(streamed[1].text)) != ""
    assert Message.objects.count() == 4


def test_the_key_of_another_request(client, model):
    assert client.post(ASK, json=QUESTION, headers=KEY).status_code == 200
    for changed in ({"question": "Tell me more."}, {"stream": True}, {"temperature": 1}):
        refused = client.post(ASK, json=QUESTION | changed, headers=KEY)
        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "conflict"
    assert model.calls == 1


def test_a_key_is_its_users_in_its_account(client, browser, model, bob, account):
    client.post(ASK, json=QUESTION, headers=KEY)
    for headers in ({}, {"X-Account-Id": str(account.id)}):
        assert browser(start_family(bob).access, **headers).post(ASK, json=QUESTION, headers=KEY).status_code == 200
    assert model.calls == 3


def test_a_refused_request_leaves_its_key_free(client, model):
    missing = QUESTION | {"conversation_id": str(new_id())}
    assert client.post(ASK, json=missing, headers=KEY).status_code == 404
    assert client.post(ASK, json={}, headers=KEY).status_code == 400
    assert client.post(ASK, json=QUESTION, headers=KEY).status_code == 200


def test_a_failed_answer_is_tried_again(client, model):
    model.status = "401 Unauthorized"
    assert client.post(ASK, json=QUESTION, headers=KEY).status_code == 502
    assert client.post(ASK, json=QUESTION, headers=KEY).status_code == 502
    model.status = ""
    first, again = (client.post(ASK, json=QUESTION, headers=KEY) for _ in range(2))
    assert first.json() == again.json()
    assert first.json()["answer"] == "Hello to you."
    assert model.calls == 3


def test_a_deleted_answer_is_not_told(client, model):
    conversation_id = client.post(ASK, json=QUESTION, headers=KEY).json()["conversation_id"]
    assert client.delete(f"/chat/conversations/{conversation_id}").status_code == 200
    assert client.post(ASK, json=QUESTION, headers=KEY).status_code == 404
    assert model.calls == 1


def test_nothing_that_was_said_is_kept_with_the_key(client, model, monkeypatch):
    kept = []

    def setting(*args):
        kept.append(args)
        cache.set(*args)

    recording = SimpleNamespace(add=cache.add, get=cache.get, delete=cache.delete, set=setting)
    monkeypatch.setattr(idempotency, "cache", recording)
    client.post(ASK, json=QUESTION, headers=KEY)
    [(name, value, seconds)] = kept
    assert seconds == 24 * 3600
    assert not [secret for secret in ("Tell me", "Hello", KEY["Idempotency-Key"]) if secret in name + value]


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é".encode()])
def test_a_key_that_is_none(client, model, key):
    refused = client.post(ASK, json=QUESTION, headers={"Idempotency-Key": key})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "invalid_request"
    assert model.calls == 0
