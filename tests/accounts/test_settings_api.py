"""A user's settings and the deployment's: what may be put there, who may, and that it takes effect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import AuditEvent, Plan, SiteSettings, User, UserSettings
from accounts.tasks import forget_old_events
from chat import transcript
from chat.models import Citation, Conversation, Message
from chat.tasks import forget_old_conversations
from llm_settings.models import EmbeddingModel
from llm_settings.providers import chat_config
from tests.cast import PASSWORD, client_of

USER = "/api/v1/settings/user"
ADMIN = "/api/v1/settings/admin"

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db) -> User:
    return User.objects.create_user("stan@example.com", PASSWORD, is_staff=True)


@pytest.fixture
def as_staff(staff):
    return client_of(staff)


def refused(response, field: str) -> None:
    body = response.json()
    assert response.status_code == 400, body
    assert body["error"]["code"] == "invalid_request"
    assert field in body["error"]["details"]


def test_who_changed_nothing_has_the_defaults_and_no_row(as_alice):
    assert as_alice.get(USER).json() == {
        "theme": "system",
        "language": "en",
        "notifications_enabled": True,
        "updated_at": None,
    }
    assert not UserSettings.objects.exists()


def test_what_is_sent_is_kept_and_the_rest_stays(as_alice, as_charlie):
    sent = {"theme": "dark", "language": "en", "notifications_enabled": True}
    body = as_alice.put(USER, sent).json()
    assert body | sent == body
    assert body["updated_at"].endswith("Z")
    after = as_alice.put(USER + "/", {"language": "de-ch"}).json()
    assert (after["theme"], after["language"]) == ("dark", "de-CH")
    assert as_alice.get(USER).json() == after
    assert as_charlie.get(USER).json()["theme"] == "system"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("PT-br", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("sr-latn", "sr-Latn"),
        ("de-CH-1996", "de-CH-1996"),
        ("tlh",) * 2,
    ],
)
def test_language_tags_get_their_usual_case(as_alice, sent, kept):
    assert as_alice.put(USER, {"language": sent}).json()["language"] == kept


WRONG: dict[str, tuple[Any, ...]] = {
    "theme": ("blue", "", "DARK", None, 1, ["dark"], {}),
    "language": ("klingon", "xx-YY", "en_US", "", "e", "en-", None, 7, "a-" * 30),
    "notifications_enabled": ("yes", 1, "true", None, []),
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_what_makes_no_sense_is_refused_and_changes_nothing(as_alice, field, value):
    refused(as_alice.put(USER, {field: value}), field)
    assert not UserSettings.objects.exists()


def test_neither_who_nor_when_can_be_sent(as_alice, charlie):
    as_alice.put(USER, {"user": charlie.pk, "user_id": charlie.pk, "updated_at": "2001-01-01T00:00:00Z"})
    row = UserSettings.objects.get()
    assert row.user.email == "alice@example.com"
    assert row.updated_at.year > 2001


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null", b"{", b'{"theme": "\\u0000"}'])
def test_a_body_that_is_no_object_is_refused(as_alice, body):
    response = as_alice.put(USER, body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_request"


def test_the_site_is_for_staff(as_alice, as_staff, anonymous):
    for method in ("get", "put"):
        assert getattr(as_alice, method)(ADMIN).status_code == 403
        assert getattr(anonymous, method)(ADMIN).status_code == 401
        assert getattr(as_staff, method)(ADMIN).status_code == 200
    assert not AuditEvent.objects.filter(action="settings_changed").exists()


def test_the_site_keeps_what_is_not_sent_and_audits_what_is(as_staff, staff):
    before = as_staff.get(ADMIN).json()
    assert set(before) == {
        "registration",
        "terms_required",
        "terms_url",
        "email_confirmation_required",
        "default_plan",
        "default_models",
        "upload_max_bytes",
        "conversation_retention_days",
        "audit_retention_days",
        "updated_at",
    }
    sent = {"registration": "invite_only", "conversation_retention_days": 30, "default_plan": "pro"}
    after = as_staff.put(ADMIN, sent).json()
    assert after == before | sent | {"updated_at": after["updated_at"]}
    event = AuditEvent.objects.get(action="settings_changed")
    assert event.actor_id == staff.pk
    assert event.details["changes"] == {
        "registration": ["open", "invite_only"],
        "conversation_retention_days": [None, 30],
        "default_plan_id": ["free", "pro"],
    }
    # What is put back as it was got changes nothing, and says so nowhere.
    assert as_staff.put(ADMIN, after).json() == after
    assert AuditEvent.objects.filter(action="settings_changed").count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("registration", "sometimes"),
        ("terms_required", "yes"),
        ("terms_url", "javascript:alert(1)"),
        ("email_confirmation_required", None),
        ("default_plan", "gold"),
        ("default_plan", None),
        ("default_models.embedding", "nobody-knows-it"),
        ("default_models.chat", 7),
        ("default_models", "x"),
        ("upload_max_bytes", 0),
        ("upload_max_bytes", 10**15),
        ("upload_max_bytes", "10"),
        ("upload_max_bytes", True),
        ("upload_max_bytes", 1.5),
        ("conversation_retention_days", 0),
        ("conversation_retention_days", 10**9),
        ("audit_retention_days", None),
        ("audit_retention_days", 0),
    ],
)
def test_the_site_refuses_what_makes_no_sense(as_staff, field, value):
    name, _, inner = field.partition(".")
    sent = {name: {inner: value} if inner else value}
    response = as_staff.put(ADMIN, sent | {"audit_retention_days": 9} if name != "audit_retention_days" else sent)
    body = response.json()
    assert response.status_code == 400, body
    assert any(key.startswith(name) for key in body["error"]["details"]), body
    assert SiteSettings.objects.current().audit_retention_days == 400


def test_terms_are_required_only_where_they_are(as_staff):
    refused(as_staff.put(ADMIN, {"terms_required": True}), "terms_url")
    sent = {"terms_required": True, "terms_url": "https://example.com/terms"}
    assert as_staff.put(ADMIN, sent).status_code == 200
    assert as_staff.put(ADMIN, {"registration": "closed"}).status_code == 200


def test_the_default_plan_is_that_of_new_accounts(as_staff):
    as_staff.put(ADMIN, {"default_plan": "business"})
    user = User.objects.create_user("new@example.com", PASSWORD)
    assert user.personal_account.plan == Plan.objects.get(name="business")


def test_closed_registration_is_closed(as_staff, anonymous):
    as_staff.put(ADMIN, {"registration": "closed"})
    sent = {"email": "new@example.com", "password": PASSWORD, "full_name": "New"}
    assert anonymous.post("/api/v1/auth/register", sent).status_code == 403


def test_a_smaller_upload_limit_holds_at_once(as_staff, as_alice, client, alice):
    as_staff.put(ADMIN, {"upload_max_bytes": 100})
    file = SimpleUploadedFile("a.txt", b"Open at nine. " * 20)
    response = as_alice.post("/api/v1/documents/upload", {"file": file}, format="multipart")
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "payload_too_large"
    client.force_login(alice)
    assert b'"100"' in client.get("/").content
    as_staff.put(ADMIN, {"upload_max_bytes": None})
    file.seek(0)
    assert as_alice.post("/api/v1/documents/upload", {"file": file}, format="multipart").status_code == 201


def test_the_default_models_are_used(as_staff, settings):
    older = EmbeddingModel.objects.active()
    newer = EmbeddingModel.objects.create(provider="local", name="newer", dimensions=3, status="active")
    assert EmbeddingModel.objects.active() == newer
    settings.CHAT = settings.CHAT | {"provider": "openai", "model": "of-the-environment"}
    assert chat_config()["model"] == "of-the-environment"
    answer = as_staff.put(ADMIN, {"default_models": {"chat": "better", "embedding": older.name}}).json()
    assert answer["default_models"] == {"chat": "better", "embedding": older.name}
    assert chat_config()["model"] == "better"
    assert EmbeddingModel.objects.active() == older
    # One of the two alone, and back to none.
    assert as_staff.put(ADMIN, {"default_models": {"embedding": ""}}).json()["default_models"] == {
        "chat": "better",
        "embedding": "",
    }
    assert EmbeddingModel.objects.active() == newer
    older.status = "retired"
    older.save()
    refused(as_staff.put(ADMIN, {"default_models": {"embedding": older.name}}), "default_models.embedding")


def ask(account, user, days_ago):
    turn = transcript.begin(account, user, "When?", None, "extractive")
    citation = {"index": 1, "fileName": "a", "pageNumber": None, "title": "", "source": "", "url": "", "snippet": "s"}
    place = {"entry_id": turn.message_id, "document_id": None, "chunk_id": turn.message_id, "start": 0, "end": 1}
    transcript.end(turn, "Then.", status="complete", reason="", citations=[citation | place], sources=[])
    moment = timezone.now() - timedelta(days=days_ago)
    Conversation.objects.filter(id=turn.conversation.id).update(updated_at=moment)
    return turn.conversation


def test_conversations_are_kept_as_long_as_the_site_says(as_staff, alice, charlie):
    old = [ask(alice.personal_account, alice, 31) for _ in range(60)] + [ask(charlie.personal_account, charlie, 40)]
    new = ask(alice.personal_account, alice, 29)
    forget_old_conversations()
    assert Conversation.objects.count() == len(old) + 1
    as_staff.put(ADMIN, {"conversation_retention_days": 30})
    forget_old_conversations()
    assert list(Conversation.objects.all()) == [new]
    assert set(Message.objects.values_list("conversation_id", flat=True)) == {new.id}
    assert Citation.objects.count() == 1


def test_the_audit_is_kept_as_long_as_the_site_says(as_staff):
    AuditEvent.objects.create(action="signed_in", created_at=timezone.now() - timedelta(days=50), actor="old")
    forget_old_events()
    assert AuditEvent.objects.filter(actor="old").exists()
    as_staff.put(ADMIN, {"audit_retention_days": 49})
    forget_old_events()
    assert not AuditEvent.objects.filter(actor="old").exists()
    assert AuditEvent.objects.filter(action="settings_changed").exists()
