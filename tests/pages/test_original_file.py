"""The uploaded file, given back byte for byte and unable to do harm."""

from __future__ import annotations

from email.message import Message

import pytest
from asgiref.sync import async_to_sync

from knowledge.models import Document
from tests.pages.conftest import PDF, uploaded

pytestmark = pytest.mark.django_db


def test_it_comes_back_byte_for_byte(alices, alice, account):
    content = PDF + b"%" + bytes(range(256)) * 4000
    answer = alices.get(f"/documents/{uploaded(account, alice, 'plan.pdf', content).id}/file")
    assert b"".join(async_to_sync(every)(answer.streaming_content)) == content
    assert answer["Content-Length"] == str(len(content))


async def every(blocks):
    return [block async for block in blocks]


def headers(browser, document):
    answer = browser.get(f"/documents/{document.id}/file")
    assert answer.status_code == 200
    return answer.headers


def test_a_pdf_is_shown_and_may_load_nothing(alices, alice, account):
    found = headers(alices, uploaded(account, alice, "plan.pdf", PDF))
    assert found["Content-Type"] == "application/pdf"
    assert found["Content-Disposition"] == 'inline; filename="plan.pdf"'
    assert found["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in found["Content-Security-Policy"]
    assert "script-src" not in found["Content-Security-Policy"]
    assert "no-store" in found["Cache-Control"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<!doctype html><html><body><p>Hello</p><script>alert(1)</script></body></html>"),
        ("hours.txt", b"Open at nine."),
        ("plan.pdf.html", b"<html><body><h1>Not a PDF</h1></body></html>"),
    ],
)
def test_everything_else_is_saved_and_sandboxed(alices, alice, account, name, content):
    found = headers(alices, uploaded(account, alice, name, content))
    assert found["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in found["Content-Security-Policy"]
    assert found["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "Bericht über Größe.txt",
        'with "quotes".txt',
        "مذكرة.txt",
        "报告 2026.txt",
        "emoji 📄.txt",
        "semi;colon, comma.txt",
        "line\r\nX-Evil: 1.txt",
    ],
)
def test_its_name_survives_in_the_header(alices, alice, account, name):
    document = uploaded(account, alice, name, b"Open at nine.")
    found = headers(alices, document)
    message = Message()
    message["Content-Disposition"] = found["Content-Disposition"]
    assert message.get_filename() == document.filename
    assert "X-Evil" not in found


def test_a_file_that_is_lost_is_not_found(alices, text_file):
    text_file.file.storage.delete(text_file.file.name)
    assert alices.get(f"/documents/{text_file.id}/file").status_code == 404


def test_a_name_does_not_make_a_pdf(alices, text_file):
    Document.objects.filter(id=text_file.id).update(filename="a.pdf")
    assert headers(alices, text_file)["Content-Disposition"].startswith("attachment;")
