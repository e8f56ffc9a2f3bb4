"""The playground where a language model answers: what it is told, who sees that, and what is shown when it fails."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client
from selectolax.lexbor import LexborHTMLParser

from accounts.models import AnswerUsage, Membership
from integrations.models import Integration
from knowledge.models import Collection
from tests.cast import make_user
from tests.contract.test_statements import statements, unbound
from tests.integrations.test_playground import ASKED, frames, write
from tests.llm_settings.endpoints import DONE, answering, said, serving, streaming

pytestmark = pytest.mark.django_db

STREAMED = {"Accept": "text/event-stream"}


@pytest.fixture
def town(account):
    collection = Collection.objects.create(account=account, name="Town")
    write(account, collection, "Library", "The library opens at nine on weekdays.")
    return collection


@pytest.fixture
def endpoint(settings):
    """A language model at a real address, which answers as told."""
    with ExitStack() as started:

        def use(behavior: Any) -> Any:
            running = started.enter_context(serving(behavior))
            settings.CHAT = {
                "provider": "openai", "base_url": running.url, "model": "test-model", "api_key": "",
                "context_tokens": 4096,
            }  # fmt: skip
            return running

        yield use


def told(request: Any) -> str:
    return "\n".join(message["content"] for message in request.body["messages"])


def test_the_manner_reaches_the_model_and_who_manages_sees_what_it_was_told(page, town, endpoint):
    running = endpoint(streaming(said("At nine [1]."), said("", "stop"), DONE))
    sent = {"q": ASKED, "language": "nl", "persona": "technical-expert", "instructions": "Rhyme & <b>shout</b>."}
    body = page("/playground", sent)[1]
    asked = told(running.requests[-1])
    assert "Dutch (nl)" in asked
    assert "technical expert" in asked
    assert "Rhyme & <b>shout</b>." in asked
    assert body.css_first(".prose").text().strip() == "At nine1."
    shown = "\n".join(one.text() for one in body.css("pre.prompt"))
    assert shown == asked
    assert "test-model" in body.css_first(".trial-stages").text()
    assert "First word" in body.css_first(".waterfall").text()


def test_an_integration_answers_in_its_manner_unless_told_otherwise(page, account, town, endpoint):
    running = endpoint(streaming(said("At nine [1]."), said("", "stop"), DONE))
    site = Integration.objects.create(
        account=account, type="chatbot", name="Site", persona="sales-assistant", instructions="Mention the café."
    )
    site.connect([town.id])
    page("/playground", {"q": ASKED, "integration": str(site.id)})
    assert "Mention the café." in told(running.requests[-1])
    assert "sales assistant" in told(running.requests[-1])
    page("/playground", {"q": ASKED, "integration": str(site.id), "instructions": "Be short."})
    assert "Mention the café." not in told(running.requests[-1])
    assert "Be short." in told(running.requests[-1])


def test_those_who_do_not_manage_do_not_see_what_the_model_was_told(account, town, endpoint):
    endpoint(streaming(said("At nine [1]."), said("", "stop"), DONE))
    member = make_user("Mem")
    Membership.objects.create(account=account, user=member, role=Membership.Role.MEMBER)
    client = Client()
    client.force_login(member)
    answer = client.post(f"/playground?account={account.id}", {"q": ASKED})
    assert not LexborHTMLParser(answer.content).css("pre.prompt")
    streamed = frames(client.post(f"/playground?account={account.id}", {"q": ASKED}, headers=STREAMED))
    assert "You answer questions" not in str(streamed)


def test_a_follow_up_is_rewritten_by_the_model(page, town, endpoint):
    running = endpoint(streaming(said("When does the library open?"), said("", "stop"), DONE))
    body = page("/playground", {"q": "When does it open?", "before": "Tell me of the library."})[1]
    assert body.css_first(".trial-rewritten strong").text() == "When does the library open?"
    assert "Tell me of the library." in told(running.requests[-1])


@pytest.mark.django_db(transaction=True)
def test_a_model_that_fails_is_told_of_and_costs_nothing(page, client, account, town, endpoint):
    endpoint(answering("500 Oops", '{"error": {"message": "no"}}'))
    answer, body = page("/playground", {"q": ASKED})
    assert answer.status_code == 502
    assert body.css_first(".error[role=alert]").text().strip()
    assert body.css_first("#id_q").text().strip() == ASKED
    events = frames(client.post("/playground", {"q": ASKED}, headers=STREAMED))
    assert [events[0]["type"], events[-1]["type"]] == ["found", "error"]
    assert not sum(AnswerUsage.objects.filter(account=account).values_list("answers", flat=True))


@pytest.mark.django_db(transaction=True)
def test_every_statement_binds_the_account(page, account, town, endpoint):
    endpoint(streaming(said("At nine [1]."), said("", "stop"), DONE))
    site = Integration.objects.create(account=account, type="chatbot", name="Site")
    site.connect([town.id])
    with statements() as seen:
        assert page("/playground")[0].status_code == 200
        for more in ({}, {"integration": str(site.id)}, {"meta": '{"a": 1}'}, {"only_search": "on"}):
            assert page("/playground", {"q": ASKED, **more})[0].status_code == 200
    assert len(seen) > 30
    assert unbound(seen) == []
