"""Mail that is on its way. The row is the queue."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from doculume.ids import new_id


class OutgoingMail(models.Model):
    """A mail that was accepted and not yet delivered; a row is deleted when its mail is. See `accounts.mail`.

    The content is encrypted: it has links in it that let their reader in.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    to = models.CharField(max_length=254)
    subject = models.CharField(max_length=300)
    content = models.TextField(editable=False, help_text="Encrypted JSON: text, html, reply_to.")
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True, help_text="When it was given up.")
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "outgoing mail"
        ordering = ("-created_at",)
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=models.Q(failed_at=None), name="outgoing_mail_due")
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.to}"
