"""Which model answers where several could, how much it is given to read, and what an account keeps to itself."""

from __future__ import annotations

import json

import httpx2
import pytest

from accounts.models import AuditEvent
from chat.answering import window_of
from llm_settings import configuring, tasks
from llm_settings.models import LLMProvider
from llm_settings.providers import chat_models_for
from llm_settings.providers.fallback import FirstThatAnswers
from tests.contract.bad_input import structured
from tests.contract.sse import read
from tests.llm_settings.endpoints import DONE, answering, said, serving, streaming

SETTINGS, PROVIDER, TRIAL = (f"/api/v1/settings/llm{path}" for path in ("", "/provider", "/test"))
ASK = {"question": "Tell me.", "use_rag": False}
FAILS = answering("503 Service Unavailable", '{"error": {"message": "overloaded"}}')

pytestmark = pytest.mark.django_db(transaction=True)


def says(word: str):
    return streaming(said(word, "stop"), DONE)


def lists(*rows: dict):
    """An endpoint that says what it has, and answers."""
    listed = answering("200 OK", json.dumps({"data": rows}))
    return lambda exchange: (listed if exchange.path == "/v1/models" else says("OK"))(exchange)


def allow(settings, *endpoints) -> None:
    settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(endpoint.url).port) for endpoint in endpoints]


def add(account, user, name, endpoint, **wanted) -> LLMProvider:
    wanted = {"model": f"{name}-model", "base_url": endpoint.url} | wanted
    return configuring.save(account, name, request=None, actor=user, **wanted)[0]


def deployments(settings, endpoint) -> None:
    settings.CHAT = settings.CHAT | {"provider": "openai", "base_url": endpoint.url, "model": "everybodys"}


def streamed(client, **asked) -> list[dict]:
    response = client.post("/api/v1/chat/ask", ASK | {"stream": True} | asked)
    return read(b"".join(response).decode())


def told(events) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "text_delta")


# --- a conversation's wish -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", ["second-model", "second"])
def test_the_model_that_a_chat_was_begun_with_answers_in_it(as_alice, account, alice, settings, wish):
    with serving(says("one")) as one, serving(says("two")) as two:
        allow(settings, one, two)
        add(account, alice, "first", one)
        add(account, alice, "second", two)
        chat = as_alice.post("/api/v1/chats", {"title": "Wishes", "model": wish}).json()
        sent = as_alice.post(f"/api/v1/chats/{chat['id']}/messages", ASK | {"content": "Tell me."})
        assert (sent.json()["reply"]["content"], sent.json()["reply"]["model"]) == ("two", "second-model")
        assert as_alice.get(f"/api/v1/chats/{chat['id']}").json()["model"] == wish
    assert one.requests == []


def test_a_model_that_only_another_account_has_is_no_wish_that_counts(as_alice, account, alice, charlie, settings):
    with serving(says("mine")) as mine, serving(says("theirs")) as theirs:
        allow(settings, mine, theirs)
        add(account, alice, "first", mine)
        add(charlie.personal_account, charlie, "theirs", theirs)
        chat = as_alice.post("/api/v1/chats", {"title": "Wishes", "model": "theirs-model"}).json()
        sent = as_alice.post(f"/api/v1/chats/{chat['id']}/messages", ASK | {"content": "Tell me."})
        assert sent.json()["reply"]["content"] == "mine"
    assert theirs.requests == []


def test_who_wants_everybodys_model_gets_it_before_their_own(as_alice, account, alice, settings):
    with serving(says("own")) as own, serving(says("everybody's")) as other:
        allow(settings, own)
        deployments(settings, other)
        add(account, alice, "first", own)
        replies = []
        for wish in ("everybodys", "", "unheard of"):
            chat = as_alice.post("/api/v1/chats", {"title": "Wishes", "model": wish}).json()
            sent = as_alice.post(f"/api/v1/chats/{chat['id']}/messages", ASK | {"content": "Tell me."})
            replies.append((sent.json()["reply"]["content"], sent.json()["reply"]["model"]))
        assert replies == [("everybody's", "everybodys"), ("own", "first-model"), ("own", "first-model")]
        # An own one of that name is meant before another's.
        add(account, alice, "second", own, model="everybodys")
        chat = as_alice.post("/api/v1/chats", {"title": "Wishes", "model": "everybodys"}).json()
        sent = as_alice.post(f"/api/v1/chats/{chat['id']}/messages", ASK | {"content": "Tell me."})
        assert (sent.json()["reply"]["content"], sent.json()["reply"]["model"]) == ("own", "everybodys")


def test_a_stream_begins_with_the_name_of_the_provider(as_alice, account, alice, settings):
    with serving(says("yes")) as one:
        allow(settings, one)
        deployments(settings, one)
        assert streamed(as_alice)[0]["provider"] == "openai"
        add(account, alice, "our own", one)
        start = streamed(as_alice)[0]
        assert (start["provider"], start["model"]) == ("our own", "our own-model")


# --- how much it reads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "tokens"),
    [
        ({"meta": {"n_ctx": 4096, "n_ctx_train": 32768}}, 4096),
        ({"max_model_len": 16384}, 16384),
        ({"loaded_context_length": 4096, "max_context_length": 131072}, 4096),
        ({"context_length": 200000}, 200000),
        ({"context_window": 131072}, 131072),
        ({}, None),
        ({"context_length": "many"}, None),
        ({"context_length": True}, None),
        ({"context_length": -1}, None),
        ({"meta": [], "context_length": 10**12}, None),
    ],
)
def test_an_endpoint_is_asked_how_much_its_model_reads(account, alice, settings, row, tokens):
    with serving(lists({"id": "another", "context_length": 999}, {"id": "a-model"} | row)) as endpoint:
        allow(settings, endpoint)
        provider = add(account, alice, "a", endpoint)
        tasks.learn_window(account.pk, str(provider.pk))
    provider.refresh_from_db()
    assert provider.offered_tokens == tokens


def test_an_endpoint_that_is_away_is_no_error_of_the_workers(account, alice, settings):
    with serving(FAILS) as endpoint:
        allow(settings, endpoint)
        provider = add(account, alice, "a", endpoint)
        tasks.learn_window(account.pk, str(provider.pk))
    provider.refresh_from_db()
    assert provider.window is None


def test_a_trial_notes_the_window_and_another_model_forgets_it(as_alice, account, alice, settings):
    with serving(lists({"id": "a-model", "context_length": 32768})) as endpoint:
        allow(settings, endpoint)
        add(account, alice, "a", endpoint)
        trial = as_alice.post(TRIAL, {"provider_name": "a"}).json()
        assert (trial["success"], trial["models"]) == (True, ["a-model"])
        [shown] = as_alice.get(SETTINGS).json()["providers"]
        assert (shown["context_tokens"], shown["offered_tokens"]) == (None, 32768)
        as_alice.post(TRIAL, {"provider_name": "a", "config": {"model": "b-model"}})
        changed = as_alice.post(PROVIDER, {"provider_name": "a", "config": {"model": "b-model"}}).json()
        assert changed["offered_tokens"] is None


def test_the_prompt_fits_the_model_that_answers(as_alice, account, alice, settings):
    with serving(says("yes")) as one:
        allow(settings, one)
        add(account, alice, "a", one)

        def window() -> int:
            return window_of(FirstThatAnswers(chat_models_for(account, alice)), None).tokens

        assert window() == settings.CHAT["context_tokens"]
        LLMProvider.objects.update(offered_tokens=16384)
        assert window() == 16384
        set_by_hand = as_alice.post(PROVIDER, {"provider_name": "a", "config": {"context_tokens": 2048}}).json()
        assert set_by_hand["context_tokens"] == 2048
        assert window() == 2048
        as_alice.post(PROVIDER, {"provider_name": "a", "config": {"context_tokens": None}})
        assert window() == 16384


@pytest.mark.parametrize("tokens", [0, 1023, -5, "4096", True, 1.5, 10**9])
def test_a_window_is_a_sensible_number(as_alice, settings, tokens):
    settings.PRIVATE_HOSTS = [("localhost", 11434)]
    config = {"type": "ollama", "context_tokens": tokens}
    refused = structured(as_alice.post(PROVIDER, {"provider_name": "a", "config": config}), 400)
    assert list(refused["error"]["details"]) == ["config.context_tokens"]


# --- keeping to one's own --------------------------------------------------------------------------------------------


def test_an_account_may_keep_to_its_own_providers(as_alice, account, alice, settings):
    with serving(FAILS) as broken, serving(says("everybody's")) as other:
        allow(settings, broken)
        deployments(settings, other)
        add(account, alice, "ours", broken)
        assert told(streamed(as_alice)) == "everybody's"

        changed = as_alice.patch(SETTINGS, {"own_providers_only": True})
        assert (changed.status_code, changed.json()["own_providers_only"]) == (200, True)
        asked = len(other.requests)
        assert structured(as_alice.post("/api/v1/chat/ask", ASK), 502)["error"]["code"] == "provider_error"
        assert streamed(as_alice)[-1]["type"] == "error"
        as_alice.delete(f"{PROVIDER}/ours")
        start, *_ = streamed(as_alice)
        assert (start["provider"], start["model"]) == ("local", "extractive")
        assert len(other.requests) == asked
        assert as_alice.get(SETTINGS).json()["default_model"] == "extractive"

        as_alice.patch(SETTINGS, {"own_providers_only": False})
        assert told(streamed(as_alice)) == "everybody's"
    [on, off] = AuditEvent.objects.filter(action="settings_changed").order_by("id")
    assert (on.details["changes"], off.details["changes"]) == (
        {"own_providers_only": [False, True]},
        {"own_providers_only": [True, False]},
    )


def test_one_account_keeping_to_its_own_keeps_no_other(as_alice, as_charlie, settings):
    with serving(says("everybody's")) as other:
        deployments(settings, other)
        as_alice.patch(SETTINGS, {"own_providers_only": True})
        assert told(streamed(as_charlie)) == "everybody's"


@pytest.mark.parametrize("sent", [{}, {"own_providers_only": "yes"}, {"own_providers_only": None}, []])
def test_what_is_no_decision_is_refused(as_alice, sent):
    structured(as_alice.patch(SETTINGS, sent), 400)
