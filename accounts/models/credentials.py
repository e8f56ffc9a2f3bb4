"""What a program shows to say who is asking: sign-ins by token, and personal API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models.account import Account, Membership
from accounts.models.people import User
from doculume.ids import new_id


class TokenFamilySet(models.QuerySet["TokenFamily"]):
    def live(self) -> TokenFamilySet:
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())

    def expired(self) -> TokenFamilySet:
        return self.filter(expires_at__lte=timezone.now())

    def revoke(self, because: str) -> int:
        """End those that live; how many."""
        return self.live().update(revoked_at=timezone.now(), revoked_because=because)


class TokenFamily(models.Model):
    """One sign-in by token: the chain of refresh tokens that came of it, and its access tokens.

    Only the digest of the newest refresh token is kept. A token that was rotated away and comes again ends the
    family, and with it every access token that bears its id.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="token_families")
    current_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_because = models.CharField(max_length=40, blank=True)

    objects = TokenFamilySet.as_manager()
    membership: Membership | None = None
    """Of the user, in the account that is acted in, where it was read along."""

    class Meta:
        verbose_name_plural = "token families"
        indexes = [models.Index(fields=["expires_at"])]

    def __str__(self) -> str:
        return f"sign-in of {self.user} at {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()

    def revoke(self, because: str) -> None:
        if self.revoked_at is None:
            self.revoked_at, self.revoked_because = timezone.now(), because
            self.save(update_fields=["revoked_at", "revoked_because"])


class ApiTokenSet(models.QuerySet["ApiToken"]):
    def live(self, now: datetime | None = None) -> ApiTokenSet:
        now = now or timezone.now()
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now), revoked_at=None)


class ApiToken(models.Model):
    """A token that a user gave to a program, good in one account.

    It is found by its digest. It is also kept encrypted, because the log-in of the account API returns the same
    token each time; nothing else ever shows it again.
    """

    DEFAULT = "Default"

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    account = models.ForeignKey(Account, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    encrypted = models.TextField(editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_because = models.CharField(max_length=40, blank=True, editable=False)

    objects: ClassVar[ApiTokenSet] = ApiTokenSet.as_manager()  # type: ignore[assignment]
    membership: Membership | None = None
    """Of the user, in the token's account, where it was read along."""

    class Meta:
        verbose_name = "API token"
        ordering = ("-id",)
        indexes = [models.Index(fields=["last_four"], name="api_token_ends")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "account"],
                condition=models.Q(name="Default", revoked_at=None),
                name="api_token_one_default",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} (…{self.last_four}) of {self.user}"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    def revoke(self, because: str) -> None:
        if self.revoked_at is None:
            self.revoked_at, self.revoked_because = timezone.now(), because
            self.save(update_fields=["revoked_at", "revoked_because"])
