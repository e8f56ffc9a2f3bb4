"""Reading JSON bodies so that nothing in them can trip the database or the interpreter."""

from __future__ import annotations

import json
import math
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 64


class StrictJSONParser(JSONParser):
    """JSON without NaN, NUL, lone surrogates or nesting deeper than `DEEPEST`; anything else is a 400.

    PostgreSQL's text and jsonb hold neither NUL nor lone surrogates, and deep nesting exhausts the stack.
    """

    strict = True

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            body = stream.read()
            text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
            data = json.loads(text, parse_constant=self._refuse)
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is not valid JSON.") from error
        check_value(data)
        return data

    @staticmethod
    def _refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")


def check_value(value: Any, depth: int = 0) -> None:
    """Raise `ParseError` if `value` holds text or nesting that cannot be stored."""
    if depth > DEEPEST:
        raise ParseError(f"The body is nested more than {DEEPEST} levels deep.")
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict):
        for key, part in value.items():
            check_text(key)
            check_value(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            check_value(part, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ParseError("The body has a number that is too large.")


def check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ParseError("The body has text with a lone surrogate in it.") from error
    if "\x00" in text:
        raise ParseError("The body has text with a NUL in it.")
