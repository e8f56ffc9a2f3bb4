"""What tests of the door for OpenAI's clients share: Alice, what she knows, and a model that answers as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts import api_tokens
from accounts.models import User
from integrations.models import Integration
from tests.cast import make_user
from tests.knowledge.library import add_entry
from tests.llm_settings.endpoints import Behavior, Endpoint, serving

URL = "https://example.com/refunds"
QUESTION = "How long do customers have to request a refund?"
UNKNOWN = "What is the boiling point of tungsten in a vacuum?"
REFUNDS = (
    "Refunds are available for 30 days after the purchase. Customers request a refund from the support team. "
    "Digital products can be refunded for 14 days."
)
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 150, "completion_tokens": 45}}\n\n'
MODELS, COMPLETIONS = "/v1/models", "/v1/chat/completions"
SAID = [{"role": "user", "content": QUESTION}]
ASKED: dict[str, Any] = {"model": "doculume", "messages": SAID}
PATHS = {MODELS: "get", f"{MODELS}/doculume": "get", COMPLETIONS: "post"}


def refused(response: Any, *statuses: int) -> dict[str, Any]:
    """The error of a response, once it is known to have the shape of OpenAI's and one of `statuses`."""
    status, text = response.status_code, response.content
    assert status in statuses, (status, text[:300])
    assert response.headers["Content-Type"] == "application/json"
    body = json.loads(text)
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert all(isinstance(error[name], str) and error[name] for name in ("message", "type", "code"))
    assert error["param"] is None or isinstance(error["param"], str)
    assert len(text) < 5_000
    there = {name.lower() for name in response.headers}
    assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"} <= there
    return error


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user("Alice")


@pytest.fixture
def bot(alice: User) -> Integration:
    """A chatbot over two entries, beside an entry that it does not open."""
    account = alice.personal_account
    entry = add_entry(account, REFUNDS, title="Refund policy")
    entry.source_url = URL
    entry.save()
    add_entry(account, "We ship worldwide from our warehouse in Rotterdam.", title="Shipping")
    bot = Integration.objects.create(
        account=account,
        type="chatbot",
        name="Support Bot",
        instructions="Call everybody friend.",
        unknown_answer_message="Please write to support@example.com.",
    )
    bot.connect([entry.collection_id])
    return bot


@pytest.fixture
def token(alice: User) -> str:
    return api_tokens.create(alice, alice.personal_account, "Door")[1]


@pytest.fixture
def endpoint(settings: Any) -> Iterator[Callable[[Behavior], Endpoint]]:
    """A language model at a real address, which answers as told."""
    started: list[Any] = []

    def use(behavior: Behavior) -> Endpoint:
        served = serving(behavior)
        running = served.__enter__()
        started.append(served)
        settings.CHAT = {
            "provider": "openai",
            "base_url": running.url,
            "model": "test-model",
            "api_key": "sk-very-secret",
            "context_tokens": 4096,
        }
        return running

    yield use
    for served in started:
        served.__exit__(None, None, None)
