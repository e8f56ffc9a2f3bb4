"""What staff decide for the whole deployment."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models.people import User
from accounts.models.plan import FREE, Plan
from doculume.prepared import Prepared


class SiteSettingsManager(models.Manager["SiteSettings"]):
    def current(self) -> SiteSettings:
        """The one row, made at first need with the defaults of the environment."""
        return _CURRENT.first(1) or self.get_or_create(pk=1)[0]


def _registration() -> str:
    return settings.REGISTRATION


class SiteSettings(models.Model):
    """One row. Limits here narrow those of the environment and never widen them."""

    class Registration(models.TextChoices):
        OPEN = "open", "Anybody may register"
        CLOSED = "closed", "Nobody may register"
        INVITE_ONLY = "invite_only", "Who was invited may register"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    registration = models.CharField(max_length=12, choices=Registration.choices, default=_registration)
    terms_required = models.BooleanField(default=False, help_text="Who registers must accept the terms of service.")
    terms_url = models.URLField(max_length=500, blank=True)
    email_confirmation_required = models.BooleanField(
        default=False, help_text="Nobody signs in before they followed the link that was sent to their address."
    )
    default_plan = models.ForeignKey(Plan, models.PROTECT, default=FREE, related_name="+", help_text="Of new accounts.")
    default_chat_model = models.CharField(max_length=200, blank=True, help_text="Empty: what the environment names.")
    default_embedding_model = models.CharField(max_length=200, blank=True, help_text="Empty: the active one.")
    upload_max_bytes = models.PositiveBigIntegerField(null=True, blank=True, help_text="Empty: UPLOAD_MAX_BYTES.")
    conversation_retention_days = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: kept for ever.")
    audit_retention_days = models.PositiveIntegerField(default=400)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, editable=False, related_name="+", db_index=False
    )

    objects: ClassVar[SiteSettingsManager] = SiteSettingsManager()

    class Meta:
        verbose_name_plural = "site settings"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="site_settings_one_row")]

    def __str__(self) -> str:
        return "Site settings"

    @property
    def upload_limit(self) -> int:
        """Bytes; never more than the environment allows."""
        return min(settings.UPLOAD_MAX_BYTES, self.upload_max_bytes or settings.UPLOAD_MAX_BYTES)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("The site's settings are changed, not deleted.")


# Read for every answer.
_CURRENT: Prepared[SiteSettings] = Prepared(lambda one: SiteSettings.objects.filter(pk=one), 2)
