"""A reader of server-sent events that forgives nothing: every line must be one that the product promises."""

from __future__ import annotations

import json
import re
from typing import Any

STEPS = re.compile(r"s[tc]*(e|f)d")


def read(body: str) -> list[dict[str, Any]]:
    """The events of a whole stream: a beginning, text and citations, an end or an error, then `[DONE]`."""
    assert body.endswith("\n\n"), body[-100:]
    events: list[dict[str, Any]] = []
    letters = ""
    for block in body[:-2].split("\n\n"):
        lines = block.split("\n")
        if all(line.startswith(":") for line in lines):
            continue
        fields = [line.partition(": ") for line in lines]
        names = [name for name, _, _ in fields]
        assert names in (["id", "data"], ["data"]), block
        data = fields[-1][2]
        if data == "[DONE]":
            letters += "d"
            continue
        event = json.loads(data)
        assert isinstance(event["timestamp"], int)
        letters += {"stream_start": "s", "text_delta": "t", "citation": "c", "stream_end": "e", "error": "f"}[
            event["type"]
        ]
        events.append(event)
    assert STEPS.fullmatch(letters), letters
    return events


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "text_delta")
