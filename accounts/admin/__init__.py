"""The admin's side of accounts."""

from __future__ import annotations

from accounts.admin import accounts, audit, credentials, foreign, mail, members, people, plans, site, staff_groups

__all__ = ["accounts", "audit", "credentials", "foreign", "mail", "members", "people", "plans", "site", "staff_groups"]
