"""What each request gets on its way in and out: a name, so that an error a user reports can be found in the log, the
headers that say how many more requests there may be, a language, and a note that its session is in use."""

from __future__ import annotations

import re
import time

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

from accounts import rate_limits, sessions
from accounts.rate_limits import RateLimited, Usage
from doculume.dialects.groups import dialect_for, is_api
from doculume.ids import new_id

ACCEPTABLE = re.compile(r"[A-Za-z0-9_.-]{8,64}")


class BothWays:
    """A middleware for synchronous and asynchronous views, without a thread of its own for either."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response):  # type: ignore[no-untyped-def]
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)  # type: ignore[type-var]  # subclasses can be called


class RequestIdMiddleware(BothWays):
    """Sets `request.request_id`, from `X-Request-Id` where it is harmless, and sends it back."""

    def __call__(self, request: HttpRequest):  # type: ignore[no-untyped-def]
        sent = request.headers.get("X-Request-Id", "")
        request.request_id = sent if ACCEPTABLE.fullmatch(sent) else new_id().hex  # type: ignore[attr-defined]
        if iscoroutinefunction(self):
            return self._call_async(request)
        return self._name(self.get_response(request), request)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        return self._name(await self.get_response(request), request)

    @staticmethod
    def _name(response: HttpResponseBase, request: HttpRequest) -> HttpResponseBase:
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


class RateLimitMiddleware(BothWays):
    """Every answer of the API says what is left of the rate it was counted under.

    What no view counted (it was refused first, or there is none) is counted here, and answered with 429 when over.
    """

    def __call__(self, request: HttpRequest):  # type: ignore[no-untyped-def]
        if iscoroutinefunction(self):
            return self._call_async(request)
        response = self.get_response(request)
        return self._finish(request, response) if is_api(request.path) else response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        response = await self.get_response(request)
        if not is_api(request.path):
            return response
        if rate_limits.usage_of(request) is None:
            return await sync_to_async(self._finish)(request, response)
        return self._finish(request, response)

    @staticmethod
    def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        usage = rate_limits.usage_of(request)
        if usage is None:
            usage = rate_limits.count(request, _rate_of(request, response))
            if usage.is_over:
                response = dialect_for(request.path).error_response(429, request, RateLimited.message)
                response["Retry-After"] = usage.retry_after
        _as_refused(usage, response).write(response)
        return response


class LanguageMiddleware(BothWays):
    """Pages are in the language that the browser asks for, until a view knows whom it speaks to
    (`accounts.preferences`); the API is in English."""

    def __call__(self, request: HttpRequest):  # type: ignore[no-untyped-def]
        if is_api(request.path):
            translation.activate(settings.LANGUAGE_CODE)
            return self.get_response(request)
        translation.activate(translation.get_language_from_request(request))
        if iscoroutinefunction(self):
            return self._call_async(request)
        return self._tell(self.get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        return self._tell(await self.get_response(request))

    @staticmethod
    def _tell(response: HttpResponseBase) -> HttpResponseBase:
        if response.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ("Accept-Language",))
            response.headers.setdefault("Content-Language", translation.get_language() or settings.LANGUAGE_CODE)
        return response


class SessionActivityMiddleware(BothWays):
    """Keeps the list of one's sessions truthful. Looks only at requests whose view asked who the session's user is."""

    def __call__(self, request: HttpRequest):  # type: ignore[no-untyped-def]
        if iscoroutinefunction(self):
            return self._call_async(request)
        response = self.get_response(request)
        if self._is_in_use(request):
            sessions.note_activity(request)
        return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        response = await self.get_response(request)
        if self._is_in_use(request):
            await sync_to_async(sessions.note_activity)(request)
        return response

    @staticmethod
    def _is_in_use(request: HttpRequest) -> bool:
        """What Django found out about the user lies on the request."""
        found = getattr(request, "_cached_user", None) or getattr(request, "_acached_user", None)
        return bool(found and found.is_authenticated and request.session.session_key)


def _rate_of(request: HttpRequest, response: HttpResponseBase) -> rate_limits.Rate:
    """By who was found out to be asking before the view refused them; else by the address."""
    context = getattr(response, "renderer_context", None)
    if context is None:
        return rate_limits.of_address(request)
    return rate_limits.rate_for(context["request"], context["view"])


def _as_refused(usage: Usage, response: HttpResponseBase) -> Usage:
    """Where another limit refused (of failed sign-ins, say), nothing is left until that one lets go."""
    error = getattr(response, "api_error", None)
    if response.status_code != 429 or usage.is_over or error is None or error.code != RateLimited.code:
        return usage
    return Usage(usage.limit, 0, int(time.time()) + int(response.get("Retry-After", "1")), is_over=True)
