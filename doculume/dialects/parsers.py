"""Reading JSON bodies so that nothing in them can trip the database or the interpreter."""

from __future__ import annotations

import json
import math
from typing import IO, Any

from django.conf import settings
from django.http.multipartparser import MultiPartParser as DjangoMultiPartParser
from django.http.multipartparser import MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import DataAndFiles, JSONParser, MultiPartParser

DEEPEST = 64


class StrictJSONParser(JSONParser):
    """See `read_json`; anything else is a 400."""

    strict = True

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        return read_json(stream.read())


def read_json(sent: str | bytes) -> Any:
    """JSON without NaN, NUL, lone surrogates or nesting deeper than `DEEPEST`. Raises ParseError.

    PostgreSQL's text and jsonb hold neither NUL nor lone surrogates, and deep nesting exhausts the stack.
    """
    try:
        text = sent.decode("utf-8-sig") if isinstance(sent, bytes) else sent
        data = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ParseError("The body is not valid JSON.") from error
    check_value(data)
    return data


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


class _NamesAsSent(DjangoMultiPartParser):
    """Django's parser, which reduces a file's name to its last part, with the names as they came beside it.

    A name of which nothing is left would make Django drop the file without a word; it gets a plain one instead.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names_as_sent: list[str] = []

    def sanitize_file_name(self, file_name: str) -> str | None:
        self.names_as_sent.append(file_name)
        return super().sanitize_file_name(file_name) or "document"


class UploadParser(MultiPartParser):
    """Multipart forms. Each file bears `name_as_sent`, the name before anything was taken off it."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> DataAndFiles:
        request = (parser_context or {})["request"]
        meta = request.META.copy() | {"CONTENT_TYPE": media_type}
        try:
            parser = _NamesAsSent(meta, stream, request.upload_handlers, settings.DEFAULT_CHARSET)
            data, files = parser.parse()
        except MultiPartParserError as error:
            raise ParseError(f"The form could not be read: {error}") from error
        for file, name in zip((f for _, group in files.lists() for f in group), parser.names_as_sent, strict=False):
            file.name_as_sent = name
        for key, values in data.lists():
            check_value([key, *values])
        return DataAndFiles(data, files)
