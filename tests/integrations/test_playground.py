"""The playground: a question is tried with any settings; what was found, and why, is shown; nothing of it is kept."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.test import Client
from selectolax.lexbor import LexborHTMLParser

from accounts.models import AnswerUsage, Membership
from accounts.usage import this_month
from chat.models import AskedQuestion, Conversation
from integrations.models import Integration
from integrations.trying import Piece, pieces_of
from knowledge import entries
from knowledge.models import Collection, IngestionJob
from knowledge.tasks import ingest_entry
from tests.cast import make_user

pytestmark = pytest.mark.django_db

ASKED = "When does the library open?"


def write(account: Any, collection: Collection, title: str, text: str, **more: Any) -> Any:
    entry = entries.add(account, collection, {"title": title, "raw_text": text, **more})
    ingest_entry(str(IngestionJob.objects.get(entry_id=entry.id).id))
    return entry


@pytest.fixture
def town(account):
    """Two entries, one of which answers."""
    collection = Collection.objects.create(account=account, name="Town")
    write(account, collection, "Library", "The library opens at nine on weekdays.", meta={"year": 2024})
    write(account, collection, "Fountains", "Copper turns green in the rain.", meta={"year": 2020})
    return collection


def answers_of(account: Any) -> int:
    row = AnswerUsage.objects.filter(account=account, month=this_month()).first()
    return row.answers if row else 0


def frames(answer: Any) -> list[dict[str, Any]]:
    """The events of a streamed answer."""

    async def read() -> str:
        return b"".join([part async for part in answer.streaming_content]).decode()

    lines = [line.removeprefix("data: ") for line in asyncio.run(read()).splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_an_answer_is_shown_beside_its_sources_and_the_stages(page, town):
    answer, body = page("/playground", {"q": ASKED, "threshold": "0.4", "sources": "3"})
    assert answer.status_code == 200
    assert "nine" in body.css_first(".trial-answer .prose").text()
    assert body.css_first(".trial-answer a.cite").attributes["href"] == "#source-1"
    cited = body.css_first("#source-1")
    assert cited.css_first("mark").text() == "The library opens at nine on weekdays."
    assert "/collections/" in cited.css_first(".passage-name").attributes["href"]
    stages = [one.text() for one in body.css(".waterfall li > span:first-child")]
    assert stages[0] == "Question as a vector"
    assert stages[-1] == "The whole answer"


def test_what_is_below_the_threshold_is_shown_and_not_used(page, town):
    body = page("/playground", {"q": ASKED, "threshold": "0.4"})[1]
    listed = {one.css_first(".explained-name").text().strip(): one for one in body.css(".explained-entry")}
    assert set(listed) == {"Library", "Fountains"}
    assert "not used: below 0.40" in listed["Fountains"].text()
    assert "not used" not in listed["Library"].text()
    assert "rank 1" in listed["Library"].text()
    assert [one.text(strip=True) for one in body.css(".passage-name")] == ["Library(opens in a new tab)"]
    every = page("/playground", {"q": ASKED, "threshold": "0"})[1]
    assert "not used" not in every.css_first(".explained").text()
    none = page("/playground", {"q": ASKED, "threshold": "1"})[1]
    assert not none.css(".passage")
    assert none.css_first(".nothing") is not None


def test_a_search_alone_costs_nothing(page, account, town):
    body = page("/playground", {"q": ASKED, "only_search": "on"})[1]
    assert len(body.css(".explained-entry")) == 2
    assert not body.css(".prose, .passage")
    assert answers_of(account) == 0


def test_a_trial_counts_against_the_plan_and_not_among_what_is_asked(page, account, town):
    page("/playground", {"q": ASKED})
    assert answers_of(account) == 1
    assert not AskedQuestion.objects.for_account(account).exists()
    assert not Conversation.objects.for_account(account).exists()


def test_settings_apply(page, account, town):
    other = Collection.objects.create(account=account, name="Empty")
    assert not page("/playground", {"q": ASKED, "collection": str(other.id)})[1].css(".explained-entry")
    old = page("/playground", {"q": ASKED, "meta": '{"year": {"lt": 2022}}', "threshold": "0"})[1]
    assert [one.text().strip() for one in old.css(".explained-name")] == ["Fountains"]
    assert "year" in old.css_first(".explained .facts").text()
    boost = '[{"field": "year", "type": "prefer_low", "strength": "high", "scale": 1}]'
    boosted = page("/playground", {"q": ASKED, "boost": boost, "threshold": "0"})[1]
    assert "Boost" in boosted.css_first(".explained .facts").text()
    site = Integration.objects.create(account=account, type="chatbot", name="Site", unknown_answer_message="Call us.")
    site.connect([other.id])
    told = page("/playground", {"q": ASKED, "integration": str(site.id)})[1]
    assert told.css_first(".prose").text().strip() == "Call us."


def test_a_follow_up_is_made_to_stand_alone(page, town):
    body = page("/playground", {"q": "And when does it open?", "before": "What do you know of the library?"})[1]
    assert "library" in body.css_first(".trial-rewritten").text()
    assert "Rewriting the follow-up" in body.css_first(".waterfall").text()


def test_the_address_has_the_settings(page, town):
    body = page("/playground", {"q": "Wie & wann?", "threshold": "0.25", "collection": str(town.id)})[1]
    shared = body.css_first(".trial > p a").attributes["href"]
    form = page(f"/playground{shared}")[1]
    assert form.css_first("#id_q").text().strip() == "Wie & wann?"
    assert form.css_first("#id_threshold").attributes["value"] == "0.25"
    assert "checked" in form.css_first(f"input[value='{town.id}']").attributes
    assert not form.css(".trial")


@pytest.mark.parametrize(
    "wrong",
    [
        {"q": ""},
        {"q": "x" * 9000},
        {"threshold": "2"},
        {"threshold": "nan"},
        {"sources": "0"},
        {"meta": "{"},
        {"meta": "[1]"},
        {"meta": '{"a": {"near": 1}}'},
        {"meta": '{"year": {"gt": "soon"}}'},
        {"boost": '[{"field": "a"}]'},
        {"model": "nobody's"},
        {"language": "xx"},
        {"integration": "00000000-0000-0000-0000-000000000000"},
    ],
)
def test_what_cannot_be_tried_is_told(page, account, town, wrong):
    answer, body = page("/playground", {"q": ASKED} | wrong)
    assert answer.status_code == 200
    assert body.css(".trial-form .error")
    streamed = page("/playground", {"q": ASKED} | wrong, headers={"Accept": "text/event-stream"})[0]
    assert streamed.status_code == 400
    assert streamed.json()["error"]["message"]
    assert answers_of(account) == 0


def test_what_is_tried_comes_as_a_stream(client, alice, town):
    client.force_login(alice)
    answer = client.post("/playground", {"q": ASKED}, headers={"Accept": "text/event-stream"})
    assert answer["Content-Type"] == "text/event-stream"
    events = frames(answer)
    assert [events[0]["type"], events[1]["type"], events[-1]["type"]] == ["found", "stream_start", "stream_end"]
    assert "data-chunk" in events[0]["html"]
    assert "The whole answer" in events[-1]["html"]
    assert any(event["type"] == "citation" for event in events)
    only = frames(
        client.post("/playground", {"q": ASKED, "only_search": "on"}, headers={"Accept": "text/event-stream"})
    )
    assert [event["type"] for event in only] == ["found", "stages"]


def test_a_used_up_plan_is_told(page, client, account, alice, town):
    account.plan.answers_per_month = 0
    account.plan.save()
    answer, body = page("/playground", {"q": ASKED})
    assert answer.status_code == 429
    assert body.css(".error[role=alert]")
    assert body.css_first("#id_q").text().strip() == ASKED
    assert client.post("/playground", {"q": ASKED}, headers={"Accept": "text/event-stream"}).status_code == 429


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_all_who_belong_to_the_account_may_try(account, town, role):
    user = make_user(role)
    Membership.objects.create(account=account, user=user, role=role)
    client = Client()
    client.force_login(user)
    answer = client.post(f"/playground?account={account.id}", {"q": ASKED})
    assert "nine" in LexborHTMLParser(answer.content).css_first(".prose").text()


def test_strangers_get_nothing_of_it(account, town, charlie):
    site = Integration.objects.create(account=account, type="chatbot", name="Secret")
    site.connect([town.id])
    client = Client()
    client.force_login(charlie)
    assert client.get(f"/playground?account={account.id}").status_code == 404
    assert client.post(f"/playground?account={account.id}", {"q": ASKED}).status_code == 404
    write(charlie.personal_account, Collection.objects.default_of(charlie.personal_account), "Own", "Something else.")
    for sent in ({}, {"collection": str(town.id)}, {"integration": str(site.id)}):
        answer = client.post("/playground", {"q": ASKED, "threshold": "0", **sent})
        assert b"at nine" not in answer.content
        assert b"Secret" not in answer.content


def test_the_page_costs_few_queries(page, account, town, django_assert_max_num_queries):
    for number in range(20):
        Collection.objects.create(account=account, name=f"Collection {number}")
        Integration.objects.create(account=account, type="chatbot", name=f"Site {number}")
    page("/playground")  # the first request of a session notes it
    with django_assert_max_num_queries(12):
        body = page("/playground")[1]
    assert len(body.css("#id_integration option")) == 21


def test_where_nothing_is_to_be_found_yet_it_says_so(page):
    body = page("/playground")[1]
    assert "nothing to search yet" in body.css_first(".empty").text()
    assert not body.css(".trial-form")


def test_requests_are_limited_as_others_are(page, account, town):
    account.plan.requests_per_minute = 1
    account.plan.save()
    assert page("/playground", {"q": ASKED, "only_search": "on"})[0].status_code == 200
    answer, body = page("/playground", {"q": ASKED, "only_search": "on"})
    assert answer.status_code == 429
    assert answer["Retry-After"]
    assert body.css(".error[role=alert]")


class Hit:
    start, end, text = 10, 20, "0123456789"


@pytest.mark.parametrize(
    ("spans", "marked"),
    [
        ([(12, 14)], ["01", "*23", "456789"]),
        ([(12, 15), (13, 17)], ["01", "*234", "*56", "789"]),
        ([(0, 12), (18, 99)], ["*01", "234567", "*89"]),
        ([], ["*0123456789"]),
        ([(30, 40)], ["*0123456789"]),
    ],
)
def test_what_is_cited_is_marked_in_its_passage(spans, marked):
    found = pieces_of(Hit(), spans)
    assert found == [Piece(text.removeprefix("*"), text.startswith("*")) for text in marked]
