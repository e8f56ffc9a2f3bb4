"""No page has a word that cannot be translated, and each is laid out from right to left where the language is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from selectolax.lexbor import LexborHTMLParser

from accounts.models import Membership, Plan
from accounts.plans import put_on
from integrations.forms import AppearanceForm
from tests.cast import make_user
from tests.contract.matrix import BODIES, PAGES, THINGS
from tests.words import pseudo

pytestmark = pytest.mark.django_db

# The reference is the API's, which is in English; the others are no pages.
NOT_OURS = {"schema", "docs", "redoc", "livez", "readyz", "words", "favicon", "document-file", "source-file"}
# Each language is called as it calls itself.
LANGUAGES: Any = AppearanceForm.base_fields["language"]
OWN_NAMES = set(re.findall(r"\w+", " ".join(str(name) for _, name in LANGUAGES.choices)))
NAMES = OWN_NAMES | {
    "DocuLume", "API", "UTC", "JSON", "JSONL", "CSV", "XLSX", "PDF", "DOCX", "TXT",
    "TEXT", "HTML", "URL", "KB", "MB", "GB",
    "ms",
    "English", "Deutsch", "Pseudo", "OpenAI", "Cohere", "Ctrl", "Cmd", "Shift", "Enter", "Esc", "example", "com",
    "https", "http", "localhost", "v1", "api", "openai", "ai",
    "Ollama", "Mistral", "mistral", "llama", "cpp", "LM", "Studio", "vLLM", "compatible",
    "Free", "Pro", "Business", "Enterprise", "Alice",
}  # fmt: skip
# The same pages in other states.
MORE = [
    "/integrations/new?type=chatbot",
    "/integrations/new?type=search_box",
    "/integrations/new?type=custom",
    "/nowhere",
]
GETS = sorted(name for name, line in PAGES.items() if "get" in line and name not in NOT_OURS)


POSTS = sorted(name for name, line in PAGES.items() if "post" in line and name not in NOT_OURS)


@pytest.fixture
def browsers(alice, account) -> dict[str, Client]:
    put_on(account, Plan.objects.get(name="pro"))
    viewer = make_user("Vera")
    Membership.objects.create(account=account, user=viewer, role=Membership.Role.VIEWER)
    clients = {who: Client() for who in ("anonymous", "owner", "viewer")}
    clients["owner"].force_login(alice)
    clients["viewer"].force_login(viewer)
    return clients


@pytest.mark.parametrize("name", GETS)
def test_every_word_of_a_page_can_be_translated(name, browsers, account, alice):
    made = THINGS[name](account, alice) if name in THINGS else None
    address = f"{reverse(name, kwargs=made)}?account={account.pk}"
    with pseudo.spoken() as headers:
        for who, browser in browsers.items():
            answer = browser.get(address, headers=headers, follow=True)
            if answer.status_code != 200 or not answer.get("Content-Type", "").startswith("text/html"):
                continue
            html = answer.content.decode()
            if "<html" in html:
                page = LexborHTMLParser(html).css_first("html")
                assert (page.attributes["lang"], page.attributes.get("dir")) == ("ar", "rtl")
            assert pseudo.unmarked(html, pseudo.data_of_people(), NAMES) == [], who


@pytest.mark.parametrize("address", MORE)
def test_every_word_of_a_page_in_another_state_can_be_translated(address, browsers):
    with pseudo.spoken() as headers:
        html = browsers["owner"].get(address, headers=headers).content.decode()
        assert pseudo.unmarked(html, pseudo.data_of_people(), NAMES) == []


@pytest.mark.parametrize("name", POSTS)
def test_every_word_of_what_a_page_refuses_can_be_translated(name, browsers, account, alice):
    """Sent empty, most are refused; those that are not lead to a page that says what was done."""
    made = THINGS[name](account, alice) if name in THINGS else None
    address = f"{reverse(name, kwargs=made)}?account={account.pk}"
    with pseudo.spoken() as headers:
        answer = browsers["owner"].post(address, BODIES.get(name, {}), headers=headers, follow=True)
        if answer.get("Content-Type", "").startswith("text/html"):
            assert pseudo.unmarked(answer.content.decode(), pseudo.data_of_people(), NAMES) == []


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_every_word_of_an_error_can_be_translated(template, rf):
    from django.template.loader import render_to_string
    from django.utils import translation

    with pseudo.spoken(), translation.override(pseudo.LANGUAGE):
        html = render_to_string(template, request=rf.get("/"))
    assert 'dir="rtl"' in html
    assert pseudo.unmarked(html, [], NAMES) == []
