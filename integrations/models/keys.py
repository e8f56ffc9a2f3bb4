"""The keys that stand in other people's pages, and what an account's chatbot does beside answering."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models import Account
from doculume.ids import new_id
from integrations.models.integration import AccountQuerySet, Integration


class ChatbotKeyQuerySet(AccountQuerySet):
    def live(self) -> Self:
        return self.filter(revoked_at=None)


class ChatbotKey(models.Model):
    """A key that visitors' browsers show: it asks, and does nothing else.

    Bound to integrations it is good for those and for questions to what they open; else, for questions to all that
    its account knows. It is found by its digest, and kept encrypted so that the snippet to paste can be shown again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="chatbot_keys")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    encrypted = models.TextField(editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    allowed_origins = ArrayField(
        models.CharField(max_length=300),
        default=list,
        blank=True,
        help_text="Such as https://example.com; empty: from anywhere, for what is not an integration's.",
    )
    identity_secret = models.TextField(
        blank=True, editable=False, help_text="Encrypted. What the site signs its signed-in visitors with."
    )
    requires_identity = models.BooleanField(
        default=False, help_text="Only visitors whom the site has introduced may have a session."
    )
    # Of its own, and not seen by there being no bindings: they go with their integrations.
    is_bound = models.BooleanField(default=False, editable=False, help_text="It only opens what its integrations do.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_because = models.CharField(max_length=40, blank=True, editable=False)

    objects: ClassVar[Any] = ChatbotKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="chatbot_key_of_account"),
            models.Index(fields=["last_four"], name="chatbot_key_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.name} (…{self.last_four})"

    @property
    def integration_ids(self) -> list[UUID]:
        """Those it is bound to, of them that there still are."""
        return [binding.integration_id for binding in self.bindings.all()]


class ChatbotKeyIntegration(models.Model):
    """An integration that a key is bound to."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    # As with an integration's collections, the constraints are in the migration.
    key = models.ForeignKey(ChatbotKey, models.DO_NOTHING, related_name="bindings", db_constraint=False)
    integration = models.ForeignKey(Integration, models.DO_NOTHING, related_name="bindings", db_constraint=False)

    objects: ClassVar[Any] = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "key", "integration"], name="chatbot_key_integration_once")
        ]

    def __str__(self) -> str:
        return f"{self.key_id} opens {self.integration_id}"


class ChatbotSettings(models.Model):
    """What an account's chatbot tells visitors who want a person."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="chatbot_settings")
    support_email = models.EmailField(blank=True, help_text="Where support requests go; empty: they are refused.")
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = AccountQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "chatbot settings"

    def __str__(self) -> str:
        return f"chatbot of account {self.account_id}"
