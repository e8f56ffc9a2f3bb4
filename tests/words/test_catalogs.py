"""Every word of pages, mails and scripts is there in each language that pages speak, and what is compiled is new."""

from __future__ import annotations

import gettext
import re
from typing import Any

import pytest
from babel.messages.catalog import Message
from django.conf import settings

from doculume import catalogs

CASES = [
    (language, domain)
    for language, _name in settings.LANGUAGES
    if language != settings.LANGUAGE_CODE
    for domain in catalogs.DOMAINS
]
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}")
TAG = re.compile(r"<[^>]+>")
HELP = "Say `make messages`, translate what is new, and say it again."


@pytest.fixture(params=CASES, ids="-".join, scope="module")
def case(request):
    return request.param


@pytest.fixture(scope="module")
def messages(case) -> list[Message]:
    """What there is to say now, with what the kept catalog makes of it."""
    return [message for message in catalogs.refreshed(*case) if message.id]


def texts(message: Message) -> tuple[Any, Any]:
    """The English, and what it has become; of plurals each form."""
    said = message.id if isinstance(message.id, tuple) else (message.id,)
    translated = message.string if isinstance(message.string, tuple) else (message.string,)
    return said, translated


def test_there_is_something_to_say(messages):
    assert len(messages) > 100


def test_everything_is_translated_in_each_form_and_nothing_is_a_guess(messages):
    missing = [message.id for message in messages if not all(texts(message)[1]) or message.fuzzy]
    assert not missing, HELP
    assert not [message.id for message in messages if isinstance(message.id, tuple) and len(message.string) != 2]


def test_what_is_filled_in_stands_in_the_translation_too(messages):
    """A plural form may leave out the number, but names nothing that is not there."""
    for message in messages:
        said, translated = texts(message)
        known = {name for text in said for name in PLACEHOLDER.findall(text)}
        for text in translated:
            names = set(PLACEHOLDER.findall(text))
            assert names == known if len(translated) == 1 else names <= known, message.id


def test_a_translation_has_the_same_tags_and_the_same_lines(messages):
    for message in messages:
        said, translated = texts(message)
        for text in translated:
            assert sorted(TAG.findall(text)) == sorted(TAG.findall(said[0])), message.id
            assert text.count("\n") == said[0].count("\n"), message.id
            assert text.strip() == text or said[0].strip() != said[0], message.id


def test_what_is_kept_is_what_there_is_to_say(case, messages):
    language, domain = case
    with (catalogs.LOCALES / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as file:
        kept = [message.id for message in catalogs.read_po(file, locale=language) if message.id]
    assert set(map(str, kept)) == {str(message.id) for message in messages}, HELP


def test_what_is_compiled_is_what_is_kept(case, messages):
    language, domain = case
    with (catalogs.LOCALES / language / "LC_MESSAGES" / f"{domain}.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in messages:
        said, translated = texts(message)
        if len(said) == 2:
            assert (compiled.ngettext(*said, 1), compiled.ngettext(*said, 2)) == translated, HELP
        else:
            assert compiled.gettext(said[0]) == translated[0], HELP
