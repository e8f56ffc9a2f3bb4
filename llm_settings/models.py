"""Which models embed and answer, and the keys to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from django.conf import settings
from django.db import models, transaction

from accounts.models import Account, SiteSettings, User
from doculume.crypto import encrypt
from doculume.ids import new_id

# pgvector indexes halfvec up to this many dimensions.
MOST_DIMENSIONS = 4000
SHORTEST_SHOWN = 16  # characters of a key, from which on its last four may be seen


class EmbeddingModelQuerySet(models.QuerySet["EmbeddingModel"]):
    def active(self) -> EmbeddingModel:
        """The model whose vectors answer queries: the active row that staff chose or else the newest, made
        from settings at first need."""
        chosen = SiteSettings.objects.filter(pk=1, default_embedding_model=models.OuterRef("name"))
        active = self.filter(status=EmbeddingModel.Status.ACTIVE)
        return active.order_by(models.Exists(chosen).desc(), "-created_at").first() or self._from_settings()

    def _from_settings(self) -> EmbeddingModel:
        wanted = settings.EMBEDDING
        with transaction.atomic():
            row, _ = self.get_or_create(
                provider=wanted["provider"],
                name=wanted["model"],
                dimensions=wanted["dimensions"],
                defaults={"status": EmbeddingModel.Status.ACTIVE},
            )
        return row


class EmbeddingModel(models.Model):
    """A model that turns text into vectors. Vectors of different models never meet in one comparison."""

    class Status(models.TextChoices):
        BUILDING = "building"
        ACTIVE = "active"
        STANDBY = "standby", "kept up to date, to go back to"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    provider = models.CharField(max_length=40, help_text="local, or openai for any compatible endpoint")
    name = models.CharField(max_length=300)
    dimensions = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BUILDING)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[EmbeddingModel]] = EmbeddingModelQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(fields=["provider", "name", "dimensions"], name="embedding_model_once"),
            models.CheckConstraint(
                condition=models.Q(dimensions__gte=1, dimensions__lte=MOST_DIMENSIONS),
                name="embedding_model_dimensions",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.dimensions})"


class LLMProviderQuerySet(models.QuerySet["LLMProvider"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def in_order(self) -> Self:
        """As they are tried: the active one, then by position."""
        return self.order_by("-is_active", "position", "id")


class LLMProvider(models.Model):
    """An endpoint that answers for an account. Its address was named by a user: only `egress` may call it."""

    class Type(models.TextChoices):
        OPENAI = "openai", "OpenAI"
        OLLAMA = "ollama", "Ollama"
        OPENAI_COMPATIBLE = "openai_compatible", "OpenAI-compatible"

    DEFAULT_URLS: ClassVar[dict[str, str]] = {
        Type.OPENAI: "https://api.openai.com/v1",
        Type.OLLAMA: "http://localhost:11434/v1",
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="llm_providers")
    name = models.CharField(max_length=100)
    type = models.CharField(max_length=20, choices=Type.choices, default=Type.OPENAI_COMPATIBLE)
    base_url = models.CharField(max_length=500)
    model = models.CharField(max_length=300, blank=True, help_text="Empty: the first that the endpoint offers.")
    context_tokens = models.PositiveIntegerField(
        null=True, blank=True, help_text="How much the model reads at once. Empty: what the endpoint says of it."
    )
    offered_tokens = models.PositiveIntegerField(null=True, blank=True, editable=False)
    encrypted_key = models.TextField(blank=True, editable=False)
    shown_key = models.CharField(max_length=20, blank=True, editable=False)
    is_active = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=0, help_text="Of those that stand in for the active one.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[LLMProviderQuerySet] = LLMProviderQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = "LLM provider"
        ordering = ("position", "id")
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="llm_provider_once"),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(is_active=True), name="llm_provider_one_active"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_api_key(self) -> bool:
        return bool(self.encrypted_key)

    @property
    def window(self) -> int | None:
        """In tokens: as somebody set it, or as the endpoint told when it was asked; None where neither is known."""
        return self.context_tokens or self.offered_tokens

    def note_window(self, offered: Mapping[str, int]) -> None:
        """`offered`: the endpoint's models with their windows in tokens, 0 where it does not say. Saved, unless the
        provider is another by now."""
        first = next(iter(offered.values()), 0)
        if tokens := offered.get(self.model, 0) if self.model else first:
            same = LLMProvider.objects.filter(account_id=self.account_id, pk=self.pk)
            same.filter(base_url=self.base_url, model=self.model).update(offered_tokens=tokens)

    def set_key(self, key: str) -> None:
        """Not saved yet. An empty one takes away what there was."""
        self.encrypted_key, self.shown_key = sealed(key)


class UserLLMConfigQuerySet(models.QuerySet["UserLLMConfig"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)


class UserLLMConfig(models.Model):
    """A user's own key at a provider of the account."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="llm_configs")
    user = models.ForeignKey(User, models.CASCADE, related_name="llm_configs")
    provider = models.ForeignKey(LLMProvider, models.CASCADE, related_name="user_configs")
    encrypted_key = models.TextField(editable=False)
    shown_key = models.CharField(max_length=20, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserLLMConfigQuerySet] = UserLLMConfigQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = "own key of a user"
        verbose_name_plural = "own keys of users"
        ordering = ("-created_at",)
        constraints = [models.UniqueConstraint(fields=["account", "user", "provider"], name="user_llm_config_once")]

    def __str__(self) -> str:
        return f"{self.user} at {self.provider}"


def sealed(key: str) -> tuple[str, str]:
    """A key as it is stored, and as it is shown; both empty for an empty one."""
    return (encrypt(key), masked(key)) if key else ("", "")


def masked(key: str) -> str:
    """`sk-…abcd`; of a short key nothing that helps to guess it."""
    if len(key) < SHORTEST_SHOWN:
        return "…"
    return f"{'sk-' if key.startswith('sk-') else ''}…{key[-4:]}"
