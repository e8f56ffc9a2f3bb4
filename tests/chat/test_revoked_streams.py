"""A stream ends soon after its credential died, also while the model says nothing."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from django.test import Client
from rest_framework.test import APIClient

from accounts import api_tokens, deletion, members
from accounts.liveness import Credential
from accounts.models import Account, Membership, TokenFamily
from accounts.tokens import start_family
from chat import transcript
from chat.answering import active_embedder
from chat.events import Failed, TextDelta
from chat.models import Conversation, Message
from chat.watching import while_it_holds
from tests.cast import PASSWORD, client_of
from tests.llm_settings.endpoints import DONE, said, serving, streaming

ASK = "/api/v1/chat/ask"
QUESTION = {"question": "Tell me a long story.", "use_rag": False, "stream": True}
SILENCE = 15  # seconds; a stream that outlives its credential fails the tests by their clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def model(settings):
    """A model that says two words and then nothing; `model.then` is what happens meanwhile, on another connection."""
    settings.CREDENTIAL_CHECK_SECONDS = 0.5
    # Loading it would hold up the checks.
    active_embedder().count_tokens("x")
    state = SimpleNamespace(then=lambda: None, hung_up=threading.Event(), silence=SILENCE)

    def tell(exchange):
        streaming(said("Once "), said("upon"))(exchange)
        time.sleep(0.3)
        state.then()
        connection.close()
        if exchange.closed_by_peer(state.silence):
            state.hung_up.set()
        else:
            streaming_rest = (said(" a time.", "stop"), DONE)
            for piece in streaming_rest:
                exchange.write(piece)

    with serving(tell) as endpoint:
        settings.CHAT = {
            "provider": "openai",
            "base_url": endpoint.url,
            "model": "m",
            "api_key": "",
            "context_tokens": 4096,
        }
        yield state


def stream_of(client, **extra) -> tuple[list[dict], str, float]:
    """The events, the last line, and how long it took."""
    started = time.monotonic()
    kind = {} if isinstance(client, APIClient) else {"content_type": "application/json"}
    response = client.post(ASK, QUESTION, **kind, **extra)
    assert response.status_code == 200, response.content
    lines = b"".join(response).decode().split("\n\n")
    data = [line.partition("data: ")[2] for line in lines if "data: " in line]
    return [json.loads(part) for part in data[:-1]], data[-1], time.monotonic() - started


def must_end(model, client, **extra) -> None:
    events, last, seconds = stream_of(client, **extra)
    assert last == "[DONE]"
    assert events[-1]["type"] == "error", events
    assert events[-1]["error"]["code"] == "unauthenticated"
    assert "".join(event["delta"] for event in events if event["type"] == "text_delta") == "Once upon"
    assert seconds < SILENCE / 2
    assert model.hung_up.wait(5)
    # Nothing is left where the account itself is gone.
    for reply in Message.objects.filter(role="assistant"):
        assert (reply.status, reply.content) == ("stopped", "Once upon")
        assert reply.reason == "The credential was revoked."


def bearer(token: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_a_stream_whose_credential_lives_ends_by_itself(model, as_alice):
    model.silence = 1
    events, last, _ = stream_of(as_alice)
    assert (events[-1]["type"], last) == ("stream_end", "[DONE]"), events[-1]
    assert Message.objects.get(role="assistant").content == "Once upon a time."


def test_signing_out(model, alice):
    pair = start_family(alice)
    model.then = lambda: bearer(pair.access).post("/api/v1/auth/logout")
    must_end(model, bearer(pair.access))


@pytest.mark.parametrize("path", ["/api/v1/chat/ask", "/api/v1/chats/{chat}/messages"])
def test_an_answer_that_is_waited_for_whole(model, alice, account, path):
    pair = start_family(alice)
    chat = Conversation.objects.create(account=account, user=alice)
    model.then = lambda: bearer(pair.access).post("/api/v1/auth/logout")
    started, asked = time.monotonic(), {"question": "Tell me.", "content": "Tell me.", "use_rag": False}
    wanted = {name: asked[name] for name in ("use_rag", "question" if path.endswith("ask") else "content")}
    answer = bearer(pair.access).post(path.format(chat=chat.id), wanted)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert time.monotonic() - started < SILENCE / 2
    assert model.hung_up.wait(5)
    reply = Message.objects.get(role="assistant")
    assert (reply.status, reply.content, reply.reason) == ("stopped", "Once upon", "The credential was revoked.")


def test_signing_out_elsewhere_ends_nothing_here(model, alice):
    other = start_family(alice)
    model.silence = 1
    model.then = lambda: bearer(other.access).post("/api/v1/auth/logout")
    events, _, _ = stream_of(client_of(alice))
    assert events[-1]["type"] == "stream_end"


def test_suspension(model, alice):
    model.then = lambda: type(alice).objects.filter(pk=alice.pk).update(is_active=False)
    must_end(model, client_of(alice))


def test_a_new_password(model, alice):
    def change():
        alice.set_password("another " + PASSWORD)
        alice.save()

    model.then = change
    must_end(model, client_of(alice))


def test_removal_from_the_account(model, alice, bob):
    account = Account.objects.create_shared("Shared", alice)
    membership = Membership.objects.create(account=account, user=bob)
    model.then = lambda: members.take_out(membership, actor=alice)
    must_end(model, client_of(bob, account))


def test_a_revoked_api_token(model, alice, account):
    token, text = api_tokens.create(alice, account, "CI")
    model.then = lambda: api_tokens.revoke(token, "no longer needed", actor=alice)
    must_end(model, bearer(text))


def test_deletion_of_the_user(model, alice):
    model.then = lambda: deletion.delete_user(alice)
    must_end(model, client_of(alice))
    assert not Message.objects.exists()


def test_the_end_of_a_page_session(model, alice):
    page = Client(raise_request_exception=False)
    page.force_login(alice)
    model.then = lambda: page.session.flush()
    must_end(model, page)


def test_a_new_password_ends_what_pages_have_open(model, alice):
    page = Client(raise_request_exception=False)
    page.force_login(alice)

    def change():
        alice.set_password("another " + PASSWORD)
        alice.save()

    model.then = change
    must_end(model, page)


async def test_what_cannot_be_checked_for_long_is_taken_for_dead(alice, account, monkeypatch):
    membership = await Membership.objects.aget(user=alice, account=account)
    family = await TokenFamily.objects.aget(id=(await sync_to_async(family_of)(alice)))
    credential = Credential.shown(membership, family)
    assert await credential.still_holds()

    async def unreachable(self):
        raise DatabaseError("gone")

    monkeypatch.setattr(Credential, "still_holds", unreachable)
    started = time.monotonic()
    await asyncio.wait_for(credential.death(0.2), 3)
    assert 0.35 < time.monotonic() - started < 1


async def test_one_failed_check_ends_nothing(alice, account, monkeypatch):
    answers = iter([DatabaseError("gone"), True, DatabaseError("gone"), True, True])

    async def flaky(self):
        answer = next(answers, True)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Credential, "still_holds", flaky)
    credential = Credential(alice.pk, account.pk)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(credential.death(0.05), 0.6)


async def test_a_reader_who_leaves_is_still_a_reader_who_left(alice, account):
    membership = await Membership.objects.aget(user=alice, account=account)
    turn = await sync_to_async(transcript.begin)(account, alice, "When?", None, "extractive")
    ended = asyncio.Event()

    async def events():
        try:
            yield TextDelta("one")
            await asyncio.sleep(60)
        finally:
            ended.set()

    watched = while_it_holds(events(), Credential.shown(membership, None, "none"), turn, every=60)
    assert await anext(watched) == TextDelta("one")
    waiting = asyncio.ensure_future(anext(watched))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await watched.aclose()
    assert ended.is_set()
    assert turn.stopped_because == "The reader left."
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_session_that_never_was_is_dead(alice, account):
    membership = await Membership.objects.aget(user=alice, account=account)
    for key in (None, "", "made-up"):
        assert not await Credential.shown(membership, None, key).still_holds()


async def test_the_last_event_says_why(alice, account):
    turn = await sync_to_async(transcript.begin)(account, alice, "When?", None, "extractive")

    async def events():
        yield TextDelta("one")
        await asyncio.sleep(60)

    seen = [event async for event in while_it_holds(events(), Credential(alice.pk, account.pk), turn, every=0.05)]
    assert seen[0] == TextDelta("one")
    assert isinstance(seen[-1], Failed)
    assert (seen[-1].code, seen[-1].status_code) == ("unauthenticated", 401)


def family_of(user):
    start_family(user)
    return user.token_families.latest("created_at").id
