"""Plans, what they allow, and what an account has used of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.db import models
from django.utils import timezone

FREE = "free"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an account may do; None is no limit. Bytes and entries are held, the others flow."""

    requests_per_minute: int | None
    chatbot_questions_per_hour: int | None
    answers_per_month: int | None
    entries: int | None
    stored_bytes: int | None


class Limits(models.Model):
    """The five limits. What an empty one means is said by who has them."""

    requests_per_minute = models.PositiveIntegerField("API requests a minute, a user", null=True, blank=True)
    chatbot_questions_per_hour = models.PositiveIntegerField(
        "questions an hour, a chatbot key", null=True, blank=True, help_text="0: chatbot keys may not ask."
    )
    answers_per_month = models.PositiveIntegerField("AI answers a month", null=True, blank=True)
    entries = models.PositiveBigIntegerField(null=True, blank=True)
    stored_bytes = models.PositiveBigIntegerField(null=True, blank=True)

    NAMES: ClassVar[tuple[str, ...]] = tuple(Allowance.__dataclass_fields__)

    class Meta:
        abstract = True


class Plan(Limits):
    """What accounts on it may do. An empty limit is none."""

    name = models.SlugField(max_length=40, primary_key=True)
    title = models.CharField(max_length=80, blank=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="Plans are listed in this order.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("position", "name")

    def __str__(self) -> str:
        return self.title or self.name


class StoredUsage(models.Model):
    """What an account holds now. Counted in the transaction that adds or deletes; see `accounts.usage`."""

    account = models.OneToOneField("accounts.Account", models.CASCADE, primary_key=True, related_name="stored_usage")
    entries = models.PositiveBigIntegerField(default=0)
    stored_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "stored usage"

    def __str__(self) -> str:
        return f"{self.account_id}: {self.entries} entries, {self.stored_bytes} bytes"


class AnswerUsage(models.Model):
    """The AI answers of an account in a month (its first day, UTC): those that were given and those under way."""

    pk = models.CompositePrimaryKey("account_id", "month")
    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="answer_usage", db_index=False)
    month = models.DateField()
    answers = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "answer usage"

    def __str__(self) -> str:
        return f"{self.account_id}, {self.month:%Y-%m}: {self.answers}"
