"""Text of any encoding is read, and cleaned of what is not writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.ingestion.parsers.cleaning import clean
from knowledge.ingestion.parsers.encoding import decode
from tests.knowledge.papers import read, texts

SENTENCES = {
    "Größe und Übermut tut selten gut, auf der Straße.": [
        "utf-8",
        "utf-8-sig",
        "utf-16",
        "utf-32",
        "cp1252",
        "mac-roman",
    ],
    "Voyez le brick géant que j'examine près du wharf, ça là-bas": ["cp1252", "utf-16-be", "utf-16-le", "utf-32-le"],
    "It’s a “quote” – it costs €5": ["cp1252", "utf-8"],
    "Příliš žluťoučký kůň úpěl ďábelské ódy.": ["cp1250", "iso8859-2"],
    "Zażółć gęślą jaźń i chrząszcz brzmi w trzcinie": ["cp1250", "iso8859-2"],
    "Pijamalı hasta yağız şoföre çabucak güvendi": ["cp1254"],
    "Однажды, в студёную зимнюю пору, я из лесу вышел.": ["koi8-r", "cp1251", "cp866", "iso8859-5", "utf-16"],
    "Η γρήγορη καφέ αλεπού πηδάει πάνω από το σκυλί": ["cp1253", "iso8859-7"],
    "דג סקרן שט בים מאוכזב ולפתע מצא לו חברה": ["cp1255", "iso8859-8"],
    "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر": ["cp1256", "iso8859-6"],
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า": ["cp874"],
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。": [
        "cp932",
        "euc-jp",
        "iso2022-jp",
        "utf-16-le",
    ],
    "我们在北京大学学习中文，老师对我们很好。": ["gb18030", "utf-16-be"],
    "我們在台灣大學學習中文，老師對我們很好。": ["big5", "utf-16-le"],
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.": ["euc-kr"],
}


@pytest.mark.parametrize(
    ("sentence", "encoding"), [(sentence, one) for sentence, encodings in SENTENCES.items() for one in encodings]
)
def test_the_encoding_is_found_without_being_named(sentence, encoding):
    assert decode(sentence.encode(encoding)) == sentence


def test_a_declared_encoding_is_believed_where_it_fits():
    assert decode("ığş".encode("cp1254"), "windows-1254") == "ığş"
    assert decode("żółw".encode("iso8859-2"), "ISO-8859-2") == "żółw"
    assert decode("żółw".encode(), "us-ascii") == "żółw"
    assert decode(b"caf\xe9", "no-such-charset") == "café"


def test_damaged_utf_8_stays_utf_8():
    data = ("Grüße aus München. " * 50).encode() + b"\xff" + "Öl".encode()
    assert decode(data).startswith("Grüße aus München.")
    assert decode(data).endswith("Öl")


def test_controls_escapes_surrogates_and_reordering_marks_go():
    dirty = "a\x00b\x07c \x1b[31mred\x1b[0m \ud800x\u202egnp\u00ad\ufeff\r\nnew\x0cpage\u2028line"
    assert clean(dirty) == "abc red xgnp\nnew\n\npage\nline"


def test_joiners_emoji_and_accents_stay():
    assert clean("👨‍👩‍👧 می‌خواهم e\u0301") == "👨‍👩‍👧 می‌خواهم é"


def test_paragraphs_and_lists_of_plain_text(tmp_path: Path):
    found = read(tmp_path, "a.txt", "One line\nand its end.\n\n\n- first\n- second\n  goes on\n\nlast")
    assert [(one.kind, one.text) for one in found.blocks] == [
        ("paragraph", "One line\nand its end."),
        ("list", "- first"),
        ("list", "- second\n  goes on"),
        ("paragraph", "last"),
    ]


def test_bells_and_nulls_in_a_short_text_do_not_make_it_binary(tmp_path: Path):
    assert texts(read(tmp_path, "a.txt", bytes(range(1, 32)) + b"The bell tolls at TANGO-8.")) == [
        "The bell tolls at TANGO-8."
    ]
