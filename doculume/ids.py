"""Ids made by the application, ordered by time, so that rows can move between databases."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUID of version 7 (RFC 9562): time-ordered, so that indexes grow at one end."""
    return uuid7()
