"""Conversations, what was said in them, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils import timezone

from accounts.models import Account, User
from doculume.ids import new_id


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who talks to an integration and is no user. `name` is unguessable or signed by the site they visit."""

    integration_id: UUID
    name: str


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def of(self, asker: User | Visitor) -> Self:
        if isinstance(asker, Visitor):
            return self.filter(user=None, integration_id=asker.integration_id, visitor=asker.name)
        return self.filter(user=asker)


class Conversation(models.Model):
    """A conversation of one user, or of one visitor of an integration, in one account.

    Shown as a UUID, `chat_<hex>` or `conv_<hex>`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="conversations")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="conversations")
    title = models.CharField(max_length=255, blank=True)
    model_name = models.CharField(max_length=200, blank=True, help_text="What answered last.")
    wanted_model = models.CharField(
        max_length=200, blank=True, help_text="What was asked for. It answers where the deployment has it."
    )
    # No foreign key: integrations are above this app, and a conversation outlives its integration.
    integration_id = models.UUIDField(null=True, blank=True, editable=False, help_text="Where it was begun.")
    visitor = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Whose it is, where that is no user; see Visitor."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[Any] = ConversationQuerySet.as_manager()

    class Meta:
        ordering = ("-updated_at", "-id")
        indexes = [
            models.Index(fields=["account", "user", "-updated_at", "-id"]),
            models.Index(fields=["updated_at"], name="conversation_age"),
            models.Index(
                fields=["account", "integration_id", "visitor", "-updated_at", "-id"],
                condition=models.Q(user=None),
                name="conversation_of_visitor",
            ),
            models.Index(
                fields=["account", "-updated_at", "-id"], condition=models.Q(user=None), name="conversation_of_visitors"
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)


WITHOUT_ANSWER = models.Q(reason="no_relevant_results") | models.Q(status="interrupted")
"""Messages that tell that nothing was found, or that the answer broke off."""


class Message(models.Model):
    """Something said. An assistant's message ends complete, stopped or interrupted; it is never lost silently."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"
        SYSTEM = "system"

    class Status(models.TextChoices):
        WRITING = "writing"
        COMPLETE = "complete"
        STOPPED = "stopped"
        INTERRUPTED = "interrupted"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    role = models.CharField(max_length=10, choices=Role.choices)
    content = models.TextField(blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.COMPLETE)
    reason = models.CharField(
        max_length=300, blank=True, help_text="Why it was stopped or interrupted, or how it ended."
    )
    model_name = models.CharField(max_length=200, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    timings = models.JSONField(default=dict, blank=True, help_text="Milliseconds a stage.")
    sources = models.JSONField(default=list, blank=True, help_text="What was retrieved, best first.")
    unsupported = models.JSONField(
        default=list, blank=True, help_text="Quotations and figures that stand in none of the sources."
    )
    charged_month = models.DateField(
        null=True, blank=True, editable=False, help_text="The month whose answers it counts among; empty: in none."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("created_at", "id")
        indexes = [
            models.Index(fields=["account", "conversation", "created_at", "id"]),
            models.Index(fields=["updated_at"], condition=models.Q(status="writing"), name="message_being_written"),
            models.Index(fields=["account", "conversation"], condition=WITHOUT_ANSWER, name="message_without_answer"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:60]}"


class Citation(models.Model):
    """What `[index]` in an assistant's message refers to.

    It keeps what it quotes, so that an answer can still be read when the document is gone. `start` and `end` are
    offsets into the entry's text of that time, in characters.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, models.CASCADE, related_name="citations")
    index = models.PositiveIntegerField()
    entry_id = models.UUIDField()
    document_id = models.UUIDField(null=True, blank=True)
    chunk_id = models.UUIDField()
    file_name = models.CharField(max_length=255, blank=True)
    page_number = models.PositiveIntegerField(null=True, blank=True)
    title = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=2000, blank=True)
    url = models.CharField(max_length=2000, blank=True)
    snippet = models.TextField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()

    class Meta:
        ordering = ("index",)
        constraints = [models.UniqueConstraint(fields=["account", "message", "index"], name="citation_once")]

    def __str__(self) -> str:
        return f"[{self.index}] {self.file_name or self.title}"


def attachment_key(attachment: Attachment, name: str) -> str:
    """Where an uploaded file lies. Names are data; the key is none of them."""
    return f"{attachment.folder}/{attachment.id}"


class Attachment(models.Model):
    """A file that belongs to a message: uploaded with it, or named by its key in the account's own storage.

    A key that was named (`file_path`) is kept as a name and never opened; of what was uploaded, it is the key.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    file_type = models.CharField(max_length=255, help_text="A MIME type, as the client said.")
    file_path = models.CharField(max_length=1024)
    file_name = models.CharField(max_length=255, blank=True)
    file = models.FileField(max_length=255, upload_to=attachment_key, blank=True)
    file_size = models.PositiveBigIntegerField(null=True, blank=True, help_text="Bytes; empty: it was only named.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("created_at", "id")
        indexes = [models.Index(fields=["account", "message", "created_at", "id"])]

    def __str__(self) -> str:
        return self.file_name or self.file_path

    @property
    def folder(self) -> str:
        return folder_of(self.account_id)


def folder_of(account_id: int) -> str:
    """Of what was attached in the account, in the default storage."""
    return f"attachments/{account_id}"


class AskedQuestionQuerySet(models.QuerySet["AskedQuestion"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def open(self) -> Self:
        """Those that nothing was found for, and that nobody has written an answer to since."""
        return self.filter(outcome=AskedQuestion.Outcome.UNANSWERED, entry_id=None, dismissed_at=None)


class AskedQuestion(models.Model):
    """A question to what an account knows, through whatever door, and what became of it: what insights count.

    Who asked is not kept here. Where it was asked in a conversation, it goes with that.
    """

    class Outcome(models.TextChoices):
        ANSWERED = "answered"
        UNANSWERED = "unanswered"
        FAILED = "failed"
        STOPPED = "stopped"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    # The constraint is in the migration: the database deletes along with the conversation.
    conversation = models.ForeignKey(Conversation, models.DO_NOTHING, null=True, related_name="+", db_constraint=False)
    integration_id = models.UUIDField(null=True, blank=True, editable=False, help_text="Where it was asked.")
    text = models.CharField(max_length=500)
    asked = models.CharField(max_length=200, editable=False, help_text="The text as it is counted.")
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    first_ms = models.PositiveIntegerField(null=True, help_text="Until the first word.")
    total_ms = models.PositiveIntegerField(null=True, help_text="Until the end.")
    # Not a foreign key: entries come and go by themselves.
    entry_id = models.UUIDField(null=True, blank=True, editable=False, help_text="What was written to answer it.")
    dismissed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Any] = AskedQuestionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["account", "-created_at"], name="asked_question_of_account"),
            # All that days are counted from, read without the rows.
            models.Index(
                fields=["account", "created_at"],
                include=["outcome", "total_ms", "integration_id"],
                name="asked_question_counted",
            ),
            models.Index(
                fields=["account", "-created_at"],
                condition=models.Q(outcome="unanswered", entry_id=None, dismissed_at=None),
                name="asked_question_open",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]
