"""Middleware that notes that sessions are in use."""

from __future__ import annotations

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import sessions


class SessionActivityMiddleware:
    """Keeps the list of one's sessions truthful. Looks only at requests whose view asked who the session's user is."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response):  # type: ignore[no-untyped-def]
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

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
