"""The language of a text is told where it can be."""

from __future__ import annotations

import pytest

from knowledge.ingestion.language import detect_language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The quick brown fox jumps over the lazy dog and runs away from it.", "en"),
        ("Die Garantiezeit beträgt zweiundvierzig Monate für dieses Gerät.", "de"),
        ("Todos los seres humanos nacen libres e iguales en dignidad y derechos.", "es"),
        ("Tous les êtres humains naissent libres et égaux en dignité et en droits.", "fr"),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю.", "ru"),
        ("Усі люди народжуються вільними і рівними у своїй гідності та правах.", "uk"),
        ("会議は火曜日です", "ja"),
        ("东京大学的学生在北京学习中文", "zh"),
        ("모든 인간은 자유롭다", "ko"),
        ("هذا نص عربي طويل بما فيه الكفاية لمعرفة لغته", "ar"),
        ("این یک متن فارسی است که به اندازه کافی طولانی است", "fa"),
        ("דג סקרן שט בים מאוכזב ולפתע מצא לו חברה", "he"),
        ("यह एक हिन्दी वाक्य है जो काफी लंबा है", "hi"),
        ("เป็นมนุษย์สุดประเสริฐเลิศคุณค่า", "th"),
        ("Η γρήγορη καφέ αλεπού", "el"),
        ("", ""),
        ("12345 67.8 --- !!", ""),
        ("OK", ""),
        ("x = f(a, b)", ""),
    ],
)
def test_the_language_is_told_or_left_open(text, code):
    assert detect_language(text) == code


def test_the_bulk_of_a_text_decides_and_takes_no_time():
    english = "This is a document about the history of the city and its people. " * 50_000
    assert detect_language("Résumé en français: ceci est un titre.\n" + english) == "en"
