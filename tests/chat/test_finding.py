"""Finding what was said, in any script."""

from __future__ import annotations

import unicodedata

import pytest
from django.db import connection

from chat.finding import fold

SAID = (
    "Öffnungszeiten: Die Werkstatt öffnet um 8 Uhr — „täglich“.",
    "Straße und STRASSE, Fuß",
    unicodedata.normalize("NFD", "Jalapeño déjà vu Ångström"),
    "İstanbul ıslak ΟΔΟΣ οδός",
    "東京都庁はどこですか。",
    "서울시청 가는 길",
    "Где находится музей? Ёлка",
    "متى يفتح المتحف؟",
    "Error ERR_50%-7\\x at C:\\temp\\a_b.txt (see AB-1234/5, v1.2.3)",
    "a\tb\n\n\nc  d\u00a0e\u200bf",
    "ﬁle ½ Ⅳ ２３",
    "𠀀𠀁 mixed東京word",
    "\u1112\u1161\u11ab",
    "",
)


def sql_fold(text: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT chat_folded(%s)", [text])
        return cursor.fetchone()[0]


@pytest.mark.django_db
@pytest.mark.parametrize("text", SAID)
def test_the_database_folds_as_the_program_does(text):
    assert sql_fold(text) == fold(text)


@pytest.mark.django_db
def test_every_character_is_folded_alike():
    everything = "".join(map(chr, [*range(1, 0xD800), *range(0xE000, 0x30000)]))
    for start in range(0, len(everything), 4000):
        # One apart from the other: marks would be put in order across them.
        assigned = (one for one in everything[start : start + 4000] if unicodedata.category(one) != "Cn")
        text = "x".join(assigned)
        if (ours := fold(text)) != (theirs := sql_fold(text)):
            at = next(place for place, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1])
            pytest.fail(f"{start:x} {ours[at - 3 : at + 3]!r} {theirs[at - 3 : at + 3]!r}")
