"""Bodies that are too large are refused before anything is done with them."""

from __future__ import annotations

import json

import pytest

from doculume.asgi import page_of_refused
from doculume.bodies import BodyLimit


async def reads_everything(scope, receive, send):
    read = 0
    while True:
        message = await receive()
        read += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(read).encode()})


async def status_of(pieces, announced=None, path="/api/v1/chat/ask", **options):
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    headers = [(b"content-length", str(announced).encode())] if announced is not None else []
    sent = []

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    await BodyLimit(reads_everything, lambda path: 10, **options)(
        {"type": "http", "path": path, "headers": headers}, receive, send
    )
    return sent[0]["status"], sent[1]["body"], len(waiting)


async def test_a_body_that_does_not_say_its_length_gets_one():
    seen = []

    async def application(scope, receive, send):
        seen.extend(scope["headers"])
        await reads_everything(scope, receive, send)

    pieces = [{"type": "http.request", "body": b"abc", "more_body": more} for more in (True, False)]
    sent = []

    async def receive():
        return pieces.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": "/", "headers": [(b"transfer-encoding", b"chunked")]}
    await BodyLimit(application, lambda path: 10)(scope, receive, send)
    assert seen == [(b"content-length", b"6")]
    assert sent[1]["body"] == b"6"


@pytest.mark.parametrize("pieces", [[], [b"1234567890"], [b"12345", b"67890"]])
async def test_what_fits_passes(pieces):
    assert (await status_of(pieces))[0] == 200


async def test_what_is_announced_as_too_large_is_not_read():
    status, body, left = await status_of([b"x" * 6, b"x" * 6], announced=12)
    assert (status, left) == (413, 3)
    assert json.loads(body)["error"]["code"] == "payload_too_large"


async def test_what_turns_out_too_large_is_read_no_further():
    status, body, left = await status_of([b"x" * 6, b"x" * 6, b"x" * 6], path="/api/v1/collections")
    assert (status, left) == (413, 2)
    assert set(json.loads(body)) == {"message"}


@pytest.mark.parametrize("announced", [12, None])
async def test_a_browser_may_send_to_the_end_and_is_shown_a_page(announced):
    def page(scope, request_id):
        return f"<p>{scope['path']} für {len(request_id)}</p>"

    status, body, left = await status_of([b"x" * 6, b"x" * 6], announced, "/documents/upload", page=page)
    assert (status, left) == (413, 0)
    assert body.decode() == "<p>/documents/upload für 32</p>"


def test_people_are_told_in_their_language_and_programs_in_their_shape():
    def told(path, language):
        headers = [(b"accept-language", language)]
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
        return page_of_refused(scope, "1234")

    assert told("/api/v1/documents/upload", b"en") == ""
    english, german = (told("/documents/upload", language) for language in (b"en", b"de"))
    assert "That is too large" in english
    assert "1234" in english
    assert '<html lang="de"' in german
    assert "Das ist zu groß" in german
