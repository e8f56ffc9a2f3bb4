"""Browsers that are signed in on the pages, and documents to look at."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Account, User
from knowledge import uploads
from knowledge.models import Chunk, Document, Entry

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


def browser_of(user: User) -> Client:
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    return browser


@pytest.fixture
def alices(alice: User) -> Client:
    return browser_of(alice)


@pytest.fixture
def bobs(bob: User) -> Client:
    return browser_of(bob)


@pytest.fixture
def charlies(charlie: User) -> Client:
    return browser_of(charlie)


@pytest.fixture(scope="module")
def chromium():
    from tests.pages import browser  # a web process, which the other tests of pages do without

    with browser.chromium() as started:
        yield started


@pytest.fixture
def visit(chromium, fresh_limits):
    """Makes visits in a real browser; see `tests.pages.browser.visiting`."""
    from tests.pages import browser

    with browser.visiting(chromium) as make:
        yield make


@pytest.fixture
def text_file(account: Account, alice: User) -> Document:
    return uploaded(account, alice, "hours.txt", b"The office opens at nine.")


def uploaded(account: Account, user: User, name: str, content: bytes) -> Document:
    return uploads.accept(account, user, SimpleUploadedFile(name, content), name=name)


def made_ready(document: Document, *pieces: tuple[str, dict]) -> Document:
    """`document` with its text and chunks as ingestion leaves them: a piece is its text and fields of its chunk."""
    text = "\n\n".join(piece for piece, _ in pieces)
    Entry.objects.filter(id=document.entry_id).update(text=text, active_generation=1)
    start = 0
    for position, (piece, fields) in enumerate(pieces):
        place = {"entry_id": document.entry_id, "generation": 1, "position": position}
        span = {"text": piece, "start": start, "end": start + len(piece), "token_count": 9}
        Chunk.objects.create(account=document.account, collection=document.collection, **place, **span, **fields)
        start += len(piece) + 2
    document.status, document.chunk_count = Document.Status.READY, len(pieces)
    document.page_count = max((fields.get("page_number") or 0 for _, fields in pieces), default=0) or None
    document.save()
    return document
