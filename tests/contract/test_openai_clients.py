"""The official clients of OpenAI's API, unchanged, against a running server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import openai
import pytest

from accounts.models import AccountLimits, Plan
from accounts.tokens import start_family
from accounts.usage import answers_this_month
from chat.models import Conversation
from tests.cast import make_user
from tests.contract.openai_door import QUESTION, UNKNOWN, URL, USAGE, alice, bot, endpoint, token
from tests.instance import REPOSITORY
from tests.llm_settings.endpoints import DONE, answering, said, streaming

__all__ = ["alice", "bot", "endpoint", "token"]
ASKED = [{"role": "user", "content": QUESTION}]
CLIENTS = Path(os.environ.get("DOCULUME_TEST_CLIENTS", REPOSITORY / "var" / "clients"))


@pytest.fixture
def door(server, monkeypatch):
    """Makes clients. The environment's proxies and keys have no business between a test and its own server."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = []

    def make(token, kind=openai.OpenAI, **more):
        client = kind(base_url=f"{server}/v1", api_key=token, **{"max_retries": 0} | more)
        made.append(client)
        return client

    yield make
    for client in made:
        if isinstance(client, openai.OpenAI):
            client.close()


@pytest.fixture
def client(door, token):
    return door(token)


class TestModels:
    def test_they_are_listed_and_shown(self, client, bot):
        whole, support = client.models.list().data
        assert (whole.id, whole.object, whole.owned_by) == ("doculume", "model", "doculume")
        assert (support.id, support.name) == ("support-bot", "Support Bot")
        assert support.created == int(bot.created_at.timestamp())
        assert support.integration_id == str(bot.id)
        for written in ("support-bot", str(bot.id), f"integration:{bot.id}", bot.id.hex):
            assert client.models.retrieve(written) == support

    def test_who_is_nobody(self, door):
        with pytest.raises(openai.AuthenticationError) as caught:
            door("dl_wrong").models.list()
        assert caught.value.code == "invalid_api_key"
        assert caught.value.type == "invalid_request_error"
        assert caught.value.request_id

    def test_an_unknown_one(self, client):
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve("gpt-4o")
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")

    def test_an_access_token_is_good_too(self, door, alice, bot):
        assert len(door(start_family(alice).access).models.list().data) == 2


class TestWhole:
    def test_an_answer_from_all_that_is_known(self, client, bot):
        completion = client.chat.completions.create(model="doculume", messages=ASKED)
        choice = completion.choices[0]
        assert (completion.object, completion.model, choice.finish_reason) == ("chat.completion", "doculume", "stop")
        assert completion.id.startswith("chatcmpl-")
        assert choice.message.role == "assistant"
        assert "30 days" in choice.message.content
        cited = choice.message.model_extra["citations"]
        assert completion.model_extra["citations"] == cited
        assert (cited[0]["index"], cited[0]["title"], cited[0]["url"]) == (1, "Refund policy", URL)
        assert {"entry_id", "chunk_id", "snippet", "fileName", "start", "end"} <= set(cited[0])
        noted = choice.message.annotations[0].url_citation
        assert choice.message.content[noted.start_index : noted.end_index] == "[1]"
        assert (noted.title, noted.url) == ("Refund policy", URL)
        assert completion.usage.total_tokens == 0
        assert completion.system_fingerprint == "extractive"

    def test_an_integration_shows_no_more_than_elsewhere(self, client, bot):
        message = client.chat.completions.create(model="support-bot", messages=ASKED).choices[0].message
        assert "30 days" in message.content
        assert [set(one) for one in message.model_extra["citations"]] == [
            {"index", "entry_id", "title", "url", "snippet"}
        ]

    def test_what_is_not_known(self, client, bot):
        asked = [{"role": "user", "content": UNKNOWN}]
        completion = client.chat.completions.create(model=str(bot.id), messages=asked)
        message = completion.choices[0].message
        assert message.content == "Please write to support@example.com."
        assert (message.annotations, message.model_extra["citations"]) == ([], [])
        assert completion.model == "support-bot"

    def test_a_model_is_told_what_was_said_and_asked_for(self, client, bot, endpoint):
        running = endpoint(streaming(said("14 days. [1]", "stop"), USAGE, DONE))
        completion = client.chat.completions.create(
            model="support-bot",
            messages=[
                {"role": "system", "content": "Speak like a pirate."},
                {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
                {"role": "assistant", "content": "30 days. [1]"},
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "How long can customers have a refund of digital products?"},
            ],
            temperature=0.25,
            max_completion_tokens=99,
            top_p=0.5,
            seed=7,
            user="u",
            metadata={"a": "b"},
            tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
            response_format={"type": "text"},
            extra_body={"of_nobody": [1]},
        )
        assert completion.choices[0].message.content == "14 days. [1]"
        assert completion.usage.model_dump(exclude_none=True) == {
            "prompt_tokens": 150,
            "completion_tokens": 45,
            "total_tokens": 195,
        }
        assert completion.system_fingerprint == "test-model"
        body = running.requests[-1].body
        assert (body["temperature"], body["max_tokens"]) == (0.25, 99)
        system, first, second, last = body["messages"]
        assert (first["content"], second["content"]) == (QUESTION, "30 days.")
        assert last["content"].endswith("How long can customers have a refund of digital products?")
        places = [
            system["content"].index(text)
            for text in ("Use only what the sources say", "Call everybody friend.", "pirate.\n\nBe brief.")
        ]
        assert places == sorted(places)
        assert not Conversation.objects.exists()

    def test_it_ends_where_it_was_asked_to(self, client, bot, endpoint):
        endpoint(streaming(said("You have 30"), said(" da"), said("ys. [1]\n\nAnd [2] more", "stop"), USAGE, DONE))
        completion = client.chat.completions.create(model="support-bot", messages=ASKED, stop=["days", "And"])
        assert completion.choices[0].message.content == "You have 30 "
        assert (completion.choices[0].finish_reason, completion.usage) == ("stop", None)
        assert completion.model_extra["citations"] == []

    def test_a_length_is_told(self, client, bot, endpoint):
        endpoint(streaming(said("You have", "length"), USAGE, DONE))
        completion = client.chat.completions.create(model="doculume", messages=ASKED, max_tokens=2)
        assert completion.choices[0].finish_reason == "length"


class TestStream:
    def test_chunks(self, client, bot):
        chunks = list(client.chat.completions.create(model="doculume", messages=ASKED, stream=True))
        assert {(chunk.object, chunk.id, chunk.model) for chunk in chunks} == {
            ("chat.completion.chunk", chunks[0].id, "doculume")
        }
        first, last = chunks[0].choices[0], chunks[-1].choices[0]
        assert (first.delta.role, first.delta.content, first.finish_reason) == ("assistant", "", None)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert "30 days" in text
        assert last.finish_reason == "stop"
        assert all(chunk.usage is None for chunk in chunks)
        told = [chunk.model_extra["citations"] for chunk in chunks if "citations" in chunk.model_extra]
        assert [len(cited) for cited in told[:-1]] == list(range(1, len(told)))
        assert told[-1] == told[-2] == last.delta.model_extra["citations"]
        whole = client.chat.completions.create(model="doculume", messages=ASKED)
        assert (whole.choices[0].message.content, whole.model_extra["citations"]) == (text, told[-1])

    def test_usage_comes_last_where_it_was_asked_for(self, client, bot, endpoint):
        endpoint(streaming(said("30 "), said("days. [1]", "stop"), USAGE, DONE))
        chunks = list(
            client.chat.completions.create(
                model="support-bot", messages=ASKED, stream=True, stream_options={"include_usage": True}
            )
        )
        assert [chunk.choices for chunk in chunks].index([]) == len(chunks) - 1
        assert chunks[-1].usage.total_tokens == 195

    def test_it_ends_where_it_was_asked_to_and_so_does_the_model(self, client, bot, endpoint):
        left = threading.Event()

        def tell(exchange):
            streaming(said("You have 30 d"), said("ays"))(exchange)
            if exchange.closed_by_peer(10):
                left.set()

        endpoint(tell)
        chunks = list(client.chat.completions.create(model="doculume", messages=ASKED, stream=True, stop="days"))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You have 30 "
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert left.wait(5)

    @pytest.mark.parametrize("model", ["doculume", "support-bot"])
    def test_the_clients_own_way_of_putting_it_together(self, client, bot, endpoint, model):
        text = "30 days. [1] Shipped from Rotterdam. [2] So 30. [1]"
        endpoint(streaming(*(said(letter) for letter in text), said("", "stop"), USAGE, DONE))
        asked = [{"role": "user", "content": QUESTION + " And shipping from the warehouse in Rotterdam?"}]
        with client.chat.completions.stream(model=model, messages=asked) as stream:
            completion = stream.get_final_completion()
        message = completion.choices[0].message
        assert message.content == text
        assert [cited["index"] for cited in message.model_extra["citations"]] == [1, 2]
        assert {cited["title"] for cited in message.model_extra["citations"]} == {"Refund policy", "Shipping"}
        noted = [(note.url_citation.title, note.url_citation.start_index) for note in message.annotations]
        policy = next(one["index"] for one in message.model_extra["citations"] if one["title"] == "Refund policy")
        places = [match.start() for match in re.finditer(rf"\[{policy}\]", text)]
        assert noted == [("Refund policy", place) for place in places]

    def test_a_failure_in_mid_stream_is_the_clients_error(self, client, bot, endpoint, alice):
        endpoint(streaming(said("You have 30")))
        seen = []
        chunks = client.chat.completions.create(model="doculume", messages=ASKED, stream=True)
        with pytest.raises(openai.APIError, match="broke off") as caught:
            seen.extend(chunk.choices[0].delta.content for chunk in chunks)
        assert "".join(seen) == "You have 30"
        assert (caught.value.code, caught.value.type) == ("provider_error", "server_error")

    async def test_asynchronously(self, door, token, bot):
        async with door(token, openai.AsyncOpenAI) as client:
            assert [model.id async for model in client.models.list()] == ["doculume", "support-bot"]
            whole = await client.chat.completions.create(model="doculume", messages=ASKED)
            chunks = await client.chat.completions.create(model="doculume", messages=ASKED, stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
        assert text == whole.choices[0].message.content

    def test_whoever_leaves_stops_the_model(self, client, bot, endpoint):
        left = threading.Event()

        def tell(exchange):
            streaming(said("You have "))(exchange)
            if exchange.closed_by_peer(10):
                left.set()

        endpoint(tell)
        with client.chat.completions.create(model="doculume", messages=ASKED, stream=True) as stream:
            assert next(iter(stream)).choices[0].delta.role == "assistant"
            for chunk in stream:
                if chunk.choices[0].delta.content:
                    break
        assert left.wait(10)


class TestRefusals:
    def test_nobody(self, door, bot):
        with pytest.raises(openai.AuthenticationError):
            door("cb_0123456789abcdef").chat.completions.create(model="doculume", messages=ASKED)

    def test_a_model_of_another_account(self, door, bot):
        charlie = make_user("Charlie")
        theirs = door(start_family(charlie).access)
        bodies = []
        for model in (str(bot.id), "support-bot", "of-nobody"):
            with pytest.raises(openai.NotFoundError) as caught:
                theirs.chat.completions.create(model=model, messages=ASKED, stream=True)
            bodies.append(caught.value.body)
        assert bodies[0] == bodies[1] == bodies[2]
        assert bodies[0]["code"] == "model_not_found"

    @pytest.mark.parametrize("stream", [True, False])
    def test_too_many_requests(self, client, alice, bot, stream):
        AccountLimits.objects.create(account=alice.personal_account, requests_per_minute=1)
        client.models.list()
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="doculume", messages=ASKED, stream=stream)
        assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "requests")
        assert int(caught.value.response.headers["retry-after"]) > 0
        assert caught.value.response.headers["x-ratelimit-remaining"] == "0"

    @pytest.mark.parametrize("stream", [True, False])
    def test_a_used_up_plan_is_not_tried_again(self, door, token, alice, bot, stream):
        Plan.objects.filter(pk=alice.personal_account.plan_id).update(answers_per_month=1)
        client = door(token, max_retries=5)
        client.chat.completions.create(model="doculume", messages=ASKED)
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="doculume", messages=ASKED, stream=stream)
        assert (caught.value.code, caught.value.type) == ("insufficient_quota", "insufficient_quota")
        assert int(caught.value.response.headers["retry-after"]) > 0
        assert caught.value.response.headers["x-ratelimit-remaining"] == "58"
        assert answers_this_month(alice.personal_account.id) == 1

    def test_a_provider_that_fails_costs_no_answer(self, client, bot, endpoint, alice):
        endpoint(answering("500 Oh", '{"error": {"message": "sk-very-secret broke"}}'))
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="doculume", messages=ASKED)
        assert (caught.value.status_code, caught.value.code) == (502, "provider_error")
        assert "secret" not in str(caught.value)
        assert answers_this_month(alice.personal_account.id) == 0

    @pytest.mark.parametrize(
        ("more", "param"),
        [
            ({"n": 2}, "n"),
            ({"temperature": 3}, "temperature"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"stop": [""]}, "stop[0]"),
            ({"response_format": {"type": "json_object"}}, "response_format.type"),
            ({"tool_choice": "required"}, "tool_choice"),
            ({"messages": []}, "messages"),
            ({"messages": [{"role": "system", "content": "Hello"}]}, "messages"),
            ({"messages": [{"role": "tool", "tool_call_id": "a", "content": "b"}]}, "messages[0].role"),
            (
                {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": URL}}]}]},
                "messages[0].content",
            ),
        ],
    )
    def test_what_cannot_be_answered(self, client, bot, more, param):
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(**{"model": "doculume", "messages": ASKED} | more)
        assert (caught.value.param, caught.value.code) == (param, "invalid_request")

    def test_a_question_that_is_too_long(self, client, bot):
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="doculume", messages=[{"role": "user", "content": "x" * 8001}])
        assert (caught.value.param, caught.value.code) == ("messages", "context_length_exceeded")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
@pytest.mark.skipif(
    not (CLIENTS / "node_modules" / "openai").is_dir(), reason="`make test-clients` installs the npm package"
)
def test_the_client_for_node(server, token, bot, endpoint):
    def tell(exchange):
        asked = exchange.body["messages"][-1]["content"]
        streaming(said("30 days. [1]"), *([] if "break off" in asked else [said("", "stop"), USAGE, DONE]))(exchange)

    endpoint(tell)
    script = REPOSITORY / "tests" / "contract" / "openai_client.mjs"
    environment = {
        "PATH": os.environ["PATH"],
        "BASE": f"{server}/v1",
        "TOKEN": token,
        "CLIENTS": f"{CLIENTS}/",
        "QUESTION": QUESTION,
    }
    done = subprocess.run(["node", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["models"] == ["doculume", "support-bot"]
    assert found["model"] == "Support Bot"
    for way in ("whole", "streamed", "helped"):
        assert found[way]["text"] == "30 days. [1]", way
        assert [(cited["index"], cited["title"]) for cited in found[way]["citations"]] == [(1, "Refund policy")], way
    assert found["helped"]["annotations"][0]["url_citation"]["url"] == URL
    assert found["streamed"]["usage"]["total_tokens"] == 195
    assert found["errors"] == {
        "AuthenticationError": [401, "invalid_api_key"],
        "NotFoundError": [404, "model_not_found"],
        "BadRequestError": [400, "invalid_request"],
        "APIError": [None, "provider_error"],
    }
