"""The pages of one's own conversations: finding, reading, taking along, deleting; and that nobody else gets at them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, AuditEvent, Membership, User
from chat.conversation_lists import ON_A_PAGE
from chat.models import Citation, Conversation, Message
from doculume.ids import new_id

pytestmark = pytest.mark.django_db


def talk(
    account: Account, user: User | None, *said: str, title: str = "", hours: int = 0, **fields: Any
) -> Conversation:
    moment = timezone.now() - timedelta(hours=hours)
    made = Conversation.objects.create(
        account=account, user=user, title=title or said[0][:80], updated_at=moment, created_at=moment, **fields
    )
    for number, text in enumerate(said):
        role = ("user", "assistant")[number % 2]
        Message.objects.create(
            account=account, conversation=made, role=role, content=text, created_at=moment + timedelta(seconds=number)
        )
    return made


def titles(shown: Any) -> list[str]:
    return [link.text().strip() for link in shown.css(".talks .row-link")]


def test_the_newest_is_first_and_each_page_goes_on_where_the_last_ended(page, account, alice):
    for hours in range(ON_A_PAGE + 3):
        talk(account, alice, f"Question {hours}", hours=hours)
    first = page("/conversations")[1]
    assert titles(first) == [f"Question {hours}" for hours in range(ON_A_PAGE)]
    older = first.css_first("a[rel=next]").attributes["href"]
    second = page(f"/conversations{older}")[1]
    assert titles(second) == [f"Question {hours}" for hours in range(ON_A_PAGE, ON_A_PAGE + 3)]
    newer = second.css_first("a[rel=prev]").attributes["href"]
    assert titles(page(f"/conversations{newer}")[1]) == titles(first)


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("öffnungs", "Öffnungs"),
        ("OFFNUNGSZEITEN", "Öffnungszeiten"),
        ("strasse", "Straße"),
        ("rkstat", "rkstat"),
        ("AB-1234/5", "AB-1234/5"),
        ("ab-12", "AB-12"),
        ("50%_x", "50%_x"),
        ("東京", "東京"),
        ("京都", "京都"),
        ("музей", "Музей"),
        ("uh", "Uh"),
        ("المتحف", "المتحف"),
        ("«werkstatt»", "Werkstatt"),
    ],
)
def test_what_was_said_is_found_with_the_words_marked(page, account, alice, query, marked):
    said = "Öffnungszeiten: Die Werkstatt (Lange Straße 3) öffnet um 8 Uhr. AB-1234/5 50%_x 東京都庁 Музей المتحف"
    talk(account, alice, "When?", said)
    talk(account, alice, "Something else", "about 50 other x, and Tokyo")
    shown = page("/conversations", data=None, query_params={"q": query})[1]
    assert titles(shown) == ["When?"]
    assert marked in [mark.text() for mark in shown.css(".found-text mark")]


@pytest.mark.parametrize("query", ["hr", "uhr werkstadt", "50%x", "a_b", "京東", "%", "_", "\\", "!!!", "'", "\x00"])
def test_what_was_not_said_is_not_found(page, account, alice, query):
    talk(account, alice, "When?", "Die Werkstatt öffnet um 8 Uhr. 50%_x 東京 aXb")
    shown = page("/conversations", query_params={"q": query})[1]
    if query.strip("\x00"):
        assert titles(shown) == []
        assert "Nothing found" in shown.body.text()


def test_all_words_are_in_one_message_or_in_the_name(page, account, alice):
    talk(account, alice, "Where is the museum?", "In Berlin.", title="Trip")
    talk(account, alice, "Where?", "There.", title="Museum in Berlin")
    assert titles(page("/conversations?q=berlin+museum")[1]) == ["Museum in Berlin"]
    assert len(page("/conversations?q=berlin+museum")[1].css(".row-link mark")) == 2


def test_what_is_said_very_often_is_found_newest_first(page, account, alice, monkeypatch):
    monkeypatch.setattr("chat.finding.MANY", 3)
    for hours in range(5):
        talk(account, alice, f"Number {hours}", "a frequent word", hours=hours)
    talk(account, alice, "Rare", "nothing of that kind")
    assert titles(page("/conversations?q=frequent")[1]) == [f"Number {hours}" for hours in range(5)]


def test_what_is_being_written_is_found_when_it_is_there(page, account, alice):
    made = talk(account, alice, "When?")
    answer = Message.objects.create(account=account, conversation=made, role="assistant", status="writing")
    Message.objects.filter(id=answer.id).update(content="At half past nine")
    assert titles(page("/conversations?q=half")[1]) == []
    Message.objects.filter(id=answer.id).update(status="stopped")
    assert titles(page("/conversations?q=half")[1]) == ["When?"]


def test_conversations_are_narrowed_by_time_and_by_whether_all_was_answered(page, account, alice):
    talk(account, alice, "New", "Yes.")
    talk(account, alice, "Old", "Yes.", hours=24 * 10)
    lacking = talk(account, alice, "Lacking", "Nothing was found.", hours=1)
    Message.objects.filter(conversation=lacking, role="assistant").update(reason="no_relevant_results")
    assert titles(page("/conversations?days=7")[1]) == ["New", "Lacking"]
    assert titles(page("/conversations?answered=no")[1]) == ["Lacking"]
    assert titles(page("/conversations?answered=yes")[1]) == ["New", "Old"]
    assert titles(page("/conversations?days=7&answered=yes&q=yes")[1]) == ["New"]
    assert "Not all answered" in page("/conversations")[1].css(".talk-row")[1].text()


@pytest.mark.parametrize(
    "query",
    ["older=x", "newer=99999999999999999-0", "days=5", "answered=x", "q=%00", "older=9999999999999999-" + "0" * 32],
)
def test_what_makes_no_sense_in_the_address_is_left_out(page, account, alice, query):
    talk(account, alice, "There")
    assert page(f"/conversations?{query}")[0].status_code == 200


def test_a_conversation_is_read_with_what_its_answers_rest_on(page, account, alice):
    made = talk(account, alice, "<b>When</b>?", "At **nine** [1], `[1]` said. [2] [7] ![x](https://evil.example/a.png)")
    answer = made.messages.get(role="assistant")
    document = new_id()
    shared = {"account": account, "message": answer, "entry_id": new_id(), "start": 3, "end": 9}
    Citation.objects.create(
        **shared, index=1, chunk_id=new_id(), file_name="<i>hours</i>.pdf", page_number=4, snippet="at nine",
        document_id=document, source=f"/documents/{document}?page=4&start=3&end=9",
    )  # fmt: skip
    Citation.objects.create(
        **shared, index=2, chunk_id=new_id(), title="Bad", snippet="x", source="javascript:alert(1)", url="javascript:x"
    )
    Message.objects.filter(id=answer.id).update(
        status="interrupted", reason="The model <did> not answer.", model_name="little", prompt_tokens=1200,
        completion_tokens=34, timings={"retrieve": 12.3, "total": 2345.6}, unsupported=["“at ten”"],
        sources=[{"chunk_id": str(new_id()), "filename": "other.pdf", "page_number": 2, "score": 0.5}],
    )  # fmt: skip
    shown = page(f"/conversations/{made.id}")[1]
    assert shown.css_first(".bubble").text() == "<b>When</b>?"
    links = [link.attributes["href"] for link in shown.css(".prose a.cite")]
    assert links == [f"/documents/{document}?page=4&start=3&end=9&account={account.id}"]
    assert shown.css_first(".prose strong").text() == "nine"
    assert shown.css_first(".prose code").text() == "[1]"
    assert not shown.css(".prose img, .source-name i, a[href^=javascript]")
    text = " ".join(shown.css_first("main").text().split())
    for told in ("It broke off. The model <did> not answer.", "“at ten”", "1,200 read, 34 written",
                 "searched after 12 ms", "2.3 s", "little", "other.pdf (page 2)", "page 4", "[7]"):  # fmt: skip
        assert told in text, told


def test_a_long_conversation_comes_in_pages(page, account, alice):
    made = talk(account, alice, *(f"Words {number}" for number in range(90)))
    assert len(page(f"/conversations/{made.id}")[1].css(".message")) == 40
    last = page(f"/conversations/{made.id}?page=3")[1]
    assert [one.text() for one in last.css(".bubble")][-1] == "Words 88"


def test_a_conversation_is_renamed_and_found_by_its_name(page, account, alice):
    made = talk(account, alice, "When?")
    page(f"/conversations/{made.id}/rename", {"title": "  Opening   hours of Łódź "})
    made.refresh_from_db()
    assert made.title == "Opening hours of Łódź"
    assert titles(page("/conversations?q=LÓDŹ".replace("L", "Ł"))[1]) == ["Opening hours of Łódź"]
    assert "needs a name" in page(f"/conversations/{made.id}/rename", {"title": " "}, follow=True)[1].body.text()


def test_a_conversation_is_exported_and_that_is_written_down(page, account, alice):
    made = talk(account, alice, "When?", "At nine.")
    body = page(f"/conversations/{made.id}/export?format=json")[0]
    assert [message["content"] for message in body.json()["messages"]] == ["When?", "At nine."]
    assert page(f"/conversations/{made.id}/export?format=pdf")[0].content.startswith(b"%PDF")
    assert page(f"/conversations/{made.id}/export?format=exe")[0].status_code == 404
    assert AuditEvent.objects.filter(account=account, action="exported").count() == 2


def test_several_are_exported_and_deleted(page, account, alice):
    made = [talk(account, alice, f"Question {number}", "Answer") for number in range(3)]
    ids = [str(one.id) for one in made[:2]]
    answer = page("/conversations/several", {"do": "export", "id": [*ids, "x"]})[0]
    assert "attachment" in answer["Content-Disposition"]
    assert {one["id"] for one in json.loads(answer.content)["conversations"]} == set(ids)
    page("/conversations/several", {"do": "delete", "id": ids})
    assert list(Conversation.objects.for_account(account)) == [made[2]]
    told = page("/conversations/several", {"do": "delete"}, follow=True)[1]
    assert "Choose conversations first" in told.body.text()


def test_one_is_deleted(page, account, alice):
    made = talk(account, alice, "When?", "At nine.")
    answer = page(f"/conversations/{made.id}/delete", {})[0]
    assert answer.status_code == 302
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize("leads", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_the_way_back_leads_nowhere_else(page, account, leads):
    answer = page("/conversations/several", {"do": "delete", "next": leads})[0]
    assert answer["Location"].startswith("/conversations")


@pytest.mark.parametrize("role", [Membership.Role.VIEWER, Membership.Role.MEMBER, Membership.Role.ADMIN, None])
def test_nobody_sees_what_another_said(account, alice, charlie, role):
    """Whether in the same account or another: by no address, and not by searching."""
    secret = talk(account, alice, "The secret password?", "Swordfish.")
    of_visitor = talk(account, None, "A secret of a visitor", "Swordfish.", integration_id=new_id(), visitor="v")
    if role:
        Membership.objects.create(account=account, user=charlie, role=role)
    own = talk(account if role else charlie.personal_account, charlie, "My own secret")
    browser = Client()
    browser.force_login(charlie)
    at = f"?account={account.id}" if role else ""
    for query in ("", "q=secret", "q=swordfish", "q=secret&days=7", "q=sec&answered=yes", "answered=no"):
        told = browser.get(f"/conversations{at or '?'}&{query}")
        private = ("password", "Swordfish", "visitor</a>", str(secret.id), str(of_visitor.id))
        assert [words for words in private if words in told.content.decode()] == []
    for one in (secret, of_visitor):
        for path in ("", "/export?format=json", "/export?format=pdf"):
            assert browser.get(f"/conversations/{one.id}{path}").status_code == 404
        for path in ("rename", "delete"):
            assert browser.post(f"/conversations/{one.id}/{path}{at}", {"title": "x"}).status_code == 404
        for does in ("delete", "export"):
            told = browser.post(f"/conversations/several{at}", {"do": does, "id": [str(one.id)]})
            assert told.status_code == 302
        both = browser.post(f"/conversations/several{at}", {"do": "export", "id": [str(one.id), str(own.id)]})
        assert [shown["id"] for shown in both.json()["conversations"]] == [str(own.id)]
    assert Conversation.objects.filter(id__in=[secret.id, of_visitor.id]).count() == 2


def test_the_pages_cost_the_same_whatever_there_is(page, account, alice):
    for number in range(ON_A_PAGE + 5):
        made = talk(account, alice, f"Number {number}", "A common word")
    for path in ("/conversations", "/conversations?q=common", "/conversations?q=common&answered=yes&days=30",
                 f"/conversations/{made.id}"):  # fmt: skip
        page(path)
        with CaptureQueriesContext(connection) as queries:
            assert page(path)[0].status_code == 200
        assert len(queries) <= 12, [query["sql"][:90] for query in queries]
