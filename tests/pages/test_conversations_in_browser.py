"""Conversations and insights in a real browser: found, read, exported, deleted, and fit for everybody."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Membership
from chat.models import AskedQuestion, Citation, Conversation, Message
from doculume.ids import new_id
from integrations.models import Integration, IntegrationEvent
from tests.pages import browser as driving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

WIDTHS = [{"width": 360, "height": 740}, {"width": 1280, "height": 860}]
LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle" * 3


def talk(account, user, question, answer, **fields):
    made = Conversation.objects.create(account=account, user=user, title=question[:255], **fields)
    Message.objects.create(account=account, conversation=made, role="user", content=question)
    reply = Message.objects.create(
        account=account, conversation=made, role="assistant", content=answer, model_name="little", status="interrupted",
        reason="The model did not answer.", unsupported=["“at ten”"], timings={"total": 1234.5}, prompt_tokens=12,
    )  # fmt: skip
    Citation.objects.create(
        account=account, message=reply, index=1, entry_id=new_id(), chunk_id=new_id(), file_name=f"{LONG[:200]}.pdf",
        page_number=3, snippet="At nine.", source="https://example.com/a", start=0, end=8,
    )  # fmt: skip
    return made, reply


@pytest.fixture
def filled(account, alice):
    """One of hers, one of a visitor's that was not helpful, and questions to count."""
    site = Integration.objects.create(account=account, type="chatbot", name="Shop")
    own, _ = talk(account, alice, f"When do you open? {LONG}", "At **nine** [1].")
    visitors, reply = talk(account, None, "Was ist geöffnet?", "Um neun [1].", integration_id=site.id, visitor="v")
    event = {"account": account, "integration": site}
    IntegrationEvent.objects.create(**event, event_type="thumbs_down", meta={"message_id": str(reply.id)})
    IntegrationEvent.objects.create(**event, event_type="click", meta={"url": f"https://example.com/{LONG}"})
    for number, outcome in enumerate(("answered", "unanswered", "failed", "answered")):
        AskedQuestion.objects.create(
            account=account, text=f"Question {number}? {LONG[:150]}", asked=f"question {number}", outcome=outcome,
            total_ms=100 * number + 50, created_at=timezone.now() - timedelta(days=number),
        )  # fmt: skip
    return own, visitors


def test_what_was_said_is_found_read_taken_along_and_deleted(visit, alice, filled):
    here = visit()
    page = here.sign_in(alice)
    page.get_by_role("link", name="Conversations", exact=True).first.click()
    page.get_by_label("Words that were said").fill("NINE")
    page.keyboard.press("Enter")
    expect(page.locator(".found-text mark")).to_have_text("nine")
    page.locator(".talks .row-link").click()
    expect(page.locator(".prose strong")).to_have_text("nine")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as PDF").click()
    assert download.value.suggested_filename.endswith(".pdf")
    page.get_by_text("Rename or delete").click()
    page.get_by_label("Name").fill("Opening hours")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="Opening hours")).to_be_visible()
    page.get_by_role("link", name="Continue").click()
    expect(page.locator(".from-assistant .prose")).to_contain_text("nine")
    page.goto(f"{here.address}/conversations")
    page.get_by_label("Choose Opening hours").check()
    page.get_by_text("Delete…").click()
    page.get_by_role("button", name="Delete those chosen").click()
    expect(page.get_by_text("1 conversation is deleted.")).to_be_visible()
    expect(page.get_by_text("No conversations yet")).to_be_visible()


def test_from_insights_to_the_conversation_that_was_not_helpful(visit, alice, filled):
    here = visit()
    page = here.sign_in(alice)
    page.goto(f"{here.address}/insights")
    page.get_by_role("link", name="Read the conversation: Was ist geöffnet?").click()
    expect(page.get_by_text("Found not helpful")).to_be_visible()
    page.get_by_role("link", name="Conversations of visitors").click()
    page.get_by_label("Helpful or not").select_option("thumbs_up")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing found")).to_be_visible()


def test_an_answer_is_written_and_it_is_seen_when_it_is_read(visit, alice, account, filled, monkeypatch):
    with driving.working(monkeypatch):
        here = visit()
        page = here.sign_in(alice)
        page.goto(f"{here.address}/insights")
        page.get_by_role("link", name="Write the answer").click()
        page.get_by_label("Answer").fill("Question 1 is answered by the purple handbook.")
        page.get_by_role("button", name="Write the answer").click()
        # By itself.
        expect(page.get_by_text("It is read: from now on answers cite it.")).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Ask again").click()
        expect(page.get_by_text("What is answered now")).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS, ids=["phone", "desktop"])
def test_pages_fit_and_axe_finds_nothing(visit, alice, filled, size, scheme):
    own, visitors = filled
    here = visit(viewport=size, color_scheme=scheme)
    page = here.sign_in(alice)
    question = AskedQuestion.objects.filter(outcome="unanswered").get()
    paths = ["/conversations", "/conversations?q=nine", "/conversations?q=nowhere", f"/conversations/{own.id}",
             "/conversations/visitors", f"/conversations/visitors/{visitors.id}", "/insights?days=7",
             f"/insights/questions/{question.id}"]  # fmt: skip
    for path in paths:
        page.goto(f"{here.address}{path}")
        for more in page.locator("main details").all():
            more.evaluate("element => (element.open = true)")
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], path


def test_a_viewer_walks_them_too(visit, charlie, account, filled):
    Membership.objects.create(account=account, user=charlie, role=Membership.Role.VIEWER)
    here = visit()
    page = here.sign_in(charlie)
    page.goto(f"{here.address}/conversations?account={account.id}")
    expect(page.get_by_text("No conversations yet")).to_be_visible()
    expect(page.get_by_role("link", name="Of visitors")).to_have_count(0)
    expect(page.get_by_role("link", name="Insights")).to_have_count(0)
