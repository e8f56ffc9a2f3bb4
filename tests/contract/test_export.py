"""A conversation as a download, JSON and PDF, over a running server."""

from __future__ import annotations

import io
import re

import pypdfium2
import pytest
from django.http import Http404
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import AuditEvent
from accounts.tokens import start_family
from chat import fonts, pdf
from chat.api.exporting import to_export
from chat.models import Conversation, Message
from tests.cast import make_user
from tests.knowledge.library import add_entry

SCRIPTS = {
    "Latin": "Größe, naïve, Việt Nam",
    "Greek": "Ελληνικά",
    "Cyrillic": "Привет, мир",
    "Japanese": "日本語の文章です。東京都",
    "Chinese": "中文简体繁體字",
    "Korean": "한국어 문장입니다",
    "Arabic": "مرحبا بالعالم",
    "Persian": "می‌خواهم",
    "Hebrew": "שלום עולם",
    "Devanagari": "नमस्ते दुनिया",
    "Thai": "สวัสดีชาวโลก",
    "Tamil": "தமிழ்",
    "Bengali": "বাংলা",
    "Georgian": "ქართული",
    "Armenian": "Հայերեն",
    "Amharic": "አማርኛ",
    "emoji": "😀🚀👍🏽👨‍👩‍👧",
    "signs": "∑∞≠→ ½ € ✓",
}


@pytest.fixture
def person(server):
    return make_user("Alice")


@pytest.fixture
def program(person, browser):
    return browser(start_family(person).access)


@pytest.fixture
def conversation(program, person):
    """With one answer that cites a document."""
    add_entry(person.personal_account, "The office in Hamburg opens at nine.", title="Hours")
    asked = program.post("/chat/ask", json={"question": "When does the office in Hamburg open?"}).json()
    assert asked["citations"], asked
    return asked["conversation_id"]


def export(program, conversation, query=""):
    return program.get(f"/chat/conversations/{conversation}/export{query}")


def pages_of(content: bytes) -> list[str]:
    with pypdfium2.PdfDocument(io.BytesIO(content)) as document:
        return [page.get_textpage().get_text_range() for page in document]


def test_json_holds_everything(program, conversation):
    for query in ("", "?format=json"):
        response = export(program, conversation, query)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
        assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    body = response.json()
    shown = program.get(f"/chat/conversations/{conversation}").json()
    assert {name: body[name] for name in shown if name != "messages"} == {
        name: shown[name] for name in shown if name != "messages"
    }
    assert [set(message) >= set(other) for message, other in zip(body["messages"], shown["messages"], strict=True)]
    answer = body["messages"][1]
    assert answer["citations"] == shown["messages"][1]["citations"]
    assert answer["citations"][0]["snippet"] == "The office in Hamburg opens at nine."
    assert answer["sources"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", body["exported_at"])


def test_pdf_has_what_was_said_and_what_it_rests_on(program, conversation):
    response = export(program, conversation, "?format=pdf")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/pdf")
    assert response.headers["Content-Disposition"] == 'attachment; filename="When does the office in Hamburg open_.pdf"'
    assert response.content.startswith(b"%PDF-")
    (page,) = pages_of(response.content)
    for words in ("When does the office in Hamburg open?", "opens at nine. [1]", "[1] Hours", "Page 1"):
        assert words in page


def test_long_conversations_run_over_pages_with_numbers(program, person):
    row = Conversation.objects.create(account=person.personal_account, user=person, title="Long {nb}")
    for n in range(40):
        Message.objects.create(
            account=row.account, conversation=row, role="user", content=f"Paragraph {n} {{nb}}. " + "Many words. " * 80
        )
    pages = pages_of(export(program, row.id, "?format=pdf").content)
    assert len(pages) > 5
    for number, page in enumerate(pages, 1):
        assert f"Page {number}" in page
        assert "Long {nb}" in page
    assert [n for n in range(40) if f"Paragraph {n} {{nb}}." in " ".join(pages).replace("\r\n", " ")] == list(range(40))


def test_a_conversation_that_is_too_long_for_a_pdf_comes_as_json(program, person):
    row = Conversation.objects.create(account=person.personal_account, user=person)
    Message.objects.create(account=row.account, conversation=row, role="user", content="x" * pdf.MOST_CHARACTERS + "y")
    refused = export(program, row.id, "?format=pdf")
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "payload_too_large")
    assert export(program, row.id).json()["messages"][0]["content"].endswith("xy")


def test_what_is_too_long_is_not_read_to_find_out(person, django_assert_num_queries):
    account = person.personal_account
    row = Conversation.objects.create(account=account, user=person)
    Message.objects.create(account=account, conversation=row, role="user", content="x" * (pdf.MOST_CHARACTERS + 1))
    mine = Conversation.objects.for_account(account).of(person)
    with django_assert_num_queries(1), pytest.raises(pdf.TooLong):
        to_export(account, mine, row.pk, "pdf")
    with pytest.raises(Http404):
        to_export(account, mine.filter(title="Another"), row.pk, "pdf")


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_is_drawn(name):
    """Some ink where the text is, and by a font that has all of it: nothing is shown by the sign of what is unknown."""
    drawn = "".join(fonts.cast(SCRIPTS[name]).values())
    assert set(SCRIPTS[name]) - fonts.UNSEEN == set(drawn) - fonts.UNSEEN
    blank, inked = (ink_of(pdf_of(text)) for text in ("", SCRIPTS[name]))
    assert inked > blank + 100


def test_arabic_letters_are_joined_and_run_from_right_to_left():
    """Joined letters lie in one another's space: the word takes less than its letters one by one."""
    joined, apart = (width_of(pdf_of(text)) for text in ("مرحبا", "م ر ح ب ا".replace(" ", "\u200c")))
    assert joined < apart * 0.95
    left = ink_columns(pdf_of("مرحبا"))
    assert min(left) > 400  # of 595 points: it begins at the right margin


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_no_text_keeps_a_conversation_from_being_exported(text):
    assert pdf_of(text).startswith(b"%PDF-")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "\u200d",
            "\ufe0f",
            "\u200b",
            "\u20e3",
            "\u0301",
            "\u202e",
            "\u2066" * 200 + "א",
            "\u00ad",
            "\ufeff",
            "\U000e0041",
        ),
        *(
            "مر\u200dحبا",
            "a\u0301\u0301\u0301",
            "👩‍",
            "\u0e33",
            "\u0940",
            "\ue000",
            "\U0010ffff",
            "\t\n\r\x0b\x0c\x1c\x85\u2028",
        ),
    ],
)
def test_signs_that_stand_alone_are_no_trouble(text):
    assert pdf_of(text).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", 'filename="passwd.json"'),
        ('a"; filename=evil.exe', "evil.exe.json"),
        ("休暇", "filename*=utf-8''%E4%BC%91%E6%9A%87.json"),
        ("a\r\nSet-Cookie: x=1", "a"),
        ("", 'filename="conversation.json"'),
        ("x" * 255, f'filename="{"x" * 100}.json"'),
    ],
)
def test_file_names_are_safe(program, person, title, name):
    row = Conversation.objects.create(account=person.personal_account, user=person, title=title)
    response = export(program, row.id)
    shown = response.headers["Content-Disposition"]
    assert shown.startswith("attachment; filename")
    assert name in shown
    assert "Set-Cookie" not in response.headers
    assert "/" not in shown


@pytest.mark.parametrize("query", ["xml", "PDF", "", "pdf%00", "html"])
def test_other_formats_are_refused(program, conversation, query):
    refused = export(program, conversation, f"?format={query}")
    assert refused.status_code == 400
    assert set(refused.json()["error"]["details"]) == {"format"}


def test_exports_are_audited_and_refused_ones_are_not(program, person, conversation, browser):
    stranger = browser(start_family(make_user("Charlie")).access)
    assert export(stranger, conversation, "?format=pdf").status_code == 404
    export(program, conversation, "?format=xml")
    export(program, f"chat_{conversation.replace('-', '')}", "?format=pdf")
    event = AuditEvent.objects.get(action="exported")
    assert (event.actor_id, event.account_id) == (person.pk, person.personal_account.pk)
    assert (event.target, event.details) == (f"conversation {conversation}", {"format": "pdf"})


def pdf_of(text):
    """Of a conversation that holds one message."""
    message = Message(role="user", content=text)
    message._prefetched_objects_cache = {"citations": Message.objects.none()}
    return pdf.write(Conversation(title="T"), [message])


def bitmap_of(content: bytes):
    """The first page in gray, a point a pixel, without what is on every page."""
    with pypdfium2.PdfDocument(io.BytesIO(content)) as document:
        page = document[0].render(scale=1, grayscale=True).to_numpy()
    return page[114:760]


def ink_of(content: bytes) -> int:
    return int((255 - bitmap_of(content).astype(int)).sum() // 100)


def ink_columns(content: bytes) -> list[int]:
    return [int(x) for x in (bitmap_of(content) < 128).any(axis=0).nonzero()[0]]


def width_of(content: bytes) -> int:
    columns = ink_columns(content)
    return columns[-1] - columns[0]
