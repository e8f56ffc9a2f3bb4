"""Which dialect speaks for a path that reached no view."""

from __future__ import annotations

import re

from doculume.dialects.base import Dialect
from doculume.dialects.flat import FlatDialect
from doculume.dialects.message import MessageDialect
from doculume.dialects.structured import StructuredDialect

FLAT = re.compile(r"^/api/v1/(auth/?$|users/?$|me(/|$)|password(/|$)|accounts(/|$)|chatbot(/|$)|support_emails(/|$))")
MESSAGE = re.compile(r"^/api/v1/(collections|integrations)(/|$)")


def dialect_for(path: str) -> type[Dialect]:
    if MESSAGE.match(path):
        return MessageDialect
    if FLAT.match(path):
        return FlatDialect
    return StructuredDialect
