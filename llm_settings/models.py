"""Which models embed and answer."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models, transaction

from accounts.models import SiteSettings
from doculume.ids import new_id

# pgvector indexes halfvec up to this many dimensions.
MOST_DIMENSIONS = 4000


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
