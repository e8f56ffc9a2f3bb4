"""Events on the wire: the grammar, the heartbeat, and what happens when the reader leaves."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import aclosing

import pytest

from chat import sse
from chat.events import CitationFound, Failed, StreamEnd, StreamStart, TextDelta

CONVERSATION, MESSAGE = uuid.uuid4(), uuid.uuid4()


async def pieces(events):
    """What was written, an event at a time."""
    written = b"".join([part async for part in sse.encode(events)]).decode()
    return [piece + "\n\n" for piece in written.split("\n\n")[:-1]]


async def some_events():
    yield StreamStart("local", "extractive", CONVERSATION, MESSAGE)
    yield TextDelta("Schön ")
    yield CitationFound({"index": 1})
    yield StreamEnd("stop", 150, 45)


async def test_the_grammar_of_a_stream():
    lines = await pieces(some_events())
    assert lines[-1] == "data: [DONE]\n\n"
    events = [json.loads(line.split("data: ", 1)[1]) for line in lines[:-1]]
    assert [line.split("\n")[0] for line in lines[:-1]] == ["id: 0", "id: 6", "id: 6", "id: end"]
    assert [event["type"] for event in events] == ["stream_start", "text_delta", "citation", "stream_end"]
    assert all(isinstance(event["timestamp"], int) for event in events)
    assert events[0] | {"provider": "local", "model": "extractive"} == events[0]
    assert events[1]["delta"] == "Schön "
    assert events[1]["message_id"] == str(MESSAGE)
    assert events[3]["usage"] == {"prompt_tokens": 150, "completion_tokens": 45}


async def test_a_failure_in_mid_stream_is_an_error_event_and_then_done():
    async def events():
        yield StreamStart("openai", "m", CONVERSATION, MESSAGE)
        yield Failed("provider_timeout", "Too late.")

    lines = await pieces(events())
    error = json.loads(lines[1].split("data: ", 1)[1])
    assert error["error"] == {"code": "provider_timeout", "message": "Too late."}
    assert lines[-1] == "data: [DONE]\n\n"


async def test_a_silent_model_gets_heartbeats():
    async def events():
        await asyncio.sleep(0.1)
        yield TextDelta("late")

    seen = [event async for event in sse.with_heartbeat(events(), seconds=0.02)]
    assert seen[-1] == TextDelta("late")
    assert seen.count(None) >= 2


async def test_a_reader_who_leaves_ends_the_events():
    ended = asyncio.Event()

    async def events():
        try:
            yield TextDelta("one")
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.set()
            raise

    stream = sse.encode(events())
    assert b"one" in await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(ended.wait(), 1)


async def test_what_came_while_the_last_was_written_is_written_at_once_and_in_order():
    async def events():
        for number in range(500):
            yield TextDelta(f"{number} ")

    batches = [batch async for batch in sse.as_they_come(events())]
    assert [event.text for batch in batches for event in batch] == [f"{number} " for number in range(500)]
    assert len(batches) < 50


async def test_a_slow_reader_holds_the_model_back():
    told = 0

    async def events():
        nonlocal told
        while told < 10_000:
            told += 1
            yield TextDelta("word ")
            await asyncio.sleep(0)

    async with aclosing(sse.as_they_come(events())) as coming:
        await anext(coming)
        await asyncio.sleep(0.1)
        assert told <= 2 * sse.MOST_AHEAD


async def test_what_goes_wrong_while_events_are_made_is_not_lost():
    async def events():
        yield TextDelta("one")
        raise ValueError("two")

    coming = sse.with_heartbeat(events())
    assert await anext(coming) == TextDelta("one")
    with pytest.raises(ValueError, match="two"):
        await anext(coming)
