"""Scripts and styles come packed and stay in the browser, and other people's pages find the widget where it was."""

from __future__ import annotations

import gzip
import re

import pytest
from django.conf import settings
from django.templatetags.static import static

from doculume.statics import release

GZIP = {"HTTP_ACCEPT_ENCODING": "br;q=1.0, gzip;q=0.8"}
CSS = settings.BASE_DIR / "static" / "css" / "doculume.css"


def body(response) -> bytes:
    return response.getvalue()


def test_what_pages_name_stays_for_ever_and_comes_packed(client):
    address = static("css/doculume.css")
    assert re.fullmatch(r"/static/v-[0-9a-f]{12}/css/doculume\.css", address)

    answer = client.get(address, **GZIP)

    assert answer["Content-Type"].startswith("text/css")
    assert (answer["Content-Encoding"], answer["Vary"]) == ("gzip", "Accept-Encoding")
    assert "immutable" in answer["Cache-Control"]
    assert gzip.decompress(answer.content) == CSS.read_bytes()
    assert int(answer["Content-Length"]) == len(answer.content) < CSS.stat().st_size / 3


@pytest.mark.parametrize("accepted", ["", "br", "identity", "gzip;q=0", "gzip; q=0.000", "xgzip"])
def test_it_is_not_packed_for_those_who_cannot_unpack_it(client, accepted):
    answer = client.get(static("css/doculume.css"), HTTP_ACCEPT_ENCODING=accepted)

    assert "Content-Encoding" not in answer
    assert answer["Vary"] == "Accept-Encoding"
    assert body(answer) == CSS.read_bytes()


def test_the_widget_is_where_it_was_and_is_asked_for_again(client):
    assert static("widget/widget.js") == "/static/widget/widget.js"
    for path in ("/static/widget/main.js", "/static/js/markdown.js"):
        answer = client.get(path, HTTP_ORIGIN="https://shop.example", **GZIP)
        assert (answer.status_code, answer["Content-Encoding"]) == (200, "gzip")
        assert answer["Cache-Control"] == "max-age=60, public"
        assert answer["Access-Control-Allow-Origin"] == "*"


def test_what_did_not_change_is_not_sent_again(client):
    first = client.get("/static/widget/main.js", **GZIP)
    assert "ETag" not in first
    again = client.get("/static/widget/main.js", HTTP_IF_MODIFIED_SINCE=first["Last-Modified"], **GZIP)
    assert (again.status_code, body(again)) == (304, b"")


def test_a_page_of_another_release_gets_what_there_is_but_does_not_keep_it(client):
    other = "0" * 12 if release() != "0" * 12 else "1" * 12
    answer = client.get(f"/static/v-{other}/css/doculume.css")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "max-age=60, public")


@pytest.mark.parametrize(
    "path", ["v-{}/", "v-{}/css/", "v-{}/../doculume/settings.py", "v-{}/%2e%2e/x", "v-{0}/v-{0}/icon.svg"]
)
def test_nothing_else_is_found_below_a_release(client, path):
    assert client.get(f"/static/{path.format(release())}").status_code == 404


def test_parts_of_a_file_and_heads_are_as_they_lie(client):
    part = client.get(static("css/doculume.css"), HTTP_RANGE="bytes=0-9", **GZIP)
    assert (part.status_code, body(part)) == (206, CSS.read_bytes()[:10])
    head = client.head(static("css/doculume.css"), **GZIP)
    assert int(head["Content-Length"]) == CSS.stat().st_size
    assert client.post(static("css/doculume.css")).status_code == 405


@pytest.mark.django_db
def test_pages_come_packed_with_a_length_that_tells_nothing(client):
    answers = [client.get("/sign-in", **GZIP) for _ in range(8)]

    assert {answer["Content-Encoding"] for answer in answers} == {"gzip"}
    assert all(b"</html>" in gzip.decompress(answer.content) for answer in answers)
    assert len({len(answer.content) for answer in answers}) > 1


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
def test_answers_with_tokens_are_not_packed(client, method):
    answer = getattr(client, method)("/api/v1/auth/me" if method == "get" else "/sign-in", {"username": "a"}, **GZIP)
    assert "Content-Encoding" not in answer
