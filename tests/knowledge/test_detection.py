"""What kind a file is, is told by its content."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from knowledge.ingestion.errors import IngestionError
from knowledge.ingestion.parsers.detect import detect_kind
from tests.knowledge.papers import docx, one_page, paragraph, zipped

CONTAINER = '<container><rootfiles><rootfile full-path="c.opf"/></rootfiles></container>'


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.txt", one_page("words"), "pdf"),
        ("a.pdf", docx(paragraph("words")), "docx"),
        ("a.zip", zipped({"xl/workbook.xml": "<workbook/>"}), "xlsx"),
        ("a.zip", zipped({"ppt/presentation.xml": "<presentation/>"}), "pptx"),
        ("a.zip", zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x/>"}), "odt"),
        ("a.zip", zipped({"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}), "epub"),
        ("a.txt", rb"{\rtf1 words}", "rtf"),
        ("a.txt", b"<!DOCTYPE html><p>words", "html"),
        ("a.xml", b'<?xml version="1.0"?><!DOCTYPE html><html><body/></html>', "html"),
        ("a.html", b"just words", "html"),
        ("a.xml", b'<?xml version="1.0"?><article/>', "xml"),
        ("a.txt", b"From: a@b.c\r\nTo: d@e.f\r\nSubject: x\r\nMIME-Version: 1.0\r\n\r\nwords", "eml"),
        ("a.txt", b"From: a friend, with love\n\nTo: you", "text"),
        ("a.csv", b"a,b\n1,2\n", "csv"),
        ("a.txt", b"a,b\n1,2\n", "text"),
        ("a.txt", b'{"a": 1}', "json"),
        ("a.json", b"[]", "json"),
        ("a.txt", b"[1] a footnote, not JSON", "text"),
        ("a.md", b"# Title", "markdown"),
        ("a.md", b"<p align=center>Title</p>\n\n# Title", "markdown"),
        ("", b"words", "text"),
        ("../../etc/passwd", "Wörter".encode("utf-16"), "text"),
        ("a.txt", "слова".encode("koi8-r"), "text"),
    ],
)
def test_content_tells_the_kind_and_the_name_only_breaks_ties(name, data, kind):
    assert detect_kind(io.BytesIO(data), name).name == kind


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.txt", b"", "empty_file"),
        ("a.pdf", b"MZ\x90\x00" + bytes(range(256)) * 20, "unsupported_type"),
        ("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(100), "unsupported_type"),
        ("a.txt", random.Random(1).randbytes(20_000), "unsupported_type"),
        ("a.docx", zipped({"a.txt": "words", "b.pdf": one_page("words")}), "unsupported_type"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "unsupported_type"),
        (
            "a.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + "EncryptedPackage".encode("utf-16-le"),
            "encrypted",
        ),
        ("a.docx", docx(paragraph("words"))[:300], "corrupt"),
        ("a.odt", b"this is plain text", "corrupt"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_code(name, data, code):
    with pytest.raises(IngestionError) as caught:
        detect_kind(io.BytesIO(data), name)
    assert caught.value.error_code == code
    assert caught.value.permanent
    assert caught.value.status_code == 400
    expected = "unsupported_media_type" if code == "unsupported_type" else "invalid_request"
    assert caught.value.code == expected


def test_a_large_file_is_told_by_its_beginning_and_left_where_it_was(tmp_path: Path):
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            data = super().read(size)
            self.taken += len(data)
            return data

    file = Counting(b"words and more words\n" * 500_000)
    file.seek(7)
    assert detect_kind(file, "a.txt").media_type == "text/plain"
    assert file.tell() == 7
    assert file.taken <= 64 * 1024
