"""Security events: who did what, to what, from where."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from accounts.models.account import Account
from doculume.ids import new_id


class AuditEventSet(models.QuerySet["AuditEvent"]):
    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)


class AuditEvent(models.Model):
    """One event, written by `accounts.audit.record` and never changed. Holds no secret.

    Account and actor are kept as they were, also when they are gone: neither is a constraint.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(
        Account, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False, related_name="+"
    )
    action = models.CharField(max_length=60)
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor = models.CharField(max_length=254, blank=True, help_text="The e-mail, or the name of a program.")
    address = models.CharField(max_length=45, blank=True)
    target = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[AuditEventSet] = AuditEventSet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="audit_of_account"),
            models.Index(fields=["actor_id", "-created_at"], name="audit_of_actor"),
            models.Index(fields=["created_at"], name="audit_age"),
            # Who is deleted is found by their e-mail too.
            models.Index(fields=["actor"], name="audit_by_name"),
            models.Index(fields=["target"], name="audit_by_target"),
            models.Index(fields=["action", "-created_at"], name="audit_by_action"),
            models.Index(fields=["address"], condition=~models.Q(address=""), name="audit_by_address"),
            models.Index(fields=["request_id"], condition=~models.Q(request_id=""), name="audit_by_request"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.action}"
