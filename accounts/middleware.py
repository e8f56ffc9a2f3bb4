"""Names each request, so that an error a user reports can be found in the log."""

from __future__ import annotations

import re

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from doculume.ids import new_id

ACCEPTABLE = re.compile(r"[A-Za-z0-9_.-]{8,64}")


class RequestIdMiddleware:
    """Sets `request.request_id`, from `X-Request-Id` where it is harmless, and sends it back."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response):  # type: ignore[no-untyped-def]
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

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
