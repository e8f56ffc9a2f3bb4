"""The events of an answer as OpenAI's clients read them: one object, or chunks of one.

Citations stand in fields that OpenAI's API does not have and its clients pass on: `citations` of the completion, or of
each chunk with a new one (all so far), and of the message, or of the last chunk's delta. Those with an address stand
in the message's `annotations` too, which that API does have.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from django.http import StreamingHttpResponse

from chat.collecting import AnswerFailed
from chat.events import CitationFound, CitationPayload, Event, Failed, StreamEnd, StreamStart, TextDelta
from chat.sse import DONE, HEARTBEAT, with_heartbeat
from doculume.dialects import ApiError, OpenAIDialect
from integrations.openai_door.stopping import Until

NUMBER = re.compile(r"\[(\d{1,3})\]")


@dataclass
class Completion:
    """What was said so far. `show` is how a citation looks to who asks, `address` where they find it or empty."""

    model: str
    show: Callable[[CitationPayload], Any]
    address: Callable[[CitationPayload], str]
    until: Until = field(default_factory=Until)
    include_usage: bool = False
    created: int = field(default_factory=lambda: int(time.time()))
    id: str = ""
    written_by: str = ""
    text: str = ""
    cited: list[CitationPayload] = field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, int] | None = None

    def take(self, event: Event) -> Iterator[dict[str, Any]]:
        """Take an event in, and give the chunks it comes to. After the last of them `finish_reason` is set."""
        match event:
            case StreamStart():
                self.id, self.written_by = f"chatcmpl-{event.message_id.hex}", event.model
                yield self._chunk({"role": "assistant", "content": ""})
            case TextDelta():
                yield from self._say(self.until.feed(event.text))
                if self.until.is_over:
                    yield from self._end("stop")
            case CitationFound():
                self.cited.append(event.citation)
                yield self._chunk({}, citations=self.citations)
            case StreamEnd():
                yield from self._say(self.until.close())
                both = event.prompt_tokens, event.completion_tokens
                names = ("prompt_tokens", "completion_tokens", "total_tokens")
                self.usage = dict(zip(names, (*both, sum(both)), strict=True))
                yield from self._end("length" if event.reason == "length" else "stop")
            case Failed():
                raise AnswerFailed(event)

    @property
    def citations(self) -> list[Any]:
        return [self.show(citation) for citation in self.cited]

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """One for each `[n]` in the text whose citation has an address."""
        by_number = {citation["index"]: citation for citation in self.cited}
        found = ((marker, by_number.get(int(marker[1]))) for marker in NUMBER.finditer(self.text))
        return [self._annotation(marker, citation) for marker, citation in found if citation and self.address(citation)]

    def whole(self) -> dict[str, Any]:
        cited = {"annotations": self.annotations, "citations": self.citations}
        message = {"role": "assistant", "content": self.text, "refusal": None, **cited}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return self._object("chat.completion", [choice], usage=self.usage, citations=self.citations)

    def _say(self, text: str) -> Iterator[dict[str, Any]]:
        self.text += text
        if text:
            yield self._chunk({"content": text})

    def _end(self, reason: str) -> Iterator[dict[str, Any]]:
        if self.until.is_over:
            numbers = {int(marker[1]) for marker in NUMBER.finditer(self.text)}
            self.cited = [citation for citation in self.cited if citation["index"] in numbers]
        self.finish_reason = reason
        cited = {"annotations": self.annotations, "citations": self.citations}
        yield self._chunk({name: value for name, value in cited.items() if value}, citations=self.citations)
        if self.include_usage and self.usage:
            yield self._object("chat.completion.chunk", [], usage=self.usage)

    def _chunk(self, delta: dict[str, Any], **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": self.finish_reason}
        return self._object(
            "chat.completion.chunk", [choice], **({"usage": None} if self.include_usage else {}), **more
        )

    def _object(self, kind: str, choices: list[Any], **more: Any) -> dict[str, Any]:
        head = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return head | {"choices": choices, "system_fingerprint": self.written_by} | more

    def _annotation(self, marker: re.Match[str], citation: CitationPayload) -> dict[str, Any]:
        where = {"start_index": marker.start(), "end_index": marker.end()}
        return {
            "type": "url_citation",
            "url_citation": where | {"title": citation["title"], "url": self.address(citation)},
        }


async def collect(events: AsyncGenerator[Event, None], completion: Completion) -> dict[str, Any]:
    """The body of a plain answer. Raises AnswerFailed."""
    async with aclosing(events):
        async for event in events:
            for _ in completion.take(event):
                pass
            if completion.finish_reason:
                break
    return completion.whole()


def stream(events: AsyncGenerator[Event, None], completion: Completion) -> StreamingHttpResponse:
    response = StreamingHttpResponse(encode(events, completion), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


async def encode(events: AsyncGenerator[Event, None], completion: Completion) -> AsyncGenerator[str, None]:
    """The body of a stream. Closing it closes `events`, which ends the call to the model."""
    async with aclosing(with_heartbeat(events)) as coming:
        async for event in coming:
            if event is None:
                yield HEARTBEAT
                continue
            try:
                for chunk in completion.take(event):
                    yield _line(chunk)
            except AnswerFailed as error:
                yield _line(OpenAIDialect.error_body(ApiError(error.status_code, error.code, error.message)))
            if completion.finish_reason:
                break
    yield DONE


def _line(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
