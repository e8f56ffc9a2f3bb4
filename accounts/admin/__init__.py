"""The admin's side of accounts."""

from __future__ import annotations

from accounts.admin import accounts, credentials, members, people

__all__ = ["accounts", "credentials", "members", "people"]
