"""What the first page says needs attention: each thing only while it does, and only to whom it concerns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import AnswerUsage, Membership, SiteSettings, StoredUsage
from accounts.usage import this_month
from chat.attention import concerns
from chat.models import AskedQuestion, Conversation
from knowledge import entries, uploads
from knowledge.models import Collection, Document, IngestionJob, Reindexing
from llm_settings.breaker import FAILURES, Breaker
from llm_settings.models import EmbeddingModel, LLMProvider

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(account, alice) -> Membership:
    return Membership.objects.select_related("account__plan", "account__own_limits").get(account=account, user=alice)


def told(page) -> list[str]:
    return [line.text().strip() for line in page("/")[1].css("#attention li p")]


def fail(entry_id) -> None:
    IngestionJob.objects.filter(entry_id=entry_id).update(status="failed", last_error="timeout")
    Document.objects.filter(entry_id=entry_id).update(status="failed", error_code="timeout")


def test_where_all_is_well_nothing_is_said(page, owner):
    assert concerns(owner, confirms_email=False) == []
    assert page("/")[1].css_first("#attention") is None


def test_what_could_not_be_read_leads_to_its_list(page, account, alice, owner):
    document = uploads.accept(account, alice, SimpleUploadedFile("a.md", b"Text."), name="a.md")
    shelf = Collection.objects.create(account=account, name="Products")
    entry = entries.add(account, shelf, {"raw_text": "Text."})
    assert concerns(owner, confirms_email=False) == []
    fail(document.entry_id)
    fail(entry.id)
    assert told(page) == ["1 document could not be read.", "1 entry could not be read."]
    links = [link.attributes["href"] for link in page("/")[1].css("#attention li a")]
    assert links == [
        f"/documents?account={account.id}&state=failed",
        f"/collections/{shelf.id}?account={account.id}&state=failed",
    ]
    assert "a.md" in page(links[0])[1].css_first(".documents-list").text()
    # What was failed and is changed since is another generation, and has not failed.
    entries.update(account, entry, {"raw_text": "Other text."})
    assert told(page) == ["1 document could not be read."]


def test_questions_without_an_answer_are_for_those_who_manage(page, client, account, owner, bob):
    for text, days in (("When?", 1), ("when?", 2), ("Where?", 3), ("Long ago?", 45)):
        made = timezone.now() - timedelta(days=days)
        AskedQuestion.objects.create(
            account=account, text=text, asked=text.lower(), outcome="unanswered", created_at=made
        )
    assert told(page) == ["2 questions of the last 30 days have no answer in what you have."]
    client.force_login(bob)
    assert b'id="attention"' not in client.get(f"/?account={account.id}").content


@pytest.mark.parametrize(
    ("used", "said"), [(159, []), (160, ["80 % of this"]), (200, ["This month's answers are used"])]
)
def test_a_plan_nearly_used_is_told_of(page, account, used, said):
    AnswerUsage.objects.create(account=account, month=this_month(), answers=used)
    assert [line[: len(start)] for line, start in zip(told(page), said, strict=True)] == said


def test_no_room_for_entries_and_files_is_told_of(page, account):
    StoredUsage.objects.update_or_create(account=account, defaults={"entries": 2000, "stored_bytes": 190 * 1024 * 1024})
    lines = told(page)
    assert len(lines) == 2
    assert "nothing more can be added" in lines[0]
    assert "of the plan's room for files" in lines[1]


def test_an_address_whose_link_nobody_followed(page, alice):
    SiteSettings.objects.update_or_create(pk=1, defaults={"email_confirmation_required": True})
    assert told(page) == [f"{alice.email} is not confirmed yet: follow the link that was sent there."]
    SiteSettings.objects.update(email_confirmation_required=False)
    assert told(page) == []
    EmailAddress.objects.create(user=alice, email="new@example.com", verified=False)
    assert told(page) == ["new@example.com is not confirmed yet: follow the link that was sent there."]


def test_a_provider_that_fails_until_it_answers(page, account):
    provider = LLMProvider.objects.create(account=account, name="House model", base_url="https://m.example/v1")
    breaker = Breaker(f"{account.id}:{provider.pk}")
    for _ in range(FAILURES):
        breaker.failed()
    assert told(page)[0].startswith("House model does not answer.")
    breaker.succeeded()
    assert told(page) == []


def test_a_change_of_the_embedding_model_under_way(page, account):
    model = EmbeddingModel.objects.first() or EmbeddingModel.objects.create(name="m", dimensions=3)
    Reindexing.objects.create(account=account, model=model, status="running", total=200, done=50)
    assert "25 % is done" in told(page)[0]


def test_a_conversation_is_shown_without_it(page, account, alice):
    StoredUsage.objects.update_or_create(account=account, defaults={"entries": 2000})
    conversation = Conversation.objects.create(account=account, user=alice)
    assert page(f"/c/{conversation.id}")[1].css_first("#attention") is None
    assert page("/")[1].css_first("#attention")


def test_the_first_page_costs_few_statements(page, account, alice, django_assert_max_num_queries):
    document = uploads.accept(account, alice, SimpleUploadedFile("a.md", b"Text."), name="a.md")
    fail(document.entry_id)
    LLMProvider.objects.create(account=account, name="House model", base_url="https://m.example/v1")
    page("/")
    with django_assert_max_num_queries(12):
        page("/")
