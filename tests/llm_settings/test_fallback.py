"""Which model answers for whom, and what happens when it does not."""

from __future__ import annotations

import httpx2
import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache

from llm_settings import breaker, configuring
from llm_settings.breaker import BehindBreaker, ProviderResting
from llm_settings.models import LLMProvider
from llm_settings.providers import chat_models_for
from llm_settings.providers.base import ChatDelta, ChatMessage, ProviderError
from llm_settings.providers.fallback import FirstThatAnswers
from tests.llm_settings.endpoints import DONE, answering, said, serving, streaming

QUESTION: list[ChatMessage] = [{"role": "user", "content": "Why?"}]
ANSWERS = streaming(said("Because", "stop"), DONE)
FAILS = answering("503 Service Unavailable", '{"error": {"message": "overloaded"}}')


def allow(settings, *endpoints) -> None:
    settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(endpoint.url).port) for endpoint in endpoints]


def add(account, user, name, endpoint, **wanted):
    return configuring.save(
        account, name, request=None, actor=user, base_url=endpoint.url, **({"model": f"{name}-model"} | wanted)
    )[0]


async def text_of(model) -> str:
    return "".join([delta.text async for delta in model.stream(QUESTION)])


def ask(models) -> tuple[str, str]:
    model = FirstThatAnswers(models)
    return async_to_sync(text_of)(model), model.model_name


class Scripted:
    """A model that does as it is told: text, or an error to raise."""

    def __init__(self, *script: str | ProviderError) -> None:
        self.model_name = "scripted"
        self.script = script
        self.calls = 0

    async def stream(self, messages, *, temperature=None, max_tokens=None):
        self.calls += 1
        for step in self.script:
            if isinstance(step, ProviderError):
                raise step
            yield ChatDelta(step)


def test_nobody_answers_where_nothing_is_configured(account, alice):
    assert chat_models_for(account, alice) == []


def test_the_active_provider_answers_then_the_others_then_the_deployments(account, alice, settings):
    with serving(ANSWERS) as one, serving(ANSWERS) as two, serving(ANSWERS) as three:
        allow(settings, one, two, three)
        add(account, alice, "first", one)
        add(account, alice, "second", two)
        add(account, alice, "third", three, is_active=True)
        deployments = {"provider": "openai", "base_url": one.url, "model": "the-deployments", "api_key": "k"}
        settings.CHAT = settings.CHAT | deployments
        names = [model.model_name for model in chat_models_for(account, alice)]
        assert names == ["third-model", "first-model", "second-model", "the-deployments"]
        wanted = [model.model_name for model in chat_models_for(account, alice, "second-model")]
        assert wanted == ["second-model", "third-model", "first-model", "the-deployments"]
        assert chat_models_for(account, alice, "unheard-of")[0].model_name == "third-model"
        assert ask(chat_models_for(account, alice)) == ("Because", "third-model")
    assert [len(endpoint.requests) for endpoint in (one, two, three)] == [0, 0, 1]


def test_another_accounts_providers_answer_nothing_here(account, alice, charlie, settings):
    with serving(ANSWERS) as one:
        allow(settings, one)
        add(account, alice, "hers", one)
        assert chat_models_for(charlie.personal_account, charlie) == []


@pytest.mark.parametrize("failing", [FAILS, answering("401 Unauthorized", "{}"), lambda exchange: None])
def test_the_next_provider_answers_where_one_fails(account, alice, settings, failing):
    with serving(failing) as broken, serving(ANSWERS) as working:
        allow(settings, broken, working)
        add(account, alice, "broken", broken)
        add(account, alice, "working", working)
        assert ask(chat_models_for(account, alice)) == ("Because", "working-model")
        assert broken.requests


def test_nothing_falls_back_once_something_was_said():
    with pytest.raises(ProviderError, match="broke off"):
        ask([Scripted("Be", ProviderError("It broke off.")), Scripted("Otherwise")])


def test_the_last_failure_is_what_is_told():
    with pytest.raises(ProviderError, match="second"):
        ask([Scripted(ProviderError("first")), Scripted(ProviderError("second"))])


def test_what_is_asked_has_to_fit_whichever_answers():
    def reads(*tokens: int) -> int:
        return FirstThatAnswers(
            [BehindBreaker(Scripted(), str(n), "", each) for n, each in enumerate(tokens)]
        ).context_tokens

    assert reads(128_000, 8_000, 32_000) == 8_000
    assert reads(128_000, 0) == 128_000
    assert reads(0) == 0


def test_an_address_that_was_allowed_once_is_checked_again_when_it_is_called(account, alice, settings):
    with serving(ANSWERS) as inner, serving(ANSWERS) as working:
        allow(settings, inner, working)
        add(account, alice, "inner", inner)
        add(account, alice, "working", working)
        allow(settings, working)
        assert ask(chat_models_for(account, alice)) == ("Because", "working-model")
    assert inner.requests == []


def test_the_users_own_key_is_used_and_nobody_elses(account, alice, bob, settings):
    seen: list[str] = []

    def behave(exchange):
        ANSWERS(exchange)

    with serving(behave) as endpoint:
        allow(settings, endpoint)
        provider = add(account, alice, "shared", endpoint, api_key="sk-the-accounts-key-1111")
        configuring.set_own_key(provider, bob, "sk-the-key-of-bob-2222", request=None, actor=bob)
        for user in (alice, bob, None):
            ask(chat_models_for(account, user))
        seen = [exchange.headers["authorization"] for exchange in endpoint.requests]
    assert seen == [
        "Bearer sk-the-accounts-key-1111",
        "Bearer sk-the-key-of-bob-2222",
        "Bearer sk-the-accounts-key-1111",
    ]


def test_a_provider_without_a_model_is_asked_which_it_has(account, alice, settings):
    def behave(exchange):
        if exchange.path == "/v1/models":
            answering("200 OK", '{"data": [{"id": "only-one"}]}')(exchange)
        else:
            ANSWERS(exchange)

    with serving(behave) as endpoint:
        allow(settings, endpoint)
        add(account, alice, "nameless", endpoint, model="")
        assert ask(chat_models_for(account, alice)) == ("Because", "only-one")
        assert endpoint.requests[-1].body["model"] == "only-one"


def failing_calls(model, count: int) -> None:
    for _ in range(count):
        with pytest.raises(ProviderError, match="down"):
            async_to_sync(text_of)(BehindBreaker(model, "test"))


def test_a_provider_that_fails_again_and_again_is_left_alone(db):
    model = Scripted(ProviderError("down"))
    failing_calls(model, breaker.FAILURES)
    # Another process, so to speak: the state is not the object's.
    with pytest.raises(ProviderResting) as caught:
        async_to_sync(text_of)(BehindBreaker(model, "test"))
    assert caught.value.retry_after
    assert model.calls == breaker.FAILURES
    other = Scripted("Because")
    assert async_to_sync(text_of)(BehindBreaker(other, "other")) == "Because"


def rest_is_over() -> None:
    cache.delete("breaker:test:resting")


def test_after_its_rest_one_may_try_and_an_answer_closes_the_breaker(db):
    failing_calls(Scripted(ProviderError("down")), breaker.FAILURES)
    rest_is_over()
    for _ in range(2):
        assert async_to_sync(text_of)(BehindBreaker(Scripted("Because"), "test")) == "Because"
    assert cache.get("breaker:test:tripped") is None


def test_only_one_tries_after_the_rest(db):
    failing_calls(Scripted(ProviderError("down")), breaker.FAILURES)
    rest_is_over()
    gate = breaker.Breaker("test")
    assert gate.enter()
    with pytest.raises(ProviderResting):
        gate.enter()
    gate.left()
    assert gate.enter()


def test_a_failed_try_opens_the_breaker_again(db):
    model = Scripted(ProviderError("down"))
    failing_calls(model, breaker.FAILURES)
    rest_is_over()
    failing_calls(model, 1)
    with pytest.raises(ProviderResting):
        async_to_sync(text_of)(BehindBreaker(model, "test"))


def test_what_the_provider_refuses_for_good_is_no_failure_of_the_provider(db):
    for _ in range(2 * breaker.FAILURES):
        with pytest.raises(ProviderError, match="key"):
            async_to_sync(text_of)(BehindBreaker(Scripted(ProviderError("key", permanent=True)), "test"))


def test_failures_are_forgotten_by_an_answer(db):
    for _ in range(3):
        failing_calls(Scripted(ProviderError("down")), breaker.FAILURES - 1)
        assert async_to_sync(text_of)(BehindBreaker(Scripted("Because"), "test")) == "Because"


def test_with_the_cache_away_models_are_called_all_the_same(settings, caplog):
    settings.CACHES = settings.CACHES | {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    assert async_to_sync(text_of)(BehindBreaker(Scripted("Because"), "test")) == "Because"
    assert "breakers do not work" in caplog.text


def test_a_bad_key_of_one_user_does_not_stop_the_others(account, alice, bob, settings):
    def behave(exchange):
        bobs = "of-bob" in exchange.headers["authorization"]
        (answering("429 Too Many Requests", "{}") if bobs else ANSWERS)(exchange)

    with serving(behave) as endpoint:
        allow(settings, endpoint)
        provider = add(account, alice, "shared", endpoint, api_key="sk-the-accounts-key-1111")
        configuring.set_own_key(provider, bob, "sk-the-key-of-bob-2222", request=None, actor=bob)
        for _ in range(breaker.FAILURES + 1):
            with pytest.raises(ProviderError):
                ask(chat_models_for(account, bob))
        assert ask(chat_models_for(account, alice))[0] == "Because"
    assert LLMProvider.objects.for_account(account).count() == 1
