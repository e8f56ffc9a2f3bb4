"""Hosts that may embed an integration are kept in one way of writing them, and nothing else is."""

from __future__ import annotations

import pytest

from integrations.domains import NotAHost, normalize_host


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("example.com", "example.com"),
        (" Example.COM. ", "example.com"),
        ("*.Example.com", "*.example.com"),
        ("localhost:3000", "localhost:3000"),
        ("localhost", "localhost"),
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("*.例え.jp:8080", "*.xn--r8jz45g.jp:8080"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("[::0001]:3000", "[::1]:3000"),
        ("example.com:0443", "example.com:443"),
    ],
)
def test_hosts_are_kept_in_one_way_of_writing_them(sent, kept):
    assert normalize_host(sent) == kept
    assert normalize_host(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "*",
        "*.",
        "*.com",
        "*.127.0.0.1",
        "*.*.example.com",
        "www.*.example.com",
        "https://example.com",
        "//example.com",
        "example.com/path",
        "example.com?x",
        "user@example.com",
        "exa mple.com",
        "example..com",
        "-example.com",
        "example-.com",
        "exam_ple.com",
        "example.com:0",
        "example.com:65536",
        "example.com:",
        "example.com:http",
        "1.2.3",
        "256.1.1.1",
        "::1",
        "[::1",
        "[example.com]",
        "a" * 64 + ".com",
        ("a" * 60 + ".") * 5 + "com",
        "<script>",
        "example.com\nevil.com",
        "x\x00.com",
        "\u202e.com",
    ],
)
def test_what_is_no_host_is_refused(text):
    with pytest.raises(NotAHost):
        normalize_host(text)
