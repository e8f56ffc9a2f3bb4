"""PDF: pages, paragraphs, headings, hyphens, fields and the ways in which files are broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Unreadable
from knowledge.ingestion.parsers.pdf_layout import JOINT, Line, resolve_hyphens
from tests.knowledge.papers import assembled, block, one_page, pdf, read, text, texts


def test_pages_are_numbered_from_one(tmp_path: Path):
    found = read(tmp_path, "a.pdf", pdf([[(72, 700, 11, f"Marker of page {n}")] for n in (1, 2, 3)]))
    assert found.page_count == 3
    assert [(one.page, one.text) for one in found.blocks] == [(n, f"Marker of page {n}") for n in (1, 2, 3)]


def test_lines_become_paragraphs_and_large_ones_headings(tmp_path: Path):
    lines = [
        (72, 700, 20, "The Great Title"),
        (72, 660, 11, "This is a line that is as long as the lines of this page are"),
        (72, 646, 11, "and this one goes on with it until its end."),
        (72, 610, 11, "Here begins another paragraph of the very same page, as long"),
        (72, 596, 11, "as that one."),
        (72, 560, -11, "1.2 Numbered and bold"),
        (72, 540, 11, "Text below it, which is as long as the others lines are here"),
    ]
    found = read(tmp_path, "a.pdf", pdf([lines]))
    assert found.title == "The Great Title"
    assert [(one.kind, one.text.split()[0]) for one in found.blocks] == [
        ("heading", "The"),
        ("paragraph", "This"),
        ("paragraph", "Here"),
        ("heading", "1.2"),
        ("paragraph", "Text"),
    ]
    assert "of this page are and this one goes on" in text(found)


def test_words_parted_at_the_end_of_a_line_are_joined_as_the_document_does():
    lines = [Line(f"re{JOINT}cent dual{JOINT}encoder self{JOINT}Test"), Line("the recent dual use of an encoder")]
    resolve_hyphens([lines])
    assert lines[0].text == "recent dual-encoder self-Test"


def test_bookmarks_are_headings_where_they_stand(tmp_path: Path):
    catalog = "/Outlines << /First 99 0 R >>"
    data = pdf([[(72, 700, 11, "Chapter of bookmarks"), (72, 660, 11, "Its text.")]], catalog)
    head, _, tail = data.rpartition(b"xref\n0")
    outline = b"99 0 obj << /Title (Chapter of bookmarks) /Dest [5 0 R /Fit] >> endobj\n"
    found = read(
        tmp_path, "a.pdf", head + outline + b"xref\n0" + tail.partition(b"trailer")[0] + b"trailer << /Root 1 0 R >>"
    )
    assert text(found).startswith("Chapter of bookmarks")


def test_fields_and_remarks_are_read(tmp_path: Path):
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>"
        b" /Annots [6 0 R 7 0 R] >>"
    )
    stream = b"BT /F1 12 Tf 20 200 Td (A form) Tj ET"
    found = read(
        tmp_path,
        "a.pdf",
        assembled(
            [
                b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>",
                b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                page,
                b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
                b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
                b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (City) /V (Oslo) /Rect [20 20 90 40] /P 3 0 R >>",
                b"<< /Type /Annot /Subtype /Text /Contents (Check this) /Rect [20 60 40 80] >>",
            ]
        ),
    )
    assert texts(found) == ["A form", "City: Oslo", "Check this"]
    assert block(found, "City").page == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"%PDF-1.7\n", "corrupt"),
        (one_page(), "no_text"),
        (
            assembled(
                [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1000000 >>"],
            ),
            "too_large",
        ),
        (
            pdf(
                [[(72, 700, 11, "secret")]],
                trailer="/ID [<00><00>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 "
                f"/O <{'41' * 32}> /U <{'42' * 32}> >>",
            ),
            "encrypted",
        ),
    ],
    ids=["header only", "no text", "page loop", "password"],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, data: bytes, code: str):
    with pytest.raises(Unreadable) as caught:
        read(tmp_path, "a.pdf", data)
    assert caught.value.code == code


def test_a_file_without_its_end_is_mended(tmp_path: Path):
    whole = one_page("The marker is ZETA")
    assert texts(read(tmp_path, "a.pdf", whole[: whole.rindex(b"xref\n0")])) == ["The marker is ZETA"]


def test_pages_are_counted_before_they_are_read(tmp_path: Path):
    data = pdf([[(72, 700, 11, "x")] for _ in range(5)])
    with pytest.raises(Unreadable) as caught:
        read(tmp_path, "a.pdf", data, ParseLimits(pages=4))
    assert caught.value.code == "too_large"
