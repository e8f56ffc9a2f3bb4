"""What visitors said, for those who manage the account and nobody else; that it is read stands in the audit."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, AuditEvent, Membership
from chat.models import Conversation, Message
from integrations.models import Integration, IntegrationEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(account: Account) -> Integration:
    return Integration.objects.create(account=account, type="chatbot", name="Shop <b>window</b>")


def asked(
    integration: Integration, question: str, answer: str = "Yes.", thumb: str = "", **fields: Any
) -> Conversation:
    account = integration.account
    made = Conversation.objects.create(account=account, integration_id=integration.id, visitor="v", title=question)
    Message.objects.create(account=account, conversation=made, role="user", content=question)
    reply = Message.objects.create(account=account, conversation=made, role="assistant", content=answer, **fields)
    if thumb:
        event = {"account": account, "integration": integration, "event_type": thumb}
        IntegrationEvent.objects.create(**event, meta={"message_id": str(reply.id)})
    return made


def titles(shown: Any) -> list[str]:
    return [link.text().strip() for link in shown.css(".talks .row-link")]


def test_those_of_visitors_are_listed_and_no_members_own(page, account, alice, site):
    asked(site, "Do you open on Sunday?")
    Conversation.objects.create(account=account, user=alice, title="My own")
    shown = page("/conversations/visitors")[1]
    assert titles(shown) == ["Do you open on Sunday?"]
    assert shown.css_first(".talks .tag").text() == "Shop <b>window</b>"
    assert titles(page("/conversations")[1]) == ["My own"]


def test_they_are_narrowed_by_integration_thumbs_and_words(page, account, site):
    other = Integration.objects.create(account=account, type="chatbot", name="Other")
    asked(site, "One", "Monday", thumb="thumbs_up")
    asked(site, "Two", "Tuesday", thumb="thumbs_down")
    asked(other, "Three", "Tuesday", reason="no_relevant_results")
    for meta in ({"message_id": "x"}, {"message_id": 5}, {"message_id": None}, {}, [], "x"):
        IntegrationEvent.objects.create(account=account, integration=site, event_type="thumbs_down", meta=meta)
    for query, found in (
        (f"integration={other.id}", ["Three"]), ("thumb=thumbs_down", ["Two"]), ("thumb=thumbs_up", ["One"]),
        ("q=tuesd", ["Three", "Two"]), (f"q=tuesd&integration={site.id}", ["Two"]), ("answered=no", ["Three"]),
        ("thumb=x&integration=x", ["Three", "Two", "One"]),
    ):  # fmt: skip
        assert titles(page(f"/conversations/visitors?{query}")[1]) == found, query


def test_reading_one_shows_the_thumb_and_is_written_down(page, account, alice, site):
    made = asked(site, "Two", thumb="thumbs_down")
    shown = page(f"/conversations/visitors/{made.id}")[1]
    assert "Found not helpful" in shown.body.text()
    assert not shown.css('a[href^="/c/"]')
    event = AuditEvent.objects.get(account=account, action="conversation_read")
    assert (event.actor, event.target) == (alice.email, f"conversation {made.id}")
    page(f"/conversations/visitors/{made.id}/export?format=json")
    assert AuditEvent.objects.filter(account=account, action="exported", target=event.target).exists()


def test_one_is_deleted_when_somebody_asks_for_it(page, site):
    made, kept = asked(site, "Delete me"), asked(site, "Keep me")
    page(f"/conversations/visitors/{made.id}/delete", {})
    page("/conversations/visitors/several", {"do": "delete", "id": ["x"]})
    assert list(Conversation.objects.all()) == [kept]


def test_a_members_own_is_not_read_at_the_visitors_address(page, account, bob):
    own = Conversation.objects.create(account=account, user=bob, title="Bob's own")
    for path in ("", "/export?format=json"):
        assert page(f"/conversations/visitors/{own.id}{path}")[0].status_code == 404
    assert page(f"/conversations/visitors/{own.id}/delete", {})[0].status_code == 404
    page("/conversations/visitors/several", {"do": "delete", "id": [str(own.id)]})
    assert Conversation.objects.filter(id=own.id).exists()
    assert not AuditEvent.objects.filter(action="conversation_read").exists()


@pytest.mark.parametrize("role", [Membership.Role.VIEWER, Membership.Role.MEMBER, None])
def test_who_does_not_manage_the_account_reads_none(charlie, account, site, role):
    made = asked(site, "A visitor's secret", "Swordfish")
    if role:
        Membership.objects.create(account=account, user=charlie, role=role)
    browser = Client()
    browser.force_login(charlie)
    at = f"?account={account.id}" if role else ""
    for path in ("", "?q=swordfish", f"/{made.id}", f"/{made.id}/export?format=pdf"):
        told = browser.get(f"/conversations/visitors{path}{at.replace('?', '&') if '?' in path else at}")
        assert b"secret" not in told.content
        assert b"Swordfish" not in told.content
        assert role is None or told.status_code == 403
    for path in (f"{made.id}/delete", "several"):
        browser.post(f"/conversations/visitors/{path}{at}", {"do": "delete", "id": [str(made.id)]})
    assert Conversation.objects.filter(id=made.id).exists()
    assert "Of visitors" not in browser.get(f"/conversations{at}").content.decode() or role is None


def test_the_pages_cost_the_same_whatever_there_is(page, site):
    for number in range(30):
        made = asked(site, f"Question {number}", "common", thumb=("thumbs_up", "thumbs_down")[number % 2])
    for path in ("", f"?q=common&thumb=thumbs_up&integration={site.id}&answered=yes", f"/{made.id}"):
        page(f"/conversations/visitors{path}")
        with CaptureQueriesContext(connection) as queries:
            assert page(f"/conversations/visitors{path}")[0].status_code == 200
        assert len(queries) <= 12, [query["sql"][:90] for query in queries]
