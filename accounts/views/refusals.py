"""Answering a form that was refused for something else than what was typed."""

from __future__ import annotations

import math
from typing import Protocol

from django.forms import BaseForm
from django.http import HttpResponse

from accounts.throttling import LimitsUnavailable, TooManyAttempts
from doculume.errors import DoculumeError


class Refusable(Protocol):
    refused: TooManyAttempts | LimitsUnavailable | None


def with_status(response: HttpResponse, form: BaseForm | Refusable) -> HttpResponse:
    """The page with the form again; a refusal that is not about the form bears its status."""
    refused = getattr(form, "refused", None)
    if refused is not None:
        response.status_code = refused.status_code
        if refused.retry_after is not None:
            response["Retry-After"] = str(math.ceil(refused.retry_after))
    return response


def refused(response: HttpResponse, error: DoculumeError) -> HttpResponse:
    """The page that tells of `error`, with its status."""
    response.status_code = error.status_code
    if error.retry_after is not None:
        response["Retry-After"] = str(math.ceil(error.retry_after))
    return response
