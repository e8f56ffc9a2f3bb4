"""What an integration is, which collections it opens, and what happened at it.

Links and events go with their integration, and links with their collection, by the database's own cascade: one
statement that binds the account deletes an integration, and nobody below needs to know that this app exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import OuterRef, Prefetch
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from doculume.ids import new_id
from doculume.prepared import Prepared
from knowledge.models import Collection

LONGEST_NAME = 255
LONGEST_MESSAGE = 2_000
LONGEST_INSTRUCTIONS = 10_000


class AccountQuerySet(models.QuerySet[Any]):
    """Rows that belong to an account."""

    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)


class IntegrationQuerySet(AccountQuerySet):
    def active(self) -> Self:
        return self.filter(is_active=True)

    def with_collections(self, account: Account) -> Self:
        """Each with its links, read in one more statement."""
        return self.prefetch_related(Prefetch("links", IntegrationCollection.objects.for_account(account)))

    def reached(self, account: Account, ident: UUID) -> Integration | None:
        """The account's active integration of that id with its `collection_ids`: what each search begins with."""
        return _REACHED.first(account.pk, ident)


class Integration(models.Model):
    """A way for others to search and ask what is in some collections of an account.

    Each type has settings of its own (`SETTINGS`); the columns of the other types keep their defaults.
    """

    class Type(models.TextChoices):
        CHATBOT = "chatbot", _("Chatbot")
        SEARCH_BOX = "search_box", _("Search Box")
        CUSTOM = "custom", _("Custom")

    class Persona(models.TextChoices):
        CUSTOMER_SUPPORT = "customer-support", _("Customer Support")
        SALES_ASSISTANT = "sales-assistant", _("Sales Assistant")
        ONBOARDING_GUIDE = "onboarding-guide", _("Onboarding Guide")
        TECHNICAL_EXPERT = "technical-expert", _("Technical Expert")
        CUSTOM = "custom", _("Custom")

    class ResultsDisplay(models.TextChoices):
        RESULTS = "results", _("Results")
        SUMMARY = "summary", _("Summary")
        SUMMARY_RESULTS = "summary_results", _("Summary Results")

    SETTINGS: ClassVar[dict[str, tuple[str, ...]]] = {
        Type.CHATBOT: ("welcome_message", "instructions", "persona", "unknown_answer_message"),
        Type.SEARCH_BOX: ("placeholder", "results_display"),
        Type.CUSTOM: ("label",),
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="integrations")
    type = models.CharField(max_length=10, choices=Type.choices)
    name = models.CharField(max_length=LONGEST_NAME)
    project = models.CharField(max_length=LONGEST_NAME, null=True, blank=True)
    allowed_domains = ArrayField(
        models.CharField(max_length=260),
        null=True,
        blank=True,
        help_text="Hosts in lower case, such as example.com or *.example.com; empty or null: none is named.",
    )
    is_active = models.BooleanField(default=True, help_text="An inactive one is not found by search, chat and events.")
    welcome_message = models.TextField(max_length=LONGEST_MESSAGE, null=True, blank=True)
    instructions = models.TextField(max_length=LONGEST_INSTRUCTIONS, null=True, blank=True)
    persona = models.CharField(max_length=20, choices=Persona.choices, default=Persona.CUSTOMER_SUPPORT)
    unknown_answer_message = models.TextField(max_length=LONGEST_MESSAGE, null=True, blank=True)
    placeholder = models.CharField(max_length=LONGEST_NAME, default="Search...", blank=True)
    results_display = models.CharField(max_length=15, choices=ResultsDisplay.choices, default=ResultsDisplay.RESULTS)
    label = models.CharField(max_length=LONGEST_NAME, null=True, blank=True)
    appearance = models.JSONField(
        default=dict, blank=True, help_text="How its widgets look: theme, color, position, language, texts."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = IntegrationQuerySet.as_manager()
    opened: list[UUID] | None = None
    """The ids of its collections, where they were read along."""

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=["account", "-created_at", "-id"], name="integration_of_account")]

    def __str__(self) -> str:
        return self.name

    @property
    def settings(self) -> dict[str, Any]:
        """Those of its type."""
        return {name: getattr(self, name) for name in self.SETTINGS[self.type]}

    @property
    def collection_ids(self) -> list[UUID]:
        """Of the collections that there are, in the order they were given. Read `with_collections`, or `reached`."""
        return self.opened if self.opened is not None else [link.collection_id for link in self.links.all()]

    @transaction.atomic
    def connect(self, collection_ids: Sequence[UUID]) -> None:
        """From now on these collections of its account, and no others."""
        links = IntegrationCollection.objects.filter(account_id=self.account_id, integration=self)
        links.delete()
        links.bulk_create(
            IntegrationCollection(
                account_id=self.account_id, integration=self, collection_id=collection_id, position=position
            )
            for position, collection_id in enumerate(collection_ids)
        )
        getattr(self, "_prefetched_objects_cache", {}).pop("links", None)
        self.opened = None


class IntegrationCollection(models.Model):
    """A collection that an integration opens."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    # The constraints are in the migration: the database deletes along with either end.
    integration = models.ForeignKey(Integration, models.DO_NOTHING, related_name="links", db_constraint=False)
    collection = models.ForeignKey(Collection, models.DO_NOTHING, related_name="+", db_constraint=False)
    position = models.PositiveIntegerField(default=0)

    objects: ClassVar[Any] = AccountQuerySet.as_manager()

    class Meta:
        ordering = ("position", "id")
        constraints = [
            models.UniqueConstraint(fields=["account", "integration", "collection"], name="integration_collection_once")
        ]

    def __str__(self) -> str:
        return f"{self.integration_id} opens {self.collection_id}"


def _reached(account: int, ident: UUID) -> models.QuerySet[Integration]:
    links = IntegrationCollection.objects.filter(account=OuterRef("account"), integration=OuterRef("pk"))
    opened = ArraySubquery(links.order_by("position", "id").values("collection_id"))
    return Integration.objects.active().filter(account=account, id=ident).annotate(opened=opened)


_REACHED: Prepared[Integration] = Prepared(_reached, 2, UUID(int=2))


class IntegrationEvent(models.Model):
    """Something a visitor did. Neither who they are nor where they came from is kept: `meta` is what was sent."""

    class Type(models.TextChoices):
        CLICK = "click"
        THUMBS_UP = "thumbs_up"
        THUMBS_DOWN = "thumbs_down"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    integration = models.ForeignKey(
        Integration, models.DO_NOTHING, related_name="events", db_constraint=False, db_index=False
    )
    event_type = models.CharField(max_length=12, choices=Type.choices)
    meta = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Any] = AccountQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["integration", "event_type", "created_at"], name="integration_event_of"),
            models.Index(fields=["account", "event_type", "-created_at"], name="integration_event_of_account"),
            # A thumb at an answer, by the answer.
            models.Index(
                KeyTextTransform("message_id", "meta"),
                condition=models.Q(event_type__in=["thumbs_up", "thumbs_down"]),
                name="integration_event_thumb",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} at {self.created_at:%Y-%m-%d %H:%M}"
