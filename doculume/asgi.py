"""The web process: requests to Django, sockets to their consumer."""

from __future__ import annotations

import gc
import os
from io import BytesIO

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")

django.setup(set_prefix=False)

# What these import needs Django's applications loaded.
from django.template.loader import render_to_string  # noqa: E402
from django.urls import get_resolver  # noqa: E402
from django.utils import translation  # noqa: E402

from accounts import rate_limits  # noqa: E402
from chat.consumers import ChatSocket  # noqa: E402
from doculume import stopping  # noqa: E402
from doculume.bodies import Application, BodyLimit, Receive, Scope, Send  # noqa: E402
from doculume.dialects.groups import is_api  # noqa: E402
from doculume.handler import Handler  # noqa: E402

# All views: else the first request imports them, for seconds, and whatever else goes on in the process waits with it.
get_resolver().url_patterns  # noqa: B018

# What is loaded by now stays: to look through these hundreds of thousands of objects for garbage again and again would
# hold up every stream of the process for tenths of a second each time.
gc.collect()
gc.freeze()

# Each request has a thread and a connection of its own, in which nothing can be old: no need to look, in that thread.
for look in (reset_queries, close_old_connections):
    request_started.disconnect(look)

SOCKETS = {"/api/v1/ws": ChatSocket.as_asgi()}


def largest_body(path: str) -> int:
    """Bytes. A form has more in it than its file."""
    if path.rstrip("/") in settings.UPLOAD_PATHS:
        return settings.UPLOAD_MAX_BYTES + 1024 * 1024
    if settings.IMPORT_PATH.fullmatch(path):
        return settings.IMPORTS["max_bytes"] + 1024 * 1024
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE if path.startswith(settings.ENTRIES_PATH) else settings.BODY_MAX_BYTES


async def headers_of_refused(scope: Scope) -> dict[str, str]:
    """A request that is refused before Django sees it counts for its address."""
    if not is_api(scope["path"]):
        return {"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'", "Vary": "Accept-Language"}
    request = ASGIRequest(scope, BytesIO())
    return (await rate_limits.count_async(request, rate_limits.of_address(request))).headers()


def page_of_refused(scope: Scope, request_id: str) -> str:
    """For whoever sits before a browser."""
    if is_api(scope["path"]):
        return ""
    request = ASGIRequest(scope, BytesIO())
    with translation.override(translation.get_language_from_request(request)):
        return render_to_string("413.html", {"request": {"request_id": request_id}})


async def socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Hands a socket to whoever has its path; there is a 404 elsewhere."""
    asked = dict(scope)
    # Servers log the address of a socket from this very object, and sockets bring their token in it.
    scope["query_string"] = b""
    if consumer := SOCKETS.get(scope["path"].removesuffix("/")):
        await consumer(asked, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": 4404})


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    while True:
        moment = (await receive())["type"]
        if moment == "lifespan.startup":
            stopping.listen()
        await send({"type": f"{moment}.complete"})
        if moment == "lifespan.shutdown":
            return


http = BodyLimit(Handler(), largest_body, headers_of_refused, page_of_refused)
KINDS: dict[str, Application] = {"http": http, "websocket": socket, "lifespan": lifespan}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    await KINDS[scope["type"]](scope, receive, send)
