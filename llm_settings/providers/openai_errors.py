"""What the `openai` client raises and what a provider answers, told as `ProviderError`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import openai

from doculume.text import storable
from llm_settings.providers.base import ProviderError, ProviderTimeout

# Of the 4xx, those that trying again may cure.
TEMPORARY = frozenset([408, 409, 425, 429])
LONGEST_WAIT = 3600.0
_KEY = re.compile(r"\b(?:sk|pk|key|gsk|xai|Bearer)[-_ ][\w*.-]{4,}", re.IGNORECASE)


@contextmanager
def as_provider_errors() -> Iterator[None]:
    """Within it, nothing of the client's own exceptions gets out."""
    try:
        yield
    except openai.APIStatusError as error:
        raise from_status(error.status_code, error.response.headers, error.body) from error
    except (openai.APITimeoutError, httpx2.TimeoutException, TimeoutError) as error:
        raise ProviderTimeout from error
    except (openai.APIConnectionError, httpx2.TransportError) as error:
        raise ProviderError(f"The connection to the model provider failed: {_cause(error)}") from error
    except httpx2.InvalidURL as error:
        raise ProviderError("The base URL of the model provider is not an address.", permanent=True) from error
    except (openai.OpenAIError, httpx2.HTTPError) as error:
        raise ProviderError from error


def from_status(status: int, headers: Mapping[str, str], body: object) -> ProviderError:
    reason = _reason(body)
    text = f"The model provider answered {status}" + (f": {reason}" if reason else ".")
    permanent = (300 <= status < 500 and status not in TEMPORARY) or "insufficient_quota" in str(body)
    return ProviderError(text, permanent=permanent, retry_after=None if permanent else retry_after(headers))


def from_body(body: object) -> ProviderError:
    """For an error object where an answer was due, as in the middle of a stream."""
    reason = _reason(body)
    return ProviderError("The model provider reported an error" + (f": {reason}" if reason else "."))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either form of `Retry-After` (RFC 9110, 10.2.3), within an hour."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value)
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None


def _seconds_until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _reason(body: object) -> str:
    """The provider's own words, where it sent any in a shape made for reading; never a page of HTML."""
    found: Any = body
    if isinstance(found, Mapping):
        found = found.get("error", found)
    if isinstance(found, Mapping):
        found = found.get("message") or found.get("detail")
    if not isinstance(found, str) or found.lstrip().startswith("<"):
        return ""
    return _KEY.sub("[redacted]", " ".join(storable(found.replace("\0", " ")).split()))[:300]


def _cause(error: BaseException) -> str:
    """`Connection refused`, not the client's `Connection error.` and no address: that may be private."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    return getattr(error, "strerror", None) or type(error).__name__
