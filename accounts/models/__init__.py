"""Who is asking, for which account, and what that account may do."""

from __future__ import annotations

from accounts.models.account import Account, AccountLimits, Invitation, Membership
from accounts.models.audit import AuditEvent
from accounts.models.credentials import ApiToken, TokenFamily
from accounts.models.mail import OutgoingMail
from accounts.models.people import User, UserSettings, normalize_email
from accounts.models.plan import FREE, Allowance, AnswerUsage, Limits, Plan, StoredUsage
from accounts.models.site import SiteSettings

__all__ = [
    "FREE",
    "Account",
    "AccountLimits",
    "Allowance",
    "AnswerUsage",
    "ApiToken",
    "AuditEvent",
    "Invitation",
    "Limits",
    "Membership",
    "OutgoingMail",
    "Plan",
    "SiteSettings",
    "StoredUsage",
    "TokenFamily",
    "User",
    "UserSettings",
    "normalize_email",
]
