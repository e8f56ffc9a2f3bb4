"""What insights show beside counts: by integration, how fast, what was chosen and disliked, usage; and as files."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AnswerUsage, Membership
from accounts.usage import this_month
from chat.insights import BOUNDS, insights
from chat.models import AskedQuestion, Conversation, Message
from chat.questions import counted_as
from integrations import plots
from integrations.models import Integration, IntegrationEvent
from knowledge import entries
from knowledge.models import Collection, Entry, IngestionJob
from knowledge.tasks import ingest_entry

pytestmark = pytest.mark.django_db


def asked(account: Any, text: str, outcome: str = "answered", days: int = 0, **columns: Any) -> AskedQuestion:
    moment = timezone.now() - timedelta(days=days)
    return AskedQuestion.objects.create(
        account=account, text=text, asked=counted_as(text), outcome=outcome, created_at=moment, **columns
    )


@pytest.fixture
def site(account):
    return Integration.objects.create(account=account, type="chatbot", name="Site")


def rows(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_what_was_asked_at_one_integration_is_shown_alone(page, account, site):
    asked(account, "At the site", integration_id=site.id, total_ms=100)
    asked(account, "At the site, open", "unanswered", integration_id=site.id)
    asked(account, "By a member", total_ms=100)
    asked(account, "By a member, open", "unanswered")

    def shown(chosen: Any) -> set[str]:
        body = page(f"/insights?integration={chosen}")[1]
        return {one.text().strip() for one in body.css("[aria-labelledby=top-heading] tbody th")}

    assert shown(site.id) == {"At the site", "At the site, open"}
    assert shown("none") == {"By a member", "By a member, open"}
    assert len(shown("nonsense")) == 4
    missing = page(f"/insights?integration={site.id}")[1].css_first("[aria-labelledby=missing-heading]").text()
    assert "At the site, open" in missing
    assert "By a member" not in missing


@pytest.mark.parametrize("total_ms", [0, 3, 10, 47, 999, 61_000, 10**7])
def test_times_are_near_enough(account, total_ms):
    for _ in range(20):
        asked(account, "x", total_ms=total_ms)
    median, p95 = insights(account, 7).total_ms
    assert median <= p95
    known = min(max(total_ms, BOUNDS[0] / 1.15), BOUNDS[-1] * 1.15)
    assert p95 == pytest.approx(known, rel=0.16)


def test_lines_of_speed_have_gaps_where_nothing_was_answered(account):
    for days in (0, 1, 4):
        asked(account, "x", days=days, total_ms=100)
    drawn = plots.speed(insights(account, 7).days)
    assert [line.count(",") for line in drawn.median] == [2, 4]
    assert plots.speed(insights(account, 7).days[:2]) is None


def test_results_that_were_chosen_are_named(page, account, site):
    asked(account, "x")
    entry = entries.add(account, Collection.objects.default_of(account), {"title": "<i>Prices</i>", "raw_text": "Ten."})
    event = {"account": account, "integration": site, "event_type": "click"}
    for meta in (
        *[{"entry_id": str(entry.id)}] * 3,
        *[{"url": "https://example.com/a"}] * 2,
        {"title": "T"},
        {},
        [],
        5,
    ):
        IntegrationEvent.objects.create(**event, meta=meta)
    shown = page("/insights")[1].css("[aria-labelledby=clicked-heading] tbody tr")
    assert [row.text(separator=" ", strip=True) for row in shown] == [
        "<i>Prices</i> 3",
        "https://example.com/a 2",
        "T 1",
    ]
    link = shown[0].css_first("a").attributes["href"]
    assert link.startswith(f"/collections/{entry.collection_id}/entries/{entry.id}")


def test_answers_that_were_not_helpful_lead_to_their_conversation(page, account, alice, site):
    asked(account, "x")
    event = {"account": account, "integration": site, "event_type": "thumbs_down"}
    of_visitor = Conversation.objects.create(account=account, integration_id=site.id, visitor="v", title="T")
    own = Conversation.objects.create(account=account, user=alice, title="Private")
    for made, question in ((of_visitor, "Where is it?"), (own, "My secret?")):
        Message.objects.create(account=account, conversation=made, role="user", content=question)
        reply = Message.objects.create(account=account, conversation=made, role="assistant", content="There.")
        IntegrationEvent.objects.create(**event, meta={"message_id": str(reply.id)})
    IntegrationEvent.objects.create(**event, meta={"message_id": "nonsense"})
    card = page("/insights")[1].css_first("[aria-labelledby=disliked-heading]")
    assert "Where is it?" in card.text()
    assert "secret" not in card.text()
    link = card.css_first(".row a").attributes["href"]
    assert "Not" not in page(link)[1].css_first("h1").text()
    assert link.startswith(f"/conversations/visitors/{of_visitor.id}")


def test_usage_is_drawn_against_the_plan(page, account):
    asked(account, "x")
    AnswerUsage.objects.create(account=account, month=this_month(), answers=40)
    drawn = plots.usage([0, 10, 40], 80)
    assert (drawn.most, drawn.limit_y, [height for _, _, height in drawn.bars]) == (80, 0, [0, 15, 60])
    shown = page("/insights")[1].css_first("[aria-labelledby=usage-heading]")
    assert len(shown.css("tbody tr")) == 12
    assert shown.css("tbody tr")[-1].css_first("td").text() == "40"


def test_what_is_shown_can_be_taken_as_files(page, account, site):
    asked(account, '=cmd|" /C calc"!A0', "unanswered")
    asked(account, "Where, when?", total_ms=120, days=1)
    IntegrationEvent.objects.create(account=account, integration=site, event_type="click", meta={"title": "@x"})
    days = rows(page("/insights/download?days=7&what=days")[0])
    assert days[0][:2] == ["day", "answered"]
    assert [row[1:5] for row in days[-2:]] == [["1", "0", "0", "0"], ["0", "1", "0", "0"]]
    assert rows(page("/insights/download?what=top")[0])[1:] == [
        ['\'=cmd|" /C calc"!A0', "1", "0"],
        ["Where, when?", "1", "1"],
    ]
    assert rows(page("/insights/download?what=missing")[0])[1][0].startswith("'=")
    assert rows(page("/insights/download?what=clicked")[0])[1] == ["'@x", "1"]
    assert len(rows(page("/insights/download?what=months")[0])) == 13
    assert page("/insights/download?what=other")[0].status_code == 404


@pytest.mark.parametrize("role", [Membership.Role.VIEWER, Membership.Role.MEMBER])
def test_who_does_not_manage_the_account_sees_none_of_it(charlie, account, role):
    Membership.objects.create(account=account, user=charlie, role=role)
    browser = Client()
    browser.force_login(charlie)
    for path in ("/insights", "/insights/download"):
        assert browser.get(f"{path}?account={account.id}").status_code == 403


def test_it_is_told_when_what_was_written_is_read(page, account):
    question = asked(account, "When does the museum open?", "unanswered")
    collection = Collection.objects.default_of(account)
    sent = {"title": question.text, "raw_text": "The museum opens at ten.", "collection": collection.id}
    page(f"/insights/questions/{question.id}", sent)
    whole = page(f"/insights/questions/{question.id}")[1]
    address = whole.css_first("#progress").attributes["hx-get"]
    answer, part = page(address, headers={"HX-Request": "true"})
    assert "HX-Request" in answer["Vary"]
    assert part.css_first("h1") is None
    assert part.css_first("#progress").attributes["hx-trigger"].startswith("load delay:3s")
    job = IngestionJob.objects.get(account=account)
    IngestionJob.objects.filter(id=job.id).update(status="failed")
    assert "could not be read" in page(address, headers={"HX-Request": "true"})[1].text()
    IngestionJob.objects.filter(id=job.id).update(status="waiting")
    ingest_entry(str(job.id))
    read = page(address, headers={"HX-Request": "true"})[1]
    assert "It is read" in read.text()
    assert "hx-get" not in read.css_first("#progress").attributes
    tried = page(f"/insights/questions/{question.id}/again", {})[1]
    assert "at ten" in tried.css_first("[aria-labelledby=tried-heading]").text()


def test_what_was_written_may_be_deleted_while_it_is_looked_at(page, account):
    question = asked(account, "When does the museum open?", "unanswered")
    answer, whole = page(f"/insights/questions/{question.id}", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (200, "true")
    assert whole.css_first("textarea") is not None


def test_an_answer_that_is_sent_twice_is_written_once(page, account):
    question = asked(account, "When does the museum open?", "unanswered")
    collection = Collection.objects.default_of(account)
    sent = {"title": question.text, "raw_text": "The museum opens at ten.", "collection": collection.id}
    for _tab in range(2):
        answer = page(f"/insights/questions/{question.id}", sent)[0]
        assert answer["Location"].startswith(f"/insights/questions/{question.id}")
    entry = Entry.objects.get(account=account)
    entries.delete(account, entry)
    page(f"/insights/questions/{question.id}", sent)
    assert Entry.objects.get(account=account).id != entry.id


def test_all_of_it_costs_no_more_than_twelve_statements(page, account, site):
    for number in range(40):
        asked(account, f"Q {number}", ("answered", "unanswered")[number % 2], total_ms=number, integration_id=site.id)
        IntegrationEvent.objects.create(account=account, integration=site, event_type="click", meta={"title": "T"})
    for path in (f"/insights?integration={site.id}", "/insights?integration=none&days=90"):
        page(path)
        with CaptureQueriesContext(connection) as queries:
            assert page(path)[0].status_code == 200
        assert len(queries) <= 12, [query["sql"][:90] for query in queries]
