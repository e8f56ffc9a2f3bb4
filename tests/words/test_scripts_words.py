"""Scripts get their words from this site, once, and only where they need any."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from doculume.words import address_of

pytestmark = pytest.mark.django_db


def test_the_language_of_the_scripts_needs_no_words():
    assert address_of("en") == ""


def test_the_address_changes_with_the_words_and_is_kept_for_good():
    address = address_of("de")
    assert re.fullmatch(r"/words/[0-9a-f]{12}/de\.js", address)
    answer = Client().get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"] == 'text/javascript; charset="utf-8"'
    assert "immutable" in answer["Cache-Control"]
    assert "max-age=31536000" in answer["Cache-Control"]
    assert "Cookie" not in answer.get("Vary", "")


def test_what_another_release_asks_for_is_not_kept():
    answer = Client().get("/words/0123456789ab/de.js")
    assert answer.status_code == 200
    assert "max-age=0" in answer["Cache-Control"]
    assert "immutable" not in answer["Cache-Control"]


def test_a_language_that_there_is_not_has_no_words():
    assert Client().get("/words/0123456789ab/xx.js").status_code == 404


def test_it_is_the_language_of_the_address_and_not_of_the_browser():
    address = address_of("de")
    answers = [Client(headers={"Accept-Language": language}).get(address).content for language in ("en", "de")]
    assert answers[0] == answers[1]
