"""Each kind of file is read into headings, paragraphs, lists and tables, and nothing of it is lost."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from knowledge.ingestion.limits import ParseLimits
from knowledge.ingestion.parsers.base import Unreadable
from tests.knowledge.papers import block, docx, paragraph, read, text, texts, zipped


def saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_docx_headings_lists_tables_headers_and_properties(tmp_path: Path):
    from docx import Document

    document = Document()
    document.core_properties.title = "Annual report"
    document.sections[0].header.paragraphs[0].text = "Confidential header"
    document.add_heading("Results", 1)
    document.add_heading("Costs", 2)
    document.add_paragraph("Costs fell by half.")
    document.add_paragraph("first", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, words in zip(table._cells, ("Year", "Cost", "2024", "17"), strict=True):
        cell.text = words
    found = read(tmp_path, "a.docx", saved(document))
    assert found.title == "Annual report"
    assert [(one.text, one.level) for one in found.blocks if one.kind == "heading"] == [("Results", 1), ("Costs", 2)]
    assert texts(found, "table") == ["Year\tCost\n2024\t17"]
    assert block(found, "Year").header == "Year\tCost"
    assert "Costs fell by half." in texts(found)
    assert "Confidential header" in texts(found)


def test_docx_deleted_text_is_gone_and_inserted_text_stays(tmp_path: Path):
    body = (
        "<w:p><w:r><w:t>kept </w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom></w:p>"
    )
    assert texts(read(tmp_path, "a.docx", docx(body))) == ["kept new"]


def test_docx_text_boxes_content_controls_and_nested_tables_are_read_once(tmp_path: Path):
    box = f"<w:txbxContent>{paragraph('in a box')}</w:txbxContent>"
    body = (
        "<w:sdt><w:sdtContent>" + paragraph("in a control") + "</w:sdtContent></w:sdt>"
        '<w:p><w:r><mc:AlternateContent xmlns:mc="urn:mc"><mc:Choice>' + box + "</mc:Choice><mc:Fallback>" + box
        + "</mc:Fallback></mc:AlternateContent></w:r></w:p>"
        "<w:tbl><w:tr><w:tc>" + paragraph("outer") + "<w:tbl><w:tr><w:tc>" + paragraph("inner")
        + "</w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>"
    )  # fmt: skip
    assert texts(read(tmp_path, "a.docx", docx(body))) == ["in a control", "in a box", "outer", "inner"]


def test_pptx_slides_are_pages_with_titles_tables_notes_and_charts(tmp_path: Path):
    from pptx import Presentation
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    deck = Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Plan"
    first.placeholders[1].text = "one\ntwo"
    first.notes_slide.notes_text_frame.text = "say it slowly"
    second = deck.slides.add_slide(deck.slide_layouts[5])
    second.shapes.title.text = "Numbers"
    table = second.shapes.add_table(1, 2, *[Inches(1)] * 4).table
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    data: Any = CategoryChartData()
    data.categories = ["April"]
    data.add_series("Peaches", (7,))
    second.shapes.add_chart(XL_CHART_TYPE.PIE, *[Inches(1)] * 4, data)
    found = read(tmp_path, "a.pptx", saved(deck))
    assert found.page_count == 2
    assert [(one.page, one.text) for one in found.blocks if one.kind == "heading"] == [(1, "Plan"), (2, "Numbers")]
    assert block(found, "say it slowly").page == 1
    assert block(found, "left\tright").page == 2
    assert "April\t7" in text(found)


def test_xlsx_rows_say_their_columns_and_values_look_as_shown(tmp_path: Path):
    from datetime import date

    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Sales"
    for line in (
        ("Product", "When", "Share", "Price"),
        ("Anvil", date(2024, 2, 29), 0.125, 19.9),
        ("Bell", None, 1, 3),
    ):
        sheet.append(line)
    sheet["C2"].number_format = "0.0%"
    sheet["XFD900000"] = "far away"
    found = read(tmp_path, "a.xlsx", saved(book))
    assert block(found, "Sales").kind == "heading"
    assert "Product: Anvil; When: 2024-02-29; Share: 12.5%; Price: 19.9" in text(found)
    assert "Product: Bell; Share: 1; Price: 3" in text(found)
    assert "far away" in text(found)


def test_odt_paragraphs_lists_tables_and_notes_without_tracked_deletions(tmp_path: Path):
    content = """<office:document-content xmlns:office="o" xmlns:text="t" xmlns:table="tb"><office:body><office:text>
      <text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>
      <text:h text:outline-level="2">Title</text:h><text:p>one<text:s text:c="2"/>two<text:note>
      <text:note-body><text:p>a note</text:p></text:note-body></text:note></text:p>
      <text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>
      <table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>
      <table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>
      </office:text></office:body></office:document-content>"""
    data = zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})
    found = read(tmp_path, "a.odt", data)
    assert [(one.kind, one.text) for one in found.blocks] == [
        ("heading", "Title"),
        ("paragraph", "one  two"),
        ("paragraph", "a note"),
        ("list", "- item"),
        ("table", "a\tb"),
    ]


def test_epub_chapters_come_in_the_order_of_the_spine(tmp_path: Path):
    package = (
        "<package><metadata><title>Book</title><creator>Ann</creator></metadata><manifest>"
        '<item id="a" href="t/1.xhtml"/><item id="b" href="t/2.xhtml"/></manifest>'
        '<spine><itemref idref="b"/><itemref idref="a"/></spine></package>'
    )
    data = zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="o/c.opf"/></container>',
            "o/c.opf": package,
            "o/t/1.xhtml": "<html><body><h1>Two</h1></body></html>",
            "o/t/2.xhtml": "<html><body><h1>One</h1><p>first</p></body></html>",
        }
    )
    found = read(tmp_path, "a.epub", data)
    assert (found.title, found.metadata["author"]) == ("Book", "Ann")
    assert texts(found) == ["One", "first", "Two"]


def test_html_keeps_content_and_drops_scripts(tmp_path: Path):
    page = """<html lang=en><head><title>The page</title><style>p{color:red}</style></head><body>
      <nav>Menu</nav><h2>Head</h2><p>One<br>two <b>bo</b>ld &amp; more<script>alert(1)</script></p>
      <ol><li>first<ul><li>inner</li></ul></li><li>second</li></ol><pre>a\n  b</pre>
      <table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table></body></html>"""
    found = read(tmp_path, "a.html", page)
    assert found.title == "The page"
    assert [(one.kind, one.text) for one in found.blocks] == [
        ("heading", "Head"),
        ("paragraph", "One\ntwo bold & more"),
        ("list", "1. first"),
        ("list", "  - inner"),
        ("list", "2. second"),
        ("code", "a\n  b"),
        ("table", "A\tB\n1\t2"),
        ("paragraph", "Menu"),
    ]


def test_html_nested_a_hundred_thousand_deep_is_read(tmp_path: Path):
    found = read(tmp_path, "a.html", "<div>" * 100_000 + "at the bottom" + "</div>" * 100_000)
    assert texts(found) == ["at the bottom"]


def test_markdown_blocks_keep_their_words_and_lose_their_signs(tmp_path: Path):
    source = "---\ntitle: Front\n---\n# One\n\nA *word*\n\n- a\n  1. b\n\n```py\nx = 1\n```\n\n"
    source += "| A | B |\n|---|---|\n| 1 | 2 |\n\n<p>html</p>\n\n[ref]: http://x"
    found = read(tmp_path, "a.md", source)
    assert found.title == "Front"
    assert [(one.kind, one.text) for one in found.blocks][1:] == [
        ("heading", "One"),
        ("paragraph", "A *word*"),
        ("list", "- a"),
        ("list", "  1. b"),
        ("code", "x = 1"),
        ("table", "| A | B |\n| 1 | 2 |"),
        ("paragraph", "html"),
        ("paragraph", "[ref]: http://x"),
    ]


def test_rtf_code_pages_unicode_tables_and_hidden_parts(tmp_path: Path):
    source = (
        rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset238 Arial CE;}{\f2\fcharset128 M;}}"
        rb"{\*\generator Secret;}{\pict 89504e47}{\info{\title Named}}\pard caf\'e9"
        rb" {\f1 \'e8esk\'fd} \u8364?{\f2 \'83A}"
        rb"{\v hidden}\par{\footnote A note}"
        rb"\trowd\intbl a\cell b\cell\row\trowd\intbl c\cell d\cell\row\pard end\par}"
    )
    found = read(tmp_path, "a.rtf", source)
    assert found.title == "Named"
    assert texts(found) == ["café český €ア", "a\tb\nc\td", "end", "A note"]


def test_csv_rows_say_their_columns_whatever_the_delimiter(tmp_path: Path):
    found = read(tmp_path, "a.csv", 'Team;City;Cups\n"Maple\nLeafs";Toronto;13\nBlues;;1\n')
    assert texts(found) == ["Team\tCity\tCups\nTeam: Maple Leafs; City: Toronto; Cups: 13\nTeam: Blues; Cups: 1"]


def test_csv_without_names_of_columns_stays_as_it_is(tmp_path: Path):
    assert texts(read(tmp_path, "a.csv", "1,2,3\n4,5\n6,7,8,9\n")) == ["1\t2\t3\n4\t5\n6\t7\t8\t9"]


def test_json_says_paths_and_parts_records(tmp_path: Path):
    data = {"title": "T", "items": [{"name": "a", "tags": ["x", "y"]}, {"name": "b", "size": {"w": 1.50}}], "no": None}
    found = read(tmp_path, "a.json", json.dumps(data))
    assert found.title == "T"
    assert texts(found) == [
        "title: T",
        "items.name: a\nitems.tags: x, y",
        "items.name: b\nitems.size.w: 1.5\nno: null",
    ]


@pytest.mark.parametrize("source", ['{"a": "x"}\n{"a": "y"}\n', '{"a": "x", "b": [1, "y"'])
def test_json_lines_and_broken_json_lose_nothing(tmp_path: Path, source: str):
    found = text(read(tmp_path, "a.json", source))
    assert "x" in found
    assert "y" in found


def test_json_nested_too_deeply_is_refused_in_words(tmp_path: Path):
    with pytest.raises(Unreadable) as caught:
        read(tmp_path, "a.json", "[" * 100_000 + "]" * 100_000)
    assert caught.value.code == "too_large"


def test_xml_articles_have_sections_and_records_have_fields(tmp_path: Path):
    source = """<?xml version="1.0"?><article><front><article-title>Cows</article-title></front><body><sec>
      <title>Methods</title><p>CH<sub>4</sub> from <italic>cows</italic>.</p></sec></body>
      <back><name><given>Ann</given><family>Lee</family></name></back></article>"""
    found = read(tmp_path, "a.xml", source)
    assert found.title == "Cows"
    assert "CH4 from cows." in texts(found)
    assert "given: Ann\nfamily: Lee" in texts(found)


def test_mail_headers_alternatives_nested_messages_and_attachments(tmp_path: Path):
    from email.message import EmailMessage

    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("deep words")
    message = EmailMessage()
    message["Subject"], message["From"] = "Grüße ☸", "Zoë <z@example.org>"
    message.set_content("The same words.\n")
    message.add_alternative("<p>The same words.</p><p>And new ones.</p>", subtype="html")
    message.add_attachment(inner)
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="bill.pdf")
    found = read(tmp_path, "a.eml", message.as_bytes())
    assert found.title == "Grüße ☸"
    assert "From: Zoë <z@example.org>" in text(found)
    assert text(found).count("The same words.") == 1
    assert "And new ones." in texts(found)
    assert "deep words" in texts(found)
    assert "Attachment: bill.pdf" in texts(found)


def test_mail_in_a_charset_that_it_does_not_name_is_read(tmp_path: Path):
    raw = (
        b"From: a@b.c\nSubject: =?nonsense?Q?caf=E9?=\nContent-Type: text/plain; charset=us-ascii\n\n"
        + "déjà vu".encode("cp1252")
    )
    found = read(tmp_path, "a.eml", raw)
    assert "déjà vu" in text(found)
    assert found.title == "café"


@pytest.mark.parametrize("xml", ["<!ENTITY x SYSTEM 'file:///etc/passwd'>", "<!ENTITY x SYSTEM 'http://127.0.0.1:9/'>"])
def test_entities_of_documents_are_never_resolved(tmp_path: Path, xml: str):
    document = (
        f"<!DOCTYPE d [{xml}]>"
        + '<w:document xmlns:w="w"><w:body>'
        + paragraph("before &x; after")
        + "</w:body></w:document>"
    )
    found = read(tmp_path, "a.docx", docx("", {"word/document.xml": document}))
    assert "root:" not in text(found)
    assert "before" in text(found)


def test_a_billion_laughs_are_not_laughed(tmp_path: Path):
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    document = (
        f'<!DOCTYPE d [<!ENTITY l0 "lol">{entities}]><w:document xmlns:w="w"><w:body>'
        + paragraph("joke &l9;")
        + "</w:body></w:document>"
    )
    assert len(text(read(tmp_path, "a.docx", docx("", {"word/document.xml": document})))) < 1000


@pytest.mark.parametrize(
    "members",
    [
        {"word/document.xml": b" " * 30_000_000},
        {f"word/media/{n}": b"" for n in range(200)},
        {"word/a.xml": bytes(range(256)) * 100_000},
    ],
    ids=["ratio", "members", "size"],
)
def test_archives_that_unpack_to_too_much_are_not_opened(tmp_path: Path, members: dict[str, bytes | str]):
    limits = ParseLimits(unpacked_bytes=20_000_000, members=100, ratio=100, ratio_floor_bytes=1_000_000)
    with pytest.raises(Unreadable) as caught:
        read(tmp_path, "a.docx", docx(paragraph("words"), members), limits)
    assert caught.value.code == "too_large"


def test_an_archive_that_lies_about_its_size_is_cut_off(tmp_path: Path):
    data = bytearray(docx("", {"word/document.xml": paragraph("x" * 5_000_000)}))
    real = (5_000_000 + len(paragraph(""))).to_bytes(4, "little")
    assert real in data
    lying = bytes(data).replace(real, (1000).to_bytes(4, "little"))
    with pytest.raises(Unreadable):
        read(tmp_path, "a.docx", lying, ParseLimits(unpacked_bytes=100_000, ratio_floor_bytes=10**9))


def test_members_with_hostile_names_never_touch_the_file_system(tmp_path: Path):
    before = sorted(tmp_path.parent.iterdir())
    found = read(tmp_path, "a.docx", docx(paragraph("words"), {"../../evil.txt": "evil", "/abs/evil.txt": "evil"}))
    assert texts(found) == ["words"]
    assert sorted(tmp_path.parent.iterdir()) == before
    assert [one.name for one in tmp_path.iterdir()] == ["upload"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b" \n\t\n"),
        ("a.txt", b"... --- ..."),
        ("a.html", b"<html><script>x</script></html>"),
        ("a.docx", docx("")),
    ],
)
def test_a_file_without_words_is_no_success(tmp_path: Path, name: str, data: bytes):
    with pytest.raises(Unreadable) as caught:
        read(tmp_path, name, data)
    assert caught.value.code == "no_text"
