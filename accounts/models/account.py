"""Accounts, who is in them, and who has been asked to join."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Self

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from accounts.models.plan import FREE, Allowance, Limits, Plan
from doculume.ids import new_id

INVITATION_LIFETIME = timedelta(days=7)


class AccountManager(models.Manager["Account"]):
    def create_personal(self, user: User) -> Account:
        account = self._create(name=user.full_name or user.email.partition("@")[0], personal_of=user)
        Membership.objects.create(account=account, user=user, role=Membership.Role.OWNER)
        return account

    def create_shared(self, name: str, owner: User) -> Account:
        """A new account that is nobody's own, with `owner` as its first."""
        account = self._create(name=name)
        Membership.objects.create(account=account, user=owner, role=Membership.Role.OWNER)
        return account

    def _create(self, name: str, personal_of: User | None = None) -> Account:
        from accounts.models.site import SiteSettings

        plan_id = SiteSettings.objects.current().default_plan_id
        return self.create(name=name[:200], personal_of=personal_of, plan_id=plan_id)


class Account(models.Model):
    """The tenant. Everything that is stored belongs to exactly one.

    `deleted_at` ends it: nobody acts in it from then on, and a worker removes what it holds; see `accounts.deletion`.
    """

    name = models.CharField(max_length=200)
    personal_of = models.OneToOneField(User, models.CASCADE, null=True, blank=True, related_name="own_account")
    plan = models.ForeignKey(Plan, models.PROTECT, default=FREE, db_column="plan", related_name="accounts")
    members: models.ManyToManyField[User, Membership] = models.ManyToManyField(
        User, through="Membership", related_name="accounts"
    )
    own_models_only = models.BooleanField(
        default=False, help_text="Questions go to the account's own model providers, never to the deployment's model."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="account_deleted"),
            models.Index(OpClass(Upper("name"), "text_pattern_ops"), name="account_by_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_personal(self) -> bool:
        return self.personal_of_id is not None

    @property
    def allowance(self) -> Allowance:
        """The plan's limits, each replaced by the account's own where it has one.

        Costs no query where `plan` and `own_limits` were selected along; see `AccountScoped`.
        """
        own = getattr(self, "own_limits", None)
        values = {name: getattr(own, name, None) for name in Limits.NAMES}
        return Allowance(
            **{name: getattr(self.plan, name) if value is None else value for name, value in values.items()}
        )


class AccountLimits(Limits):
    """Limits agreed with one account. An empty one is as its plan says."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="own_limits")

    class Meta:
        verbose_name_plural = "account limits"

    def __str__(self) -> str:
        return f"limits of {self.account}"


class Membership(models.Model):
    """A user in an account, in a role. An account is never left without an owner; see `accounts.members`."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        ADMIN = "admin", _("Admin")
        MEMBER = "member", _("Member")
        VIEWER = "viewer", _("Viewer")

    account = models.ForeignKey(Account, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["account", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.account} as {self.role}"

    @property
    def may_write(self) -> bool:
        return self.role != self.Role.VIEWER

    @property
    def may_manage(self) -> bool:
        """Whether they decide who else is in the account, up to their own role."""
        return self.role in {self.Role.OWNER, self.Role.ADMIN}

    @property
    def is_owner(self) -> bool:
        return self.role == self.Role.OWNER


class InvitationSet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())


def _invitation_expiry() -> object:
    return timezone.now() + INVITATION_LIFETIME


class Invitation(models.Model):
    """An offer to join an account, sent to an e-mail address. Of its link only a digest is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=Membership.Role.choices, default=Membership.Role.MEMBER)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(default=_invitation_expiry)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[InvitationSet] = InvitationSet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.account} as {self.role}"

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > timezone.now()
