"""Letting pages of other sites read what they asked for (the Fetch standard's CORS protocol).

A preflight bears no key, so it tells nothing of who may: it is answered for every page, and the request itself is
refused, without a header that would let the page read the answer. Cookies never count here, so none are allowed along.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from accounts.addresses import limit_address
from accounts.rate_limits import Rate, RateLimited, count
from doculume.crypto import digest
from doculume.dialects import Dialect
from integrations.authentication import OriginRefused
from integrations.doors import Door

ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id"
EXPOSED_HEADERS = (
    "Retry-After, X-Conversation-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id"
)
KEPT_SECONDS = 7_200  # the longest that Chromium keeps an answer
PREFLIGHTS_A_MINUTE = 600


class OpenToPages:
    """Mixin for API views that pages of other sites call, left of REST framework's and of the dialect."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_preflight(request):
            response = self._preflight(request)
        else:
            response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
            if "Origin" in request.headers and self.lets_page_in():
                allow(request, response)
                response["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        patch_vary_headers(response, ("Origin",))
        return response

    def lets_page_in(self) -> bool:
        """Whether the page may read the answer, once `dispatch` is done. Not where nobody was found to be asking."""
        door = getattr(self.request, "auth", None)  # type: ignore[attr-defined]
        return isinstance(door, Door) and door.lets_page_in

    def answers_preflight(self, request: HttpRequest) -> bool:
        """Whether a page from there may ask at all, as far as that shows without a key."""
        return True

    def _preflight(self, request: HttpRequest) -> HttpResponse:
        # Those of a page's visitors behind one address must not take from what else that address may send.
        who = digest(limit_address(request), purpose="rate:preflight")
        usage = count(request, Rate("preflight", who, PREFLIGHTS_A_MINUTE))
        if usage.is_over:
            assert isinstance(self, Dialect)
            refused = self.error_response(RateLimited.status_code, request, RateLimited.message)
            refused["Retry-After"] = usage.retry_after
            return refused
        if not self.answers_preflight(request):
            assert isinstance(self, Dialect)
            return self.error_response(OriginRefused.status_code, request, OriginRefused.message)
        response = HttpResponse(status=204)
        allow(request, response)
        response["Access-Control-Allow-Methods"] = ", ".join(self.allowed_methods)  # type: ignore[attr-defined]
        response["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response["Access-Control-Max-Age"] = str(KEPT_SECONDS)
        return response


def is_preflight(request: HttpRequest) -> bool:
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def allow(request: HttpRequest, response: HttpResponseBase) -> None:
    response["Access-Control-Allow-Origin"] = request.headers["Origin"]
