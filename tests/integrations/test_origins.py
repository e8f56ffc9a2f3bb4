"""Origins of pages, as people and browsers write them."""

from __future__ import annotations

import pytest

from integrations.origins import NotAnOrigin, allows, normalize_origin, origin_of


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://example.com", "https://example.com"),
        (" HTTPS://Example.COM/ ", "https://example.com"),
        ("https://example.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("http://example.com:443", "http://example.com:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://Bücher.example", "https://xn--bcher-kva.example"),
        ("https://例え.jp", "https://xn--r8jz45g.jp"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[2001:DB8:0::1]", "http://[2001:db8::1]"),
        ("https://example.com.", "https://example.com"),
    ],
)
def test_an_origin_is_written_in_one_way(text, origin):
    assert normalize_origin(text) == origin
    assert normalize_origin(origin) == origin


@pytest.mark.parametrize(
    "text",
    [
        "", "example.com", "//example.com", "ftp://example.com", "javascript:alert(1)", "null", "*", "https://*",
        "https://*.example.com", "https://example.com/page", "https://example.com?x", "https://example.com#x",
        "https://user@example.com", "https://user:secret@example.com", "https://example.com:0", "https://example.com:x",
        "https://example.com:70000", "https://", "https://exa mple.com", "https://[::1", "https://-example.com",
        "https://example.com\\@evil.example", "file:///etc/passwd", "https://1.2.3", "https://a\x00b.example",
    ],
)  # fmt: skip
def test_what_is_none_is_refused(text):
    with pytest.raises(NotAnOrigin):
        normalize_origin(text)


def test_none_named_is_every_one():
    assert allows([], None)
    assert allows([], "https://a.example")
    assert allows(["https://a.example"], "https://a.example")
    assert not allows(["https://a.example"], "https://b.example")
    assert not allows(["https://a.example"], None)


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({}, None),
        ({"Origin": "https://A.example:443"}, "https://a.example"),
        ({"Origin": "null", "Referer": "https://a.example/"}, "null"),
        ({"Origin": "https://a.example/path", "Referer": "https://a.example/"}, "null"),
        ({"Referer": "https://a.example:8443/path?x=1#y"}, "https://a.example:8443"),
        ({"Referer": "https://user:secret@a.example/"}, "https://a.example"),
        ({"Referer": "https://a.example@b.example/"}, "https://b.example"),
        ({"Referer": "about:blank"}, "null"),
        ({"Referer": "https://[::1"}, "null"),
    ],
)
def test_a_page_is_where_its_browser_says_it_is(rf, headers, origin):
    assert origin_of(rf.post("/", headers=headers)) == origin
