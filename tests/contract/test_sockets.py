"""The WebSocket, with a client of its own over a real server: who may, what is said, and what must not be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from types import SimpleNamespace

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from accounts import api_tokens
from accounts.models import Account, AnswerUsage, Membership
from accounts.tokens import start_family
from accounts.usage import this_month
from chat import consumers
from chat.models import Conversation, Message
from tests.llm_settings.endpoints import DONE, STREAM_HEAD, said, serving

PATH = "/api/v1/ws"
PATIENCE = 10


class Socket:
    """Frames as objects."""

    def __init__(self, connection) -> None:
        self.connection = connection

    def say(self, type: str, **data) -> None:
        self.connection.send(json.dumps({"type": type, "data": data}))

    def hear(self, seconds: float = PATIENCE) -> tuple[str, dict]:
        frame = json.loads(self.connection.recv(timeout=seconds))
        assert set(frame) == {"type", "data"}
        return frame["type"], frame["data"]

    def hears_nothing(self, seconds: float = 0.5) -> bool:
        try:
            raise AssertionError(self.connection.recv(timeout=seconds))
        except TimeoutError:
            return True

    def closes(self, seconds: float = PATIENCE) -> int:
        try:
            while True:
                self.connection.recv(timeout=seconds)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@pytest.fixture
def open_socket(server):
    """Opens sockets with a token, and closes them after the test."""
    with contextlib.ExitStack() as stack:

        def open_one(token: str, more: str = "", path: str = PATH, **options) -> Socket:
            address = f"{server.replace('http', 'ws', 1)}{path}?token={token}{more}"
            return Socket(stack.enter_context(connect(address, proxy=None, **options)))

        yield open_one


@pytest.fixture
def model(settings):
    """A model that says `words`, one each `pause` seconds."""
    state = SimpleNamespace(words=["Hello ", "to ", "you."], pause=0.0, calls=0, hung_up=threading.Event())

    def tell(exchange):
        state.calls += 1
        exchange.write(STREAM_HEAD)
        try:
            for word in state.words:
                exchange.write(said(word))
                if state.pause and exchange.closed_by_peer(state.pause):
                    state.hung_up.set()
                    return
            exchange.write(said("", "stop") + DONE)
        except OSError:
            state.hung_up.set()

    with serving(tell) as endpoint:
        chat = {"provider": "openai", "base_url": endpoint.url, "model": "m", "api_key": "", "context_tokens": 4096}
        settings.CHAT = chat
        yield state


@pytest.fixture
def plain(monkeypatch):
    """Questions go to the model alone."""
    real = consumers.Question
    monkeypatch.setattr(consumers, "Question", lambda text: real(text=text, use_rag=False))


@pytest.fixture
def token(alice) -> str:
    return start_family(alice).access


def until_final(message_id: str | None = None) -> Message:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        rows = Message.objects.filter(role="assistant").exclude(status="writing")
        if found := (rows.filter(id=message_id) if message_id else rows).first():
            return found
        time.sleep(0.05)
    raise AssertionError(list(Message.objects.values("role", "status", "content")))


# --- what is said ----------------------------------------------------------------------------------------------------


def test_a_question_is_answered_on_all_sockets_of_the_user(open_socket, token, model, plain, alice):
    asking, other = open_socket(token), open_socket(token)
    asking.say("message", content="Hello, world!", sender="user")
    kind, question = other.hear()
    assert (kind, question["content"], question["sender"]) == ("message", "Hello, world!", "user")
    assert question["chat_id"].startswith("chat_")
    assert question["timestamp"].endswith("Z")
    for one in (asking, other):
        assert one.hear() == ("typing", {"chat_id": question["chat_id"], "sender": "assistant", "is_typing": True})
        kind, reply = one.hear()
        assert (kind, reply["sender"], reply["content"]) == ("message", "assistant", "Hello to you.")
        assert reply["chat_id"] == question["chat_id"]
        assert reply["citations"] == []
        assert one.hears_nothing()
    stored = list(Message.objects.values_list("role", "content", "status"))
    assert stored == [("user", "Hello, world!", "complete"), ("assistant", "Hello to you.", "complete")]
    assert Conversation.objects.get().user == alice


def test_a_chat_goes_on_in_whatever_form_its_id_is_sent(open_socket, token, model, plain, alice, account):
    chat = Conversation.objects.create(account=account, user=alice)
    asking = open_socket(token)
    for written in (str(chat.id), f"chat_{chat.id.hex}", f"conv_{chat.id.hex}"):
        asking.say("message", chat_id=written, content="Hi", sender="user", timestamp="2023-04-01T12:00:00Z")
        assert [asking.hear()[0], asking.hear()[1]["chat_id"]] == ["typing", f"chat_{chat.id.hex}"]
    assert Message.objects.filter(conversation=chat).count() == 6


def test_deltas_come_to_the_socket_that_wants_them(open_socket, token, model, plain):
    asking, other = open_socket(token, "&stream=1"), open_socket(token, "&stream=1")
    asking.say("message", content="Hi")
    heard = [asking.hear() for _ in range(5)]
    assert [kind for kind, _ in heard] == ["typing", "delta", "delta", "delta", "message"]
    assert "".join(data["delta"] for kind, data in heard if kind == "delta") == "Hello to you."
    assert {data["message_id"] for kind, data in heard if kind == "delta"} == {heard[-1][1]["id"]}
    assert [other.hear()[0] for _ in range(3)] == ["message", "typing", "message"]


def test_messages_are_answered_in_their_order(open_socket, token, model, plain, alice, account):
    chat = Conversation.objects.create(account=account, user=alice)
    asking = open_socket(token)
    for number in range(4):
        asking.say("message", chat_id=str(chat.id), content=f"Question {number}")
    for _ in range(4):
        assert [asking.hear()[0], asking.hear()[0]] == ["typing", "message"]
    roles = list(Message.objects.values_list("role", flat=True))
    assert roles == ["user", "assistant"] * 4


def test_typing_and_read_reach_the_other_sockets(open_socket, token, alice, account):
    chat = Conversation.objects.create(account=account, user=alice)
    row = Message.objects.create(account=account, conversation=chat, role="user", content="x")
    one, other = open_socket(token), open_socket(token)
    one.say("typing", chat_id=str(chat.id), is_typing=True, sender="user")
    name = f"chat_{chat.id.hex}"
    assert other.hear() == ("typing", {"chat_id": name, "sender": "user", "is_typing": True})
    one.say("read", chat_id=name, message_id=str(row.id))
    assert other.hear() == ("read", {"chat_id": name, "message_id": str(row.id)})
    assert one.hears_nothing()


# --- who may ---------------------------------------------------------------------------------------------------------


def test_nobody_else_hears_anything(open_socket, token, model, plain, bob, charlie, alice):
    shared = Account.objects.create_shared("Shared", alice)
    others = [
        open_socket(start_family(bob).access),
        open_socket(start_family(charlie).access),
        open_socket(token, f"&account_id={shared.id}"),
    ]
    asking = open_socket(token)
    asking.say("message", content="Secret")
    assert [asking.hear()[0], asking.hear()[0]] == ["typing", "message"]
    assert all(other.hears_nothing() for other in others)


def test_a_chat_of_another_is_as_none(open_socket, token, charlie, bob, account):
    theirs = Conversation.objects.create(account=charlie.personal_account, user=charlie)
    colleagues = Conversation.objects.create(account=account, user=bob)
    row = Message.objects.create(account=account, conversation=colleagues, role="user", content="x")
    one, listening = open_socket(token), open_socket(start_family(charlie).access)
    heard = set()
    for chat_id in (str(theirs.id), str(colleagues.id), "0" * 32):
        for kind, more in [("message", {"content": "x"}), ("typing", {}), ("read", {"message_id": str(row.id)})]:
            one.say(kind, chat_id=chat_id, **more)
            heard.add(json.dumps(one.hear()))
    assert heard == {json.dumps(("error", {"code": "not_found", "message": "Not found."}))}
    assert listening.hears_nothing()
    assert Message.objects.count() == 1


@pytest.mark.parametrize("bad", ["", "x", "a.b.c", "cb_0123456789abcdef0123456789abcdef", "%00", "%C3%A9", "dl_wrong"])
def test_a_bad_token(open_socket, bad):
    assert open_socket(bad).closes() == 4401


def test_a_personal_api_token_acts_in_its_account(open_socket, model, plain, alice, account):
    shared = Account.objects.create_shared("Shared", alice)
    _, text = api_tokens.create(alice, shared, "CI")
    one = open_socket(text, f"&account_id={account.id}")
    one.say("message", content="Hi")
    assert [one.hear()[0], one.hear()[0]] == ["typing", "message"]
    assert Conversation.objects.get().account == shared


def test_an_account_that_is_not_ones_own(open_socket, token, charlie):
    assert open_socket(token, f"&account_id={charlie.personal_account.id}").closes() == 4403
    assert open_socket(token, "&account_id=x").closes() == 4403


def test_a_page_of_another_site(open_socket, server, token):
    assert open_socket(token, origin="https://evil.example").closes() == 4403
    assert open_socket(token, origin="null").closes() == 4403
    assert open_socket(token, origin=server).hears_nothing()


def test_a_host_that_is_not_ours(open_socket, token):
    assert open_socket(token, additional_headers={"Host": "evil.example"}).closes() == 4403


@pytest.mark.parametrize("path", ["/", "/api/v1/wss", "/ws", "/api/v1/chats"])
def test_no_socket_elsewhere(open_socket, token, path):
    with pytest.raises(InvalidStatus) as refused:
        open_socket(token, path=path)
    assert refused.value.response.status_code == 404


def test_with_a_slash_too(open_socket, token):
    assert open_socket(token, path=PATH + "/").hears_nothing()


def test_no_token_in_the_log(open_socket, token, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("uvicorn.error").addHandler(caplog.handler)
    logging.getLogger("uvicorn.error").setLevel(logging.DEBUG)
    open_socket(token).connection.send("no JSON")
    open_socket(token + "x").closes()
    with pytest.raises(InvalidStatus):
        open_socket(token, path="/elsewhere")
    time.sleep(0.2)
    logging.getLogger("uvicorn.error").removeHandler(caplog.handler)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    own = [r for r in caplog.records if not r.name.startswith("websockets.client")]
    assert any("WebSocket" in r.getMessage() for r in own)
    assert not [r.getMessage() for r in own if token in r.getMessage() and "< " not in r.getMessage()]


# --- what must not be said -------------------------------------------------------------------------------------------

BAD_FRAMES = [
    "", "x", "null", "[]", "1", '"message"', "{}", '{"type": "message"}', '{"type": "message", "data": null}',
    '{"type": "message", "data": []}', '{"type": "message", "data": {}}', '{"type": 1, "data": {}}',
    '{"type": "error", "data": {}}', '{"type": "delta", "data": {}}', '{"type": "relay", "data": {}}',
    '{"type": "message", "data": {"content": ""}}', '{"type": "message", "data": {"content": "  "}}',
    '{"type": "message", "data": {"content": {"a": 1}}}', '{"type": "message", "data": {"content": "a\\u0000b"}}',
    '{"type": "message", "data": {"content": "\\ud800"}}', '{"type": "message", "data": {"content": NaN}}',
    '{"type": "message", "data": {"content": "x", "chat_id": "chat_123"}}',
    '{"type": "message", "data": {"content": "x", "chat_id": 7}}',
    '{"type": "message", "data": {"content": "x", "sender": "assistant"}}',
    '{"type": "typing", "data": {}}', '{"type": "read", "data": {"chat_id": "' + "0" * 32 + '"}}',
    '{"type": "message", "data": {"content": "' + "x" * 8001 + '"}}',
    "[" * 50_000, '{"a":' * 20_000 + "1" + "}" * 20_000, b"\x00\x01", b'{"type": "typing"}',
]  # fmt: skip


@pytest.mark.parametrize("frame", BAD_FRAMES, ids=range(len(BAD_FRAMES)))
def test_a_bad_frame_gets_an_error_and_the_socket_lives_on(open_socket, token, model, plain, frame):
    one = open_socket(token)
    one.connection.send(frame)
    kind, data = one.hear()
    assert (kind, data["code"]) == ("error", "invalid_request"), data
    assert data["message"]
    assert not Message.objects.exists()
    one.say("message", content="Hi")
    assert [one.hear()[0], one.hear()[0]] == ["typing", "message"]


def test_a_frame_that_is_too_large(open_socket, token):
    one = open_socket(token)
    one.say("message", content="x" * 200_000)
    assert one.hear()[1]["code"] == "payload_too_large"
    one.say("typing")
    assert one.hear()[1]["code"] == "invalid_request"


# --- limits ----------------------------------------------------------------------------------------------------------


def test_messages_count_as_requests_do(open_socket, browser, token, model, plain, account):
    account.plan.requests_per_minute = 3
    account.plan.save()
    client = browser(token)
    assert client.get("/users/me").status_code == 200
    one = open_socket(token)
    for _ in range(2):
        one.say("message", content="Hi")
        assert [one.hear()[0], one.hear()[0]] == ["typing", "message"]
    one.say("message", content="Hi")
    kind, data = one.hear()
    assert (kind, data["code"]) == ("error", "rate_limited")
    assert 0 < data["retry_after"] <= 61
    assert client.get("/users/me").status_code == 429


def test_other_frames_have_a_limit_of_their_own(open_socket, token, monkeypatch):
    monkeypatch.setattr(consumers, "FRAMES_A_MINUTE", 2)
    one = open_socket(token)
    codes = []
    for _ in range(4):
        one.connection.send("x")
        codes.append(one.hear()[1]["code"])
    assert codes == ["invalid_request"] * 2 + ["rate_limited"] * 2


def test_the_plans_answers_are_used_up(open_socket, token, model, plain, account):
    limit = account.allowance.answers_per_month
    AnswerUsage.objects.create(account=account, month=this_month(), answers=limit)
    one = open_socket(token)
    one.say("message", content="Hi")
    assert one.hear()[1]["code"] == "quota_exceeded"
    assert model.calls == 0
    assert not Message.objects.exists()


def test_a_provider_that_fails(open_socket, token, model, plain, settings):
    settings.CHAT = settings.CHAT | {"base_url": "http://127.0.0.1:9/v1"}
    one, other = open_socket(token), open_socket(token)
    one.say("message", content="Hi")
    assert one.hear()[1]["is_typing"] is True
    kind, typing = one.hear(30)
    assert (kind, typing["is_typing"]) == ("typing", False)
    assert one.hear()[1]["code"] in ("provider_error", "provider_timeout")
    assert [other.hear()[0] for _ in range(3)] == ["message", "typing", "typing"]
    assert until_final().status == "interrupted"


# --- endings ---------------------------------------------------------------------------------------------------------


def test_revocation_closes_the_socket_and_ends_its_answer(open_socket, browser, alice, model, plain, settings):
    settings.CREDENTIAL_CHECK_SECONDS = 0.5
    model.words, model.pause = ["word "] * 200, 0.1
    revoked, kept = start_family(alice).access, start_family(alice).access
    one, other = open_socket(revoked), open_socket(kept)
    one.say("message", content="Hi")
    assert one.hear()[0] == "typing"
    assert browser(revoked).post("/auth/logout").status_code == 200
    assert one.closes() == 4401
    assert model.hung_up.wait(5)
    reply = until_final()
    assert (reply.status, reply.reason) == ("stopped", "The credential was revoked.")
    assert [other.hear()[0] for _ in range(2)] == ["message", "typing"]
    other.say("typing", chat_id=str(reply.conversation_id))
    assert other.hears_nothing()


def test_a_message_with_a_dead_credential_is_not_taken(open_socket, browser, alice, model, plain):
    token = start_family(alice).access
    one = open_socket(token)
    browser(token).post("/auth/logout")
    one.say("message", content="Hi")
    assert one.closes() == 4401
    assert not Message.objects.exists()
    assert model.calls == 0


def test_removal_from_the_account(open_socket, bob, account, settings):
    settings.CREDENTIAL_CHECK_SECONDS = 0.5
    one = open_socket(start_family(bob).access, f"&account_id={account.id}")
    Membership.objects.filter(account=account, user=bob).delete()
    assert one.closes() == 4401


def test_who_leaves_alone_stops_the_answer(open_socket, token, model, plain):
    model.words, model.pause = ["word "] * 200, 0.1
    one = open_socket(token, "&stream=1")
    one.say("message", content="Hi")
    while one.hear()[0] != "delta":
        pass
    one.connection.close()
    assert model.hung_up.wait(5)
    reply = until_final()
    assert reply.status == "stopped"
    assert reply.content.startswith("word")


def test_an_answer_goes_on_for_the_users_other_sockets(open_socket, token, model, plain):
    model.words, model.pause = ["word "] * 15, 0.1
    one, other = open_socket(token), open_socket(token)
    one.say("message", content="Hi")
    assert one.hear()[0] == "typing"
    one.connection.close()
    assert [other.hear()[0] for _ in range(2)] == ["message", "typing"]
    kind, reply = other.hear()
    assert (kind, reply["content"]) == ("message", "word " * 15)
    assert until_final().status == "complete"


def test_a_reader_who_takes_nothing_is_let_go(open_socket, token, alice, account, monkeypatch):
    async def stuck(self):
        await asyncio.Event().wait()

    monkeypatch.setattr(consumers, "OUTGOING_FRAMES", 4)
    monkeypatch.setattr(consumers.ChatSocket, "_write", stuck)
    chat = Conversation.objects.create(account=account, user=alice)
    one, slow = open_socket(token), open_socket(token)
    for _ in range(5):
        one.say("typing", chat_id=str(chat.id))
    assert slow.closes() == 1013
    assert one.hears_nothing()


def test_many_sockets_hear_one_answer(open_socket, token, model, plain):
    sockets = [open_socket(token) for _ in range(15)]
    sockets[0].say("message", content="Hi")
    for one in sockets[1:]:
        assert one.hear()[1]["sender"] == "user"
    for one in sockets:
        assert [one.hear()[0], one.hear()[1]["content"]] == ["typing", "Hello to you."]
