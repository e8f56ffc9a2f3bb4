"""Which paths are the API's, and which dialect speaks for one that reached no view."""

from __future__ import annotations

import re

from doculume.dialects.base import Dialect
from doculume.dialects.flat import FlatDialect
from doculume.dialects.message import MessageDialect
from doculume.dialects.openai import OpenAIDialect
from doculume.dialects.structured import StructuredDialect

API = re.compile(r"^/(api/|v1(/|$))")
OPENAI = re.compile(r"^/v1(/|$)")
FLAT = re.compile(r"^/api/v1/(auth/?$|users/?$|me(/|$)|password(/|$)|accounts(/|$)|chatbot(/|$)|support_emails(/|$))")
MESSAGE = re.compile(r"^/api/v1/(collections|integrations)(/|$)")


def is_api(path: str) -> bool:
    return API.match(path) is not None


def dialect_for(path: str) -> type[Dialect]:
    if OPENAI.match(path):
        return OpenAIDialect
    if MESSAGE.match(path):
        return MessageDialect
    if FLAT.match(path):
        return FlatDialect
    return StructuredDialect
