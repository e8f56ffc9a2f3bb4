"""Django's handler for ASGI, with a synchronous view's whole request in one thread.

Django runs middleware in the mode of the server, so that each hook of most middleware before and behind a synchronous
view goes into a thread and back by itself: some twenty times a request, which takes longer than the hooks, and longer
than most views. Here the request of such a view goes through the same middleware, loaded a second time in synchronous
mode, at one go. Asynchronous views have Django's own way.

The thread is kept for later requests, where Django would start one for each.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_resolver, set_urlconf

from doculume.threads import give_back, own_thread


class Resolved(BaseHandler):
    """Takes a path as it was resolved before, where it was."""

    def resolve_request(self, request: HttpRequest) -> Any:
        return request.resolver_match or super().resolve_request(request)


class InOneThread(Resolved):
    """All of the middleware and the view, called one by the other."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware()

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # What it streams takes longer than the view, and asks for a connection where it needs one. Of any other, what
        # is asked next finds the connection that was used last.
        give_back()
        return response


class Handler(Resolved, ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self._in_one_thread = InOneThread()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with own_thread():
            await super().__call__(scope, receive, send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        if _is_async(request):
            return await super().get_response_async(request)
        # The same thread as for the signals around it, which close its connection to the database.
        return await sync_to_async(self._in_one_thread.answer, thread_sensitive=True)(request)


def _is_async(request: HttpRequest) -> bool:
    """Whether the view of this path is; notes on the request which view that is."""
    set_urlconf(None)
    try:
        request.resolver_match = get_resolver().resolve(request.path_info)
    except Resolver404:
        return False
    return iscoroutinefunction(request.resolver_match.func)
