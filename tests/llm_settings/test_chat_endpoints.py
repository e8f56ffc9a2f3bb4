from __future__ import annotations

import asyncio
import socket
import time

import pytest

from llm_settings.providers.base import ChatDelta, ChatMessage, ProviderError, ProviderTimeout, Usage
from llm_settings.providers.openai import Deadlines, OpenAIChatModel
from tests.llm_settings.endpoints import DONE, STREAM_HEAD, answering, said, serving, streaming

SHORT = Deadlines(connect=1, first=0.4, idle=0.3, total=1.0)
PATIENT = Deadlines()
QUESTION: list[ChatMessage] = [{"role": "user", "content": "Why?"}]


def model(url: str, deadlines: Deadlines = PATIENT) -> OpenAIChatModel:
    return OpenAIChatModel(url, "sk-secret-1234", "gpt-test", deadlines)


async def text_from(behavior, deadlines: Deadlines = PATIENT) -> str:
    with serving(behavior) as endpoint:
        return "".join([delta.text async for delta in model(endpoint.url, deadlines).stream(QUESTION)])


async def failure_from(behavior, deadlines: Deadlines = PATIENT) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await text_from(behavior, deadlines)
    return caught.value


async def test_text_usage_and_reason_arrive_as_they_are_written():
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}\n\n'
    with serving(streaming(said("Be"), said("cause", "stop"), usage, DONE)) as endpoint:
        deltas = [delta async for delta in model(endpoint.url).stream(QUESTION, temperature=0.2, max_tokens=9)]
        sent = endpoint.requests[0]
    assert deltas == [ChatDelta("Be"), ChatDelta("cause", None, "stop"), ChatDelta("", Usage(7, 2))]
    assert sent.path == "/v1/chat/completions"
    assert sent.body["messages"] == QUESTION
    assert (sent.body["temperature"], sent.body["max_tokens"], sent.body["stream"]) == (0.2, 9, True)


async def test_text_is_handed_on_before_the_answer_is_complete():
    with serving(streaming(said("first"), 0.25, said("last", "stop"), DONE)) as endpoint:
        began = time.monotonic()
        stream = model(endpoint.url).stream(QUESTION)
        assert (await anext(stream)).text == "first"
        assert time.monotonic() - began < 0.2
        await stream.aclose()


@pytest.mark.parametrize("cut", range(1, 12))
async def test_events_and_characters_torn_between_packets_are_put_together(cut):
    whole = 'data: {"choices":[{"delta":{"content":"Größe 😀"},"finish_reason":"stop"}]}\r\n\r\n'.encode()
    at = len(whole) - 2 * cut - 30
    assert await text_from(streaming(whole[:at], 0.01, whole[at:], DONE)) == "Größe 😀"


async def test_half_a_character_does_not_end_the_answer():
    broken = said("ok").replace(b"ok", "é".encode()[:1] + b"ok")
    assert await text_from(streaming(broken, said("", "stop"), DONE)) == "\N{REPLACEMENT CHARACTER}ok"


async def test_a_server_that_does_not_stream_is_understood():
    body = '{"choices": [{"message": {"content": "All at once"}, "finish_reason": "stop"}], "usage": null}'
    assert await text_from(answering("200 OK", body)) == "All at once"


@pytest.mark.parametrize("status", ["400", "401", "402", "403", "404", "422"])
async def test_refusals_are_permanent(status):
    error = await failure_from(answering(f"{status} No", '{"error": {"message": "no such model"}}'))
    assert error.permanent
    assert "no such model" in error.message
    assert error.retry_after is None


@pytest.mark.parametrize("status", ["408", "429", "500", "502", "503"])
async def test_overload_and_crashes_are_temporary_and_keep_html_to_themselves(status):
    page = "<!DOCTYPE html><html><h1>nginx at 10.0.0.7</h1></html>"
    error = await failure_from(answering(f"{status} Oh", page, "text/html", "retry-after: 17\r\n"))
    assert not error.permanent
    assert error.retry_after == 17
    assert "nginx" not in error.message


async def test_a_used_up_quota_is_permanent_though_its_status_says_try_again():
    error = await failure_from(answering("429 X", '{"error": {"message": "pay", "code": "insufficient_quota"}}'))
    assert error.permanent


async def test_the_key_is_not_repeated():
    error = await failure_from(answering("401 No", '{"error": {"message": "Incorrect API key: sk-secret-1234."}}'))
    assert "secret" not in error.message


async def test_nobody_listening_is_temporary():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(ProviderError, match="Connection refused") as caught:
        [_ async for _ in model(f"http://127.0.0.1:{port}/v1").stream(QUESTION)]
    assert not caught.value.permanent
    assert str(port) not in caught.value.message


@pytest.mark.parametrize(
    "behavior",
    [
        pytest.param(lambda exchange: time.sleep(1), id="no answer"),
        pytest.param(streaming(1.0), id="no first token"),
        pytest.param(streaming(said("a"), 1.0), id="stalls"),
        pytest.param(streaming(*[b": still here\n", 0.1] * 20), id="only comments"),
        pytest.param(streaming(*[said("a"), 0.1] * 20), id="goes on beyond all time"),
    ],
)
async def test_silence_and_endlessness_run_into_a_deadline(behavior):
    began = time.monotonic()
    assert isinstance(await failure_from(behavior, SHORT), ProviderTimeout)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([said("half an ans")], id="cut"),
        pytest.param([said("half"), b"data: {not json}\n\n", DONE], id="bad JSON"),
        pytest.param([said("half"), b"data: [1]\n\n", DONE], id="a list"),
        pytest.param([said("half"), b'data: {"choices": [3]}\n\n', DONE], id="odd shape"),
        pytest.param([said("half"), b'data: {"error": {"message": "cuda"}}\n\n', DONE], id="error in mid-stream"),
        pytest.param([b'data: {"choices": []}\n\n', DONE], id="empty choices"),
        pytest.param([said("", "stop"), DONE], id="empty answer"),
        pytest.param([b"data: " + b"[" * 200_000 + b"\n\n", DONE], id="deep JSON"),
        pytest.param([b"data: " + b"x" * 100_000 + b""] * 15, id="a line without end"),
        pytest.param([b"<html>welcome</html>"], id="a page"),
    ],
)
async def test_a_damaged_stream_is_a_temporary_failure(pieces):
    error = await failure_from(streaming(*pieces))
    assert not error.permanent
    assert not isinstance(error, ProviderTimeout)


async def test_what_came_before_the_damage_was_handed_on():
    with serving(streaming(said("half"), b'data: {"error": {"message": "cuda"}}\n\n')) as endpoint:
        stream = model(endpoint.url).stream(QUESTION)
        assert (await anext(stream)).text == "half"
        with pytest.raises(ProviderError, match="cuda"):
            await anext(stream)


async def test_an_option_the_server_does_not_know_is_left_out():
    def behave(exchange):
        if "stream_options" in exchange.body:
            answering("400 Bad", '{"error": {"message": "stream_options: extra field"}}')(exchange)
        elif "max_tokens" in exchange.body:
            answering("400 Bad", '{"error": {"message": "Use max_completion_tokens, not max_tokens"}}')(exchange)
        else:
            streaming(said("fine", "stop"), DONE)(exchange)

    with serving(behave) as endpoint:
        deltas = [delta async for delta in model(endpoint.url).stream(QUESTION, max_tokens=5)]
        assert deltas[0].text == "fine"
        assert endpoint.requests[-1].body["max_completion_tokens"] == 5


@pytest.mark.parametrize("how", ["aclose", "cancel"])
async def test_leaving_hangs_up_on_the_provider(how):
    hung_up = asyncio.Event()
    loop = asyncio.get_running_loop()

    def behave(exchange):
        exchange.write(STREAM_HEAD + said("a"))
        if exchange.closed_by_peer(3):
            loop.call_soon_threadsafe(hung_up.set)

    with serving(behave) as endpoint:
        stream = model(endpoint.url).stream(QUESTION)
        await anext(stream)
        if how == "aclose":
            await stream.aclose()
        else:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await asyncio.wait_for(hung_up.wait(), 2)
