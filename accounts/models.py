"""Who is asking, and for which account."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from doculume.ids import new_id

PLANS = ("free", "pro", "business", "enterprise")


class UserManager(BaseUserManager["User"]):
    """Makes users, each with a personal account."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normalize_email(username or ""))

    @transaction.atomic
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        Account.objects.create_personal(user)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


def normalize_email(email: str) -> str:
    """E-mail addresses are compared without regard to case, so they are kept in lower case."""
    return email.strip().lower()


class User(AbstractBaseUser, PermissionsMixin):
    """A person, signed in by e-mail. `uuid` is what other services call `user_id`."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    full_name = models.CharField(max_length=200, blank=True)
    avatar_url = models.URLField(max_length=500, blank=True)
    is_staff = models.BooleanField(default=False, help_text="May use the admin.")
    is_active = models.BooleanField(
        default=True, help_text="Switch off to suspend: every credential stops working at once."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.email

    @property
    def personal_account(self) -> Account:
        return self.own_account

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """As usual; and a new password ends every sign-in by token (sessions end by Django's own hash)."""
        has_new_password = getattr(self, "_password", None) is not None and not self._state.adding
        super().save(*args, **kwargs)
        if has_new_password:
            self.token_families.live().revoke("password changed")


class AccountManager(models.Manager["Account"]):
    def create_personal(self, user: User) -> Account:
        account = self.create(name=user.full_name or user.email.partition("@")[0], personal_of=user)
        Membership.objects.create(account=account, user=user, role=Membership.Role.OWNER)
        return account


class Account(models.Model):
    """The tenant. Everything that is stored belongs to exactly one."""

    name = models.CharField(max_length=200)
    personal_of = models.OneToOneField(User, models.CASCADE, null=True, blank=True, related_name="own_account")
    plan = models.CharField(max_length=40, default=PLANS[0])
    members: models.ManyToManyField[User, Membership] = models.ManyToManyField(
        User, through="Membership", related_name="accounts"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user in an account, in a role."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        MEMBER = "member"
        VIEWER = "viewer"

    account = models.ForeignKey(Account, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.account} as {self.role}"

    @property
    def may_write(self) -> bool:
        return self.role != self.Role.VIEWER


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
