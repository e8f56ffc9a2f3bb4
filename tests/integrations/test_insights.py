"""Insights: what is asked is counted at every door, and what is missing can be written and tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import SiteSettings
from chat import transcript
from chat.insights import first_day, insights, missing
from chat.models import AskedQuestion, Conversation
from chat.questions import counted_as
from chat.tasks import forget_old_conversations
from integrations.models import Integration, IntegrationEvent
from knowledge import entries
from knowledge.models import Collection, Entry, IngestionJob
from knowledge.tasks import ingest_entry

pytestmark = pytest.mark.django_db


def asked(account, text="When do you open?", outcome="unanswered", days=0, **columns):
    moment = timezone.now() - timedelta(days=days)
    return AskedQuestion.objects.create(
        account=account, text=text, asked=counted_as(text), outcome=outcome, created_at=moment, **columns
    )


def test_every_door_counts_what_is_asked(as_alice, account, library_entry):
    as_alice.post("/api/v1/chat/ask", {"question": "When does the library open?"}, content_type="application/json")
    as_alice.post("/api/v1/chat/ask", {"question": "What is the capital of Peru?"}, content_type="application/json")
    as_alice.post("/api/v1/chat/ask", {"question": "Say hello.", "use_rag": False}, content_type="application/json")
    integration = Integration.objects.create(account=account, type="search_box", name="Site")
    integration.connect([library_entry.collection_id])
    path = f"/api/v1/integrations/{integration.id}/summarise"
    as_alice.post(
        path, {"query": "When does the library open?", "stream": False, "threshold": 0}, content_type="application/json"
    )
    rows = AskedQuestion.objects.for_account(account).order_by("created_at")
    assert [(row.text, row.outcome) for row in rows] == [
        ("When does the library open?", "answered"),
        ("What is the capital of Peru?", "unanswered"),
        ("When does the library open?", "answered"),
    ]
    assert [bool(row.conversation_id) for row in rows] == [True, True, False]
    assert all(row.total_ms is not None for row in rows)


@pytest.fixture
def library_entry(account):
    collection = Collection.objects.create(account=account, name="Town")
    entry = entries.add(account, collection, {"title": "Library", "raw_text": "The library opens at nine on weekdays."})
    ingest_entry(str(IngestionJob.objects.get(entry_id=entry.id).id))
    return entry


def test_a_deleted_conversation_takes_its_questions_along(as_alice, account, alice, library_entry):
    as_alice.post("/api/v1/chat/ask", {"question": "When does the library open?"}, content_type="application/json")
    transcript.delete(Conversation.objects.select_related("account").get(account=account))
    assert not AskedQuestion.objects.for_account(account).exists()


def test_days_outcomes_and_speed_are_counted(account, alice):
    for number in range(4):
        asked(account, f"Question {number}", "answered", total_ms=100 * (number + 1))
    asked(account, outcome="failed", days=1)
    asked(account, outcome="stopped", days=1)
    asked(account, days=6)
    asked(account, days=7)
    found = insights(account, 7)
    assert (len(found.days), found.asked, found.answered, found.unanswered) == (7, 7, 4, 1)
    assert (found.days[-1].answered, found.days[-2].failed, found.days[0].unanswered) == (4, 1, 1)
    assert found.share == pytest.approx(4 / 6)
    # Near enough: answers are counted by how fast they are, in steps of a seventh.
    assert found.total_ms == pytest.approx((215, 400), rel=0.15)
    assert found.days[-1].total_ms == found.total_ms
    assert found.days[-2].total_ms is None


def test_questions_that_differ_in_writing_only_are_one(account):
    for text in ("When do you open?", "when do  you open", "WHEN DO YOU OPEN??"):
        asked(account, text)
    asked(account, "Do you sell bells?")
    rows, count = missing(account, first_day(30), 0, 10)
    assert ([row.times for row in rows], count) == ([3, 1], 2)
    assert insights(account, 30).top[0].times == 3


def test_other_accounts_questions_are_not_seen(account, page, charlie):
    other = asked(charlie.personal_account, "A secret?")
    assert b"A secret" not in page("/insights")[0].content
    for path in ("", "/dismiss", "/again"):
        address = f"/insights/questions/{other.id}{path}"
        assert page(address, None if not path else {})[0].status_code == 404


def test_an_empty_account_is_told_what_will_be_here(page):
    assert "Nobody has asked anything yet" in page("/insights")[1].body.text()


def test_the_page_shows_what_there_is(account, page):
    asked(account, "<b>When</b> do you open?")
    asked(account, "Where are you?", "answered", total_ms=320)
    integration = Integration.objects.create(account=account, type="chatbot", name="Site")
    IntegrationEvent.objects.create(account=account, integration=integration, event_type="thumbs_up")
    shown = page("/insights?days=7")[1]
    assert shown.css_first("h1 b, .row-name b") is None
    assert "<b>When</b> do you open?" in shown.css_first("[aria-labelledby=missing-heading]").text()
    figures = {one.css_first("dt").text(): one.css_first("dd").text() for one in shown.css("dl.figures > div")}
    assert (figures["Questions"], figures["Answered"], figures["Time to answer"]) == ("2", "50 %", "0.3 s")
    assert len(shown.css(".plot g")) == 7
    assert shown.css_first(".plot path.unanswered").attributes["d"].count("M") == 1


def test_an_answer_is_written_and_the_question_tried_again(account, page):
    question, same = asked(account, "When does the museum open?"), asked(account, "when does the museum open")
    tried = page(f"/insights/questions/{question.id}/again", {})[1]
    assert "What is answered now" in tried.body.text()
    assert AskedQuestion.objects.for_account(account).count() == 2
    collection = Collection.objects.default_of(account)
    sent = {"title": question.text, "raw_text": "The museum opens at ten on weekdays.", "collection": collection.id}
    page(f"/insights/questions/{question.id}", sent)
    entry = Entry.objects.get(account=account)
    assert set(AskedQuestion.objects.filter(id__in=[question.id, same.id]).values_list("entry_id")) == {(entry.id,)}
    assert missing(account, first_day(30), 0, 10) == ([], 0)
    assert "being read" in page(f"/insights/questions/{question.id}")[1].body.text()
    ingest_entry(str(IngestionJob.objects.get(entry_id=entry.id).id))
    tried = page(f"/insights/questions/{question.id}/again", {})[1]
    assert "at ten on weekdays" in tried.css_first("[role=status]").text()


def test_what_needs_no_answer_is_put_aside(account, page):
    question = asked(account)
    page(f"/insights/questions/{question.id}/dismiss", {})
    assert missing(account, first_day(30), 0, 10) == ([], 0)


def test_an_answer_without_words_is_refused(account, page):
    question = asked(account)
    answer, shown = page(f"/insights/questions/{question.id}", {"title": "x", "raw_text": " ", "collection": "x"})
    assert (answer.status_code, len(shown.css(".error"))) == (200, 2)
    assert not Entry.objects.filter(account=account).exists()


def test_the_page_costs_the_same_whatever_there_is(account, page):
    page("/insights")
    for number in range(60):
        asked(account, f"Question {number}", ("answered", "unanswered", "failed")[number % 3], days=number % 30)
    with CaptureQueriesContext(connection) as queries:
        assert page("/insights?days=90")[0].status_code == 200
    assert len(queries) <= 12, [query["sql"][:90] for query in queries]


def test_old_questions_are_forgotten_with_old_conversations(account):
    site = SiteSettings.objects.current()
    site.conversation_retention_days = 30
    site.save()
    asked(account, days=31)
    kept = asked(account, days=29)
    forget_old_conversations()
    assert list(AskedQuestion.objects.for_account(account)) == [kept]
