"""The one family of errors that domain code raises.

A `DoculumeError` knows its stable code, a sentence for people and the HTTP status it would have. How it is
written on the wire (JSON in three shapes, a page, a server-sent event, a task's outcome, a command's exit) is
the business of whoever renders it; see `doculume.dialects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from doculume.sentences import told

# What every 401 asks for, as `WWW-Authenticate` (RFC 6750).
CHALLENGE = 'Bearer realm="DocuLume"'


class DoculumeError(Exception):
    """Something went wrong in a way that has a name.

    Subclasses are defined next to the code that raises them and set `code`, `status_code` and `message`.

    `message` is English, for programs and logs; a page says `told`. It is a literal, or a `Sentence` where it has
    values: so `doculume.catalogs` finds what there is to translate.
    """

    code: ClassVar[str] = "server_error"
    status_code: ClassVar[int] = 500
    message: str = "Something went wrong on the server."

    def __init__(self, message: str | None = None, *, details: Any = None, retry_after: float | None = None) -> None:
        self.message = message or type(self).message
        self.details = details
        self.retry_after = retry_after
        super().__init__(self.message)

    @property
    def told(self) -> str:
        """`message` in the language of the page."""
        return told(self.message)

    @property
    def told_at_length(self) -> list[str]:
        """Each sentence of `details`, or `told` where there is none, in the language of the page."""
        details = self.details if isinstance(self.details, Mapping) else {}
        return [told(text) for texts in details.values() for text in texts] or [self.told]


class InvalidRequest(DoculumeError):
    """What was sent cannot be used; `details` is `{field: [messages]}` where it is about fields."""

    code = "invalid_request"
    status_code = 400
    message = "The request was invalid."


class PermissionRefused(DoculumeError):
    code = "permission_denied"
    status_code = 403
    message = "You do not have permission to perform this action."


class NotFound(DoculumeError):
    code = "not_found"
    status_code = 404
    message = "Not found."


class Conflict(DoculumeError):
    code = "conflict"
    status_code = 409
    message = "The request conflicts with the current state."


class PayloadTooLarge(DoculumeError):
    code = "payload_too_large"
    status_code = 413
    message = "What was sent is too large."
