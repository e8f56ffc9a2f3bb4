"""What a plan allows to be held and asked, spent over the real endpoints, also by many at once."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from io import StringIO

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts import usage
from accounts.models import AnswerUsage, Plan, StoredUsage
from chat import transcript
from chat.models import Conversation, Message
from chat.tasks import SILENCE, interrupt_orphans
from knowledge import collections, uploads
from knowledge.models import Collection, Document, Entry
from tests.cast import client_of
from tests.contract.bad_input import structured
from tests.llm_settings.endpoints import answering, serving

pytestmark = pytest.mark.django_db(transaction=True)

ASK = "/api/v1/chat/ask"
UPLOAD = "/api/v1/documents/upload"
TEXT = b"The office opens at nine."


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def plan(account) -> Plan:
    """Alice's, with no limits but those that a test sets."""
    made = Plan.objects.create(name="tested")
    account.plan = made
    account.save()
    return made


def allow(plan: Plan, **limits: int | None) -> None:
    Plan.objects.filter(pk=plan.pk).update(**limits)


def ask(client, **options):
    return client.post(ASK, {"question": "When?", "use_rag": False, **options})


def upload(client, content: bytes = TEXT, name: str = "hours.txt"):
    return client.post(UPLOAD, {"file": SimpleUploadedFile(name, content)}, format="multipart")


def answers(account) -> int:
    return usage.answers_this_month(account.pk)


def held(account) -> tuple[int, int]:
    row = StoredUsage.objects.filter(account=account).first()
    return (row.entries, row.stored_bytes) if row else (0, 0)


def files(account) -> list[str]:
    try:
        return default_storage.listdir(f"documents/{account.pk}")[1]
    except FileNotFoundError:
        return []


def at_once(count: int, attempt) -> Counter:
    """How often `attempt(number)` gave what, of as many threads as there are attempts."""
    barrier = threading.Barrier(count)

    def run(number: int):
        try:
            barrier.wait()
            return attempt(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


class TestAnswers:
    def test_each_answer_counts_and_the_one_too_many_is_refused(self, account, plan, as_alice):
        allow(plan, answers_per_month=2)
        assert [ask(as_alice).status_code for _ in range(2)] == [200, 200]
        refused = ask(as_alice)
        assert structured(refused, 429)["error"]["code"] == "quota_exceeded"
        now = datetime.now(UTC)
        following = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
        assert abs(int(refused["Retry-After"]) - (following - now).total_seconds()) < 5
        assert int(refused["X-RateLimit-Remaining"]) > 0
        assert answers(account) == 2
        assert Conversation.objects.count() == 2
        assert Message.objects.count() == 4

    def test_a_stream_is_refused_before_it_starts(self, plan, as_alice):
        allow(plan, answers_per_month=0)
        refused = ask(as_alice, stream=True)
        assert structured(refused, 429)["error"]["code"] == "quota_exceeded"
        assert refused["Content-Type"] == "application/json"

    def test_of_two_hundred_questions_at_once_exactly_ten_are_answered(self, alice, account, plan):
        allow(plan, answers_per_month=10)
        clients = [client_of(alice) for _ in range(200)]
        outcomes = at_once(200, lambda number: ask(clients[number]).status_code)
        assert outcomes == {200: 10, 429: 190}
        assert answers(account) == 10
        assert Message.objects.filter(role="assistant").count() == 10

    def test_nothing_found_is_an_answer(self, account, plan, as_alice):
        assert ask(as_alice, use_rag=True).status_code == 200
        assert answers(account) == 1

    @pytest.mark.parametrize("stream", [False, True])
    def test_an_answer_that_fails_with_nothing_said_is_given_back(self, account, plan, as_alice, settings, stream):
        with serving(answering("500 Internal Server Error", "{}")) as endpoint:
            settings.CHAT = settings.CHAT | {"provider": "openai", "base_url": endpoint.url, "model": "m"}
            response = ask(as_alice, stream=stream)
            if stream:
                assert b'"type": "error"' in b"".join(response)
            else:
                assert response.status_code == 502
        assert answers(account) == 0
        assert Message.objects.get(role="assistant").charged_month is None

    @pytest.mark.parametrize("status", ["complete", "stopped", "interrupted"])
    @pytest.mark.parametrize("text", ["", "Nine."])
    def test_only_what_was_interrupted_with_nothing_said_is_given_back_and_once(
        self, alice, account, plan, status, text
    ):
        ended = {"status": Message.Status(status), "reason": "stop", "citations": [], "sources": []}
        turn = transcript.begin(account, alice, "When?", None, "m")
        other = transcript.begin(account, alice, "And where?", None, "m")
        for _ in range(3):
            transcript.end(turn, text, **ended)
        assert answers(account) == (1 if status == "interrupted" and not text else 2)
        transcript.end(other, "Nine.", **ended)

    def test_of_a_process_that_died_what_was_not_said_is_given_back_once(self, alice, account, plan):
        silent, spoke = (transcript.begin(account, alice, "When?", None, "m") for _ in range(2))
        alive = transcript.begin(account, alice, "When?", None, "m")
        transcript.save_partial(spoke.account.id, {spoke.message_id: "Nine"})
        long_ago = timezone.now() - SILENCE - timedelta(minutes=1)
        Message.objects.exclude(id=alive.message_id).update(updated_at=long_ago)
        at_once(4, lambda number: interrupt_orphans())
        assert answers(account) == 2
        found = dict(Message.objects.filter(role="assistant").values_list("id", "status"))
        interrupted, writing = Message.Status.INTERRUPTED, Message.Status.WRITING
        assert found == {silent.message_id: interrupted, spoke.message_id: interrupted, alive.message_id: writing}
        transcript.end(silent, "", status=interrupted, reason="late", citations=[], sources=[])
        assert answers(account) == 2

    def test_what_was_asked_last_month_is_given_back_to_last_month(self, alice, account, plan):
        turn = transcript.begin(account, alice, "When?", None, "m")
        AnswerUsage.objects.create(account=account, month=date(2020, 1, 1), answers=5)
        Message.objects.filter(id=turn.message_id).update(
            charged_month=date(2020, 1, 1), updated_at=timezone.now() - SILENCE - timedelta(minutes=1)
        )
        interrupt_orphans()
        assert AnswerUsage.objects.get(month=date(2020, 1, 1)).answers == 4
        assert answers(account) == 1

    def test_deleting_the_conversation_gives_no_answer_back(self, account, plan, as_alice):
        conversation = ask(as_alice).json()["conversation_id"]
        assert as_alice.delete(f"/api/v1/chat/conversations/{conversation}").status_code == 200
        assert answers(account) == 1

    def test_each_account_has_its_own(self, bob, account, plan, alice):
        allow(plan, answers_per_month=1)
        assert ask(client_of(bob, account)).status_code == 200
        assert ask(client_of(alice)).status_code == 429
        assert ask(client_of(bob)).status_code == 200

    def test_a_bigger_plan_answers_at_once(self, account, plan, as_alice):
        allow(plan, answers_per_month=0)
        assert ask(as_alice).status_code == 429
        allow(plan, answers_per_month=1)
        assert ask(as_alice).status_code == 200


class TestDocuments:
    def test_a_document_counts_as_an_entry_and_its_bytes_until_it_is_deleted(self, account, plan, as_alice):
        first, second = (upload(as_alice, TEXT * times).json()["id"] for times in (1, 2))
        assert held(account) == (2, 3 * len(TEXT))
        as_alice.delete(f"/api/v1/documents/{first}")
        assert held(account) == (1, 2 * len(TEXT))
        uploads.delete(Document.objects.get(id=second))
        assert held(account) == (0, 0)

    @pytest.mark.parametrize("limits", [{"entries": 1}, {"stored_bytes": 2 * len(TEXT) - 1}])
    def test_one_too_many_is_refused_and_leaves_nothing(self, account, plan, as_alice, limits):
        allow(plan, **limits)
        assert upload(as_alice).status_code == 201
        refused = upload(as_alice)
        assert structured(refused, 429)["error"]["code"] == "quota_exceeded"
        assert int(refused["Retry-After"]) > 0
        assert held(account) == (1, len(TEXT))
        assert Document.objects.count() == Entry.objects.count() == len(files(account)) == 1
        as_alice.delete(f"/api/v1/documents/{Document.objects.get().id}")
        assert upload(as_alice).status_code == 201

    def test_uploads_at_once_never_hold_more_than_the_plan_allows(self, alice, account, plan):
        allow(plan, entries=5, stored_bytes=7 * len(TEXT))
        clients = [client_of(alice) for _ in range(30)]
        outcomes = at_once(30, lambda number: upload(clients[number]).status_code)
        assert outcomes == {201: 5, 429: 25}
        assert held(account) == (5, 5 * len(TEXT))
        assert Document.objects.count() == len(files(account)) == 5

    def test_deletions_at_once_give_back_once(self, alice, account, plan, as_alice):
        document = Document.objects.get(id=upload(as_alice).json()["id"])
        upload(as_alice)
        at_once(8, lambda number: uploads.delete(Document.objects.filter(id=document.id).first() or document))
        assert held(account) == (1, len(TEXT))

    def test_who_holds_more_than_a_smaller_plan_allows_keeps_it_and_may_delete(self, account, plan, as_alice):
        ids = [upload(as_alice).json()["id"] for _ in range(3)]
        allow(plan, entries=1)
        assert upload(as_alice).status_code == 429
        assert as_alice.get("/api/v1/documents/").json()["total"] == 3
        for ident in ids:
            assert as_alice.delete(f"/api/v1/documents/{ident}").status_code == 200
        assert held(account) == (0, 0)
        assert upload(as_alice).status_code == 201

    def test_a_failed_insert_costs_nothing(self, account, plan, as_alice, monkeypatch):
        monkeypatch.setattr(uploads, "hint", lambda job: 1 / 0)
        assert upload(as_alice).status_code == 500
        assert held(account) == (0, 0)
        assert files(account) == []


class TestEntries:
    @pytest.fixture
    def entries(self, account) -> str:
        return f"/api/v1/collections/{Collection.objects.create(account=account, name='C').id}/entries"

    def test_an_entry_counts_with_the_bytes_of_its_text(self, account, plan, as_alice, entries):
        made = as_alice.post(entries, {"title": "Café", "raw_text": "Ångström"})
        assert made.status_code == 201
        assert held(account) == (1, len("Ångström".encode()))
        entry = f"{entries}/{made.json()['data']['id']}"
        as_alice.patch(entry, {"raw_text": "short"})
        assert held(account) == (1, 5)
        upload(as_alice)
        assert as_alice.delete(entry).status_code == 204
        assert held(account) == (1, len(TEXT))

    def test_over_the_limit_is_402(self, account, plan, as_alice, entries):
        allow(plan, entries=1)
        assert as_alice.post(entries, {"title": "One", "raw_text": "one"}).status_code == 201
        refused = as_alice.post(entries, {"title": "Two", "raw_text": "two"})
        assert (refused.status_code, refused.json()) == (402, {"message": "Usage quota exceeded."})
        assert held(account) == (1, 3)
        assert Entry.objects.count() == 1

    def test_a_collection_gives_back_all_that_was_in_it(self, account, plan, as_alice, entries):
        collection = Collection.objects.get(name="C")
        as_alice.post(entries, {"title": "One", "raw_text": "one"})
        as_alice.post(
            UPLOAD,
            {"file": SimpleUploadedFile("a.txt", TEXT), "collection_id": str(collection.id)},
            format="multipart",
        )
        assert held(account) == (2, 3 + len(TEXT))
        collections.delete(account, collection.id)
        assert held(account) == (0, 0)


def test_recounting_sets_right_what_was_miscounted(account, plan, as_alice):
    upload(as_alice)
    Entry.objects.create(account=account, collection=Collection.objects.get(), raw_text="Ångström")
    StoredUsage.objects.filter(account=account).update(entries=7, stored_bytes=1)
    out = StringIO()
    call_command("recount_usage", account=account.pk, stdout=out)
    size = len(TEXT) + len("Ångström".encode())
    assert f"account {account.pk}: entries 7 -> 2, bytes 1 -> {size}" in out.getvalue()
    assert held(account) == (2, size)
    out = StringIO()
    call_command("recount_usage", stdout=out)
    assert "0 set right" in out.getvalue()


def test_recounting_while_others_store_and_delete_stays_exact(alice, account, plan):
    made = [uploads.accept(account, alice, SimpleUploadedFile("a.txt", TEXT), name="a.txt") for _ in range(10)]

    def work(number: int) -> None:
        if number < 10:
            uploads.delete(made[number])
        elif number < 20:
            uploads.accept(account, alice, SimpleUploadedFile("b.txt", TEXT * 2), name="b.txt")
        else:
            call_command("recount_usage", account=account.pk, stdout=StringIO())

    at_once(25, work)
    assert held(account) == (10, 20 * len(TEXT))


def test_what_was_stored_before_anybody_counted_is_counted_by_the_migration(account, plan, as_alice):
    upload(as_alice)
    StoredUsage.objects.all().delete()
    migration = import_module("knowledge.migrations.0006_count_what_is_stored")
    with connection.cursor() as cursor:
        cursor.execute(migration.COUNT)
    assert held(account) == (1, len(TEXT))
    assert StoredUsage.objects.count() == 1
