"""How allauth, which knows second factors, page sessions and foreign sign-ins, fits into this house.

Its views and mails are not used: the pages are ours, in `accounts.views`, and drive its login stages. See
docs/decisions/0031-allauth.md.
"""

from __future__ import annotations

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import mail
from accounts.addresses import UNKNOWN, client_address
from accounts.models import User
from doculume.crypto import decrypt, encrypt

NO_ADDRESS = "0.0.0.0"  # noqa: S104 (a session must have an address, and a Unix socket has none)


class AccountAdapter(DefaultAccountAdapter):
    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Nothing of allauth's sends mail with our settings; if something ever does, it goes our way."""
        mail.write(email, template_prefix, context)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our pages say themselves what they did."""

    def get_client_ip(self, request: HttpRequest) -> str:
        address = client_address(request)
        return NO_ADDRESS if address == UNKNOWN else address

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Users are made by `accounts.registration`, never by a page of allauth's."""
        return False

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        return redirect(settings.LOGIN_URL)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whether the user showed who they are longer ago than `REAUTHENTICATE_AFTER`; a sign-in counts as well."""
        records = get_authentication_records(self.request, self.request.user)
        newest = max((record["at"] for record in records), default=0.0)
        return time.time() - newest > settings.REAUTHENTICATE_AFTER.total_seconds()


class MFAAdapter(DefaultMFAAdapter):
    """Keeps the secrets of authenticators encrypted."""

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text)
