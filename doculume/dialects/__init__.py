"""The error and page shapes of the API, one small module each. See `base` for how they are bound to views."""

from doculume.dialects.base import ApiError, Dialect
from doculume.dialects.flat import FlatDialect
from doculume.dialects.message import MessageDialect
from doculume.dialects.openai import OpenAIDialect
from doculume.dialects.structured import StructuredDialect

__all__ = ["ApiError", "Dialect", "FlatDialect", "MessageDialect", "OpenAIDialect", "StructuredDialect"]
