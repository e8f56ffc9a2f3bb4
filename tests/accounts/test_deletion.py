"""Deleting a user: what goes, what stays, and that nothing is left, whatever happens on the way."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction

from accounts import api_tokens, audit, deletion, erasure, founding
from accounts.members import RoleForbids
from accounts.models import (
    Account,
    AccountLimits,
    AnswerUsage,
    ApiToken,
    AuditEvent,
    Invitation,
    Membership,
    OutgoingMail,
    StoredUsage,
    User,
    UserSettings,
)
from accounts.tasks import erase_deleted
from chat import attachments, transcript
from chat.models import AskedQuestion, Conversation
from doculume.errors import DoculumeError
from integrations import keys
from integrations.models import ChatbotSettings, Integration, IntegrationEvent
from knowledge import tasks, uploads
from knowledge.ingestion import pipeline
from knowledge.models import (
    AccountIndex,
    Chunk,
    Document,
    EmbeddedText,
    EntryImport,
    EvaluationRun,
    GoldenEntry,
    GoldenQuestion,
    IngestionJob,
    RefusedRow,
    Reindexing,
)
from knowledge.search import statistics
from llm_settings.models import EmbeddingModel, LLMProvider, UserLLMConfig
from tests.cast import PASSWORD, client_of, make_user
from tests.contract.test_statements import statements, unbound

ME = "/api/v1/users/me"

pytestmark = pytest.mark.django_db(transaction=True)


def rows_of(account_id: int) -> dict[str, int]:
    """Every table that bears an account, and how many rows of this one it has. The audit outlives accounts."""
    found = {}
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.related_model is Account and model is not AuditEvent:
                found[f"{model._meta.label}.{field.name}"] = model._base_manager.filter(
                    **{field.attname: account_id}
                ).count()
    return found


def rows_about(user_id: int) -> dict[str, int]:
    found = {"accounts.AuditEvent.actor": AuditEvent.objects.filter(actor_id=user_id).exclude(actor="").count()}
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            if field.related_model is User:
                rows = model._base_manager.filter(**{field.attname: user_id})
                found[f"{model._meta.label}.{field.name}"] = rows.count()
    return found


def files_of(account: Account) -> list[str]:
    found = []
    for folder in ("documents", "attachments"):
        with suppress(FileNotFoundError):
            found += default_storage.listdir(f"{folder}/{account.pk}")[1]
    return found


def upload(account: Account, user: User, name: str = "hours.md", text: str = "The office opens at nine.") -> Document:
    return uploads.accept(account, user, SimpleUploadedFile(name, text.encode()), name=name)


def ingested(account: Account, user: User, **what: Any) -> Document:
    document = upload(account, user, **what)
    tasks.ingest_entry(str(IngestionJob.objects.get(entry_id=document.entry_id).id))
    document.refresh_from_db()
    assert document.status == Document.Status.READY
    return document


def converse(account, user):
    turn = transcript.begin(account, user, "When does it open?", None, "extractive")
    citation = {"index": 1, "fileName": "hours.md", "pageNumber": None, "title": "", "source": "", "url": ""}
    place = {"entry_id": turn.message_id, "document_id": None, "chunk_id": turn.message_id, "snippet": "nine"}
    cited = [citation | place | {"start": 0, "end": 4}]
    transcript.end(turn, "At nine [1].", status="complete", reason="stop", citations=cited, sources=[])
    return turn.conversation


def fill(account: Account, user: User) -> None:
    """Something in every table that bears an account."""
    ingested(account, user)
    pending = upload(account, user, "later.md", "Not read yet.")
    model = EmbeddingModel.objects.active()
    EmbeddedText.objects.create(
        account=account, entry_id=pending.entry_id, model=model, digest="d", vector=[0.0] * model.dimensions
    )
    conversation = converse(account, user)
    AskedQuestion.objects.create(account=account, conversation=conversation, text="When?", outcome="unanswered")
    said = conversation.messages.earliest("created_at")
    attachments.name(account, user, said.id, file_path="a.txt", file_type="text/plain")
    attached = SimpleUploadedFile("b.txt", b"Attached.")
    attachments.upload(account, user, said.id, attached, name="b.txt", file_type="text/plain")
    ApiToken.objects.create(user=user, account=account, name="CI", digest=f"d{user.pk}-{account.pk}", encrypted="x")
    Invitation.objects.create(account=account, email="dora@example.com", digest=f"i{account.pk}", invited_by=user)
    UserSettings.objects.get_or_create(user=user)
    AccountLimits.objects.create(account=account, entries=10_000)
    StoredUsage.objects.get_or_create(account=account)
    AnswerUsage.objects.get_or_create(account=account, month=date(2026, 11, 1))
    provider = LLMProvider.objects.create(account=account, name="own", base_url="https://models.example.com/v1")
    UserLLMConfig.objects.create(account=account, user=user, provider=provider, encrypted_key="x", shown_key="…")
    integration = Integration.objects.create(account=account, type="chatbot", name="Help")
    integration.connect([pending.collection_id])
    IntegrationEvent.objects.create(account=account, integration=integration, event_type="click")
    keys.create(account, "Site", integrations=[integration])
    ChatbotSettings.objects.create(account=account, support_email="help@example.com")
    AccountIndex.objects.create(account=account, answering=model)
    Reindexing.objects.create(account=account, model=model, status=Reindexing.Status.DONE)
    question = GoldenQuestion.objects.create(account=account, collection_id=pending.collection_id, question="When?")
    GoldenEntry.objects.create(account=account, question=question, entry_id=pending.entry_id)
    records = EntryImport(account=account, collection_id=pending.collection_id, made_by=user, file_size=1, format="csv")
    records.file.save("", SimpleUploadedFile("a.csv", b"text"))
    RefusedRow.objects.create(account=account, entry_import=records, number=2, reason="Empty.")
    figures = dict.fromkeys(("ndcg", "recall", "mrr", "latency_p50_ms", "latency_p95_ms"), 1.0)
    EvaluationRun.objects.create(account=account, questions=1, figures={}, **figures)


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/me/"])
def test_delete_me(alice, account, as_alice, charlie, as_charlie, path):
    fill(account, alice)
    response = as_alice.delete(path)
    assert (response.status_code, response.json()) == (200, {})
    assert response.cookies["access_token"].value == ""
    answer = as_alice.get("/api/v1/me")
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}
    assert as_alice.delete("/api/v1/me").status_code == 401
    assert not any(rows_of(account.pk).values())
    assert as_charlie.get("/api/v1/me").status_code == 200


def test_delete_me_from_a_page_ends_the_session(alice, client):
    client.force_login(alice)
    assert client.delete("/api/v1/me").json() == {}
    assert client.get("/api/v1/me").status_code in {401, 403}
    assert client.get("/").status_code == 302


@pytest.fixture
def shared(alice, bob, charlie) -> Account:
    """Owned by Alice and Charlie; Bob is a member."""
    account = Account.objects.create_shared("Shared", alice)
    Membership.objects.create(account=account, user=charlie, role=Membership.Role.OWNER)
    Membership.objects.create(account=account, user=bob)
    return account


def test_nothing_of_the_user_and_their_account_is_left(alice, account, as_alice):
    fill(account, alice)
    # Whoever adds a table: fill it in `fill`, and empty it in the app's erasers.
    assert [name for name, count in rows_of(account.pk).items() if not count] == []
    assert files_of(account)
    deletion.delete_user(alice)
    assert {name: count for name, count in rows_of(account.pk).items() if count} == {}
    assert {name: count for name, count in rows_about(alice.pk).items() if count} == {}
    assert files_of(account) == []
    assert not (settings.MEDIA_ROOT / "documents" / str(account.pk)).exists()
    assert not Account.objects.filter(pk=account.pk).exists()
    assert not User.objects.filter(pk=alice.pk).exists()


def test_an_account_that_they_alone_own_goes_with_its_members_things(alice, bob, account):
    fill(account, alice)
    converse(account, bob)
    ApiToken.objects.create(user=bob, account=account, name="CI", digest="b", encrypted="x")
    deletion.delete_user(alice)
    assert not any(rows_of(account.pk).values())
    assert User.objects.filter(pk=bob.pk).exists()
    assert client_of(bob).get(ME).status_code == 200


def test_an_account_with_another_owner_lives_on_with_its_documents(alice, charlie, shared):
    fill(shared, alice)
    hers, his = Conversation.objects.get(account=shared, user=alice), converse(shared, charlie)
    document = Document.objects.filter(account=shared, status="ready").get()
    deletion.delete_user(alice)
    document.refresh_from_db()
    assert document.uploaded_by is None
    assert default_storage.exists(document.file.name)
    assert Chunk.objects.filter(account=shared).exists()
    assert list(Conversation.objects.filter(account=shared)) == [his]
    assert hers.id != his.id
    assert not ApiToken.objects.filter(account=shared).exists()
    assert set(shared.memberships.values_list("user__email", flat=True)) == {"charlie@example.com", "bob@example.com"}
    told = AuditEvent.objects.for_account(shared).get(action=audit.Action.MEMBER_REMOVED)
    assert told.target == f"user {alice.pk}"
    assert not told.actor
    # The last owner takes it with him.
    deletion.delete_user(charlie)
    assert not any(rows_of(shared.pk).values())


def test_the_next_request_is_refused_while_the_contents_still_wait(alice, account, as_alice, client, monkeypatch):
    fill(account, alice)
    client.force_login(alice)
    assert as_alice.get(ME).status_code == client.get(ME).status_code == 200
    monkeypatch.setattr(deletion, "SECONDS_IN_REQUEST", 0)
    deletion.delete_user(alice)
    assert Chunk.objects.filter(account=account).exists()
    assert as_alice.get(ME).status_code == 401
    assert client.get(ME).status_code in {401, 403}
    tombstone = User.objects.get(pk=alice.pk)
    assert (tombstone.full_name, tombstone.is_active, tombstone.has_usable_password()) == ("", False, False)
    assert "alice" not in tombstone.email
    # The address is free at once.
    again = User.objects.create_user("alice@example.com", PASSWORD)
    erase_deleted()
    assert not any(rows_of(account.pk).values())
    assert not User.objects.filter(pk=alice.pk).exists()
    assert client_of(again).get(ME).status_code == 200


def test_their_name_and_addresses_leave_the_audit_and_the_mail(alice, bob, rf):
    request = rf.get("/", REMOTE_ADDR="192.0.2.7")
    audit.record(audit.Action.SIGNED_IN, request=request, actor=alice)
    audit.record(audit.Action.SIGN_IN_FAILED, request=request, actor_name="alice@example.com")
    audit.record(audit.Action.MEMBER_INVITED, actor=bob, target="alice@example.com")
    audit.record(audit.Action.EMAIL_CHANGED, request=request, actor=alice, old="old@example.com", new=alice.email)
    OutgoingMail.objects.create(to="alice@example.com", subject="Hello", content="x")
    token, _ = api_tokens.create(alice, alice.personal_account, "Backup")
    api_tokens.revoke(token, "revoked by staff", actor=bob)
    founding.establish(alice, "Workshop", actor_name="manage.py create_account")
    deletion.delete_user(alice)
    assert not OutgoingMail.objects.exists()
    rows = [str(list(row.values())) for row in AuditEvent.objects.values()]
    assert len(rows) >= 5
    assert not [row for row in rows if "alice" in row or "192.0.2.7" in row or "old@" in row]
    assert AuditEvent.objects.filter(actor="bob@example.com").count() == 2
    deleted = AuditEvent.objects.get(action=audit.Action.USER_DELETED)
    assert deleted.target == f"user {alice.pk}"
    assert deleted.details["accounts"]


def test_steps_may_be_cut_off_anywhere_and_taken_twice(alice, account, monkeypatch):
    """Each turn is stopped after the first step that removed something, and a step is one row."""
    fill(account, alice)
    monkeypatch.setattr(deletion, "SECONDS_IN_REQUEST", 0)
    monkeypatch.setattr(erasure, "ROWS", 1)
    deletion.delete_user(alice)
    turns, seen = 0, set()
    while Account.objects.filter(pk=account.pk).exists():
        erasure.erase_accounts([account.pk], 0)
        turns += 1
        seen.add(tuple(rows_of(account.pk).values()))
        assert turns < 200
    assert len(seen) > 10
    assert files_of(account) == []


def test_a_document_that_is_being_read_leaves_nothing(alice, account, monkeypatch):
    """The account goes in the middle of embedding, and again between embedding and storing."""
    for stage in ("embed", "store"):
        user = make_user(stage.title())
        document = upload(user.personal_account, user, text="Words to embed. " * 50)
        own = user.personal_account

        def delete_first(work, stage=stage, user=user):
            thread = threading.Thread(target=lambda: (deletion.delete_user(user), connection.close()))
            thread.start()
            thread.join()
            getattr(pipeline, stage)(work)

        stages = [delete_first if step.__name__ == stage else step for step in pipeline.STAGES]
        for step in stages:
            step.__name__ = getattr(step, "__name__", stage) if step is not delete_first else stage
        monkeypatch.setattr(pipeline, "STAGES", stages)
        tasks.ingest_entry(str(IngestionJob.objects.get(entry_id=document.entry_id).id))
        monkeypatch.undo()
        erase_deleted()
        assert not any(rows_of(own.pk).values())
        assert not User.objects.filter(pk=user.pk).exists()
        assert files_of(own) == []


def test_an_account_founded_in_that_moment_is_refused_rather_than_left_without_an_owner(alice):
    deletion.delete_user(alice)
    with pytest.raises(RoleForbids):
        founding.found(alice, "Nobody's")
    assert not Account.objects.filter(name="Nobody's").exists()


def test_an_invitation_that_an_owner_sends_meanwhile_ends_in_no_deadlock(alice, account):
    """Who invites holds the account and refers to the inviter, whom the deletion holds on its way to the account."""
    leaving = threading.Thread(target=lambda: (deletion.delete_user(alice), connection.close()))
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        leaving.start()
        until(somebody_waits)
        Invitation.objects.create(account=account, email="dana@example.com", digest="d", invited_by=alice)
    leaving.join()
    assert not User.objects.filter(pk=alice.pk).exists()
    assert not Invitation.objects.exists()


def until(happened) -> None:
    for _ in range(200):
        if happened():
            return
        time.sleep(0.02)
    raise AssertionError(f"{happened.__name__} never came true")


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_who_writes_statistics_is_not_waited_for(alice, account):
    """A worker that stores a large document holds their lock for minutes; the request must not hang for it."""
    fill(account, alice)
    locked, go_on = threading.Event(), threading.Event()

    def store():
        with transaction.atomic():
            assert statistics.try_lock(account.pk)
            locked.set()
            go_on.wait(20)
        connection.close()

    worker = threading.Thread(target=store)
    worker.start()
    locked.wait(5)
    deletion.delete_user(alice)
    assert Chunk.objects.filter(account=account).exists()
    assert not IngestionJob.objects.filter(account=account).exists()
    go_on.set()
    worker.join()
    erase_deleted()
    assert not any(rows_of(account.pk).values())


def test_an_upload_under_way_is_either_refused_or_removed(alice, account, monkeypatch):
    deletion_done = threading.Event()
    write_rows = uploads._write_rows

    def late(*args, **kwargs):
        thread = threading.Thread(target=lambda: (deletion.delete_user(alice), connection.close()))
        thread.start()
        thread.join()
        deletion_done.set()
        return write_rows(*args, **kwargs)

    monkeypatch.setattr(uploads, "_write_rows", late)
    with pytest.raises(Exception):  # noqa: B017, PT011
        upload(account, alice)
    assert deletion_done.is_set()
    assert not any(rows_of(account.pk).values())
    assert files_of(account) == []


def test_a_file_that_the_storage_holds_on_to_is_tried_again_and_stops_nothing_else(alice, account, monkeypatch):
    fill(account, alice)
    storage = type(default_storage._wrapped) if hasattr(default_storage, "_wrapped") else type(default_storage)
    remove, stuck = storage.delete, Document.objects.filter(account=account).first().file.name

    def refuse(self, name):
        if name == stuck:
            raise OSError("busy")
        remove(self, name)

    monkeypatch.setattr(storage, "delete", refuse)
    deletion.delete_user(alice)
    assert Document.objects.filter(account=account).count() == 1
    assert not Chunk.objects.filter(account=account).exists()
    monkeypatch.undo()
    erase_deleted()
    assert not any(rows_of(account.pk).values())
    assert files_of(account) == []


def test_what_a_dead_upload_left_goes_too(alice, account):
    default_storage.save(f"documents/{account.pk}/left-over", ContentFile(b"x"))
    deletion.delete_user(alice)
    assert files_of(account) == []


def test_every_statement_that_empties_an_account_binds_it(alice, account, monkeypatch):
    fill(account, alice)
    monkeypatch.setattr(deletion, "SECONDS_IN_REQUEST", 0)
    deletion.delete_user(alice)
    with statements() as seen:
        assert erasure.erase_accounts([account.pk], 60)
    assert len(seen) > 50
    assert unbound(seen) == []


def test_two_workers_do_not_fight(alice, account, monkeypatch):
    fill(account, alice)
    monkeypatch.setattr(deletion, "SECONDS_IN_REQUEST", 0)
    deletion.delete_user(alice)

    def work():
        erase_deleted()
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    erase_deleted()
    assert not any(rows_of(account.pk).values())
    assert not User.objects.filter(pk=alice.pk).exists()


def test_others_keep_every_row(alice, charlie, account):
    fill(charlie.personal_account, charlie)
    before = rows_of(charlie.personal_account.pk) | rows_about(charlie.pk)
    fill(account, alice)
    deletion.delete_user(alice)
    assert rows_of(charlie.personal_account.pk) | rows_about(charlie.pk) == before


def test_a_shared_account_is_deleted_by_an_owner_only(alice, bob, shared):
    fill(shared, alice)
    with pytest.raises(deletion.OwnersOnly):
        deletion.delete_account(shared, bob)
    with pytest.raises(deletion.GoesWithItsPerson):
        deletion.delete_account(alice.personal_account, alice)
    deletion.delete_account(shared, alice)
    assert not any(rows_of(shared.pk).values())
    assert User.objects.filter(pk=alice.pk).exists()
    assert AuditEvent.objects.get(action=audit.Action.ACCOUNT_DELETED).target == f"account {shared.pk}"
    assert client_of(bob).get(ME, HTTP_X_ACCOUNT_ID=str(shared.pk)).status_code == 403


def test_two_owners_who_delete_themselves_at_once_leave_no_account_without_an_owner(alice, charlie, shared):
    failures: list[DoculumeError] = []

    def leave(user):
        try:
            deletion.delete_user(user)
        except DoculumeError as error:
            failures.append(error)
        finally:
            connection.close()

    leavers = [threading.Thread(target=leave, args=(user,)) for user in (alice, charlie)]
    for leaver in leavers:
        leaver.start()
    for leaver in leavers:
        leaver.join()
    erase_deleted()
    assert failures == []
    assert not any(rows_of(shared.pk).values())
    assert not User.objects.filter(pk__in=[alice.pk, charlie.pk]).exists()


def test_deleting_twice_is_deleting_once(alice, account):
    deletion.delete_user(alice)
    with pytest.raises(User.DoesNotExist):
        deletion.delete_user(alice)
    assert AuditEvent.objects.filter(action=audit.Action.USER_DELETED).count() == 1


def test_deleting_again_while_it_is_under_way_changes_nothing(alice, account, monkeypatch):
    fill(account, alice)
    monkeypatch.setattr(deletion, "SECONDS_IN_REQUEST", 0)
    deletion.delete_user(alice)
    monkeypatch.undo()
    deletion.delete_user(alice)
    assert not any(rows_of(account.pk).values())
    assert AuditEvent.objects.filter(action=audit.Action.USER_DELETED).count() == 1
