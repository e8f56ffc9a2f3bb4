"""Users, their settings, and making them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.indexes import OpClass
from django.db import models, transaction
from django.db.models.functions import Lower, Upper
from django.utils import timezone

if TYPE_CHECKING:
    from accounts.models.account import Account


class UserManager(BaseUserManager["User"]):
    """Makes users, each with a personal account."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normalize_email(username or ""))

    @transaction.atomic
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        from accounts.models.account import Account

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
    terms_accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["deleted_at"], condition=models.Q(deleted_at__isnull=False), name="user_deleted"),
            models.Index(OpClass(Upper("full_name"), "text_pattern_ops"), name="user_by_name"),
        ]
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


class UserSettings(models.Model):
    """How a user likes the pages. A user without a row has the defaults."""

    class Theme(models.TextChoices):
        SYSTEM = "system"
        LIGHT = "light"
        DARK = "dark"

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="settings")
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM)
    language = models.CharField(max_length=35, default="en", help_text="A language tag (BCP 47).")
    notifications_enabled = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "user settings"

    def __str__(self) -> str:
        return f"settings of {self.user}"
