"""Links that open the file an answer cites, for visitors who have no account here.

Whoever has one reads that file for an hour, and no other. It names its document, its account and the key that it was
made for, and opens nothing once any of them is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import Account
from chat.events import CitationPayload
from doculume.errors import DoculumeError, NotFound
from integrations.models import ChatbotKey
from knowledge.models import Document

SALT = "integrations.sources"


class LinkExpired(DoculumeError):
    code = "not_found"
    status_code = 410
    message = "This link has expired. Ask again to get a new one."


@dataclass(frozen=True, slots=True)
class Linking:
    """Makes links for one request: of an account, for a key if one was shown."""

    request: HttpRequest
    account_id: int
    key_id: UUID | None = None

    def source(self, citation: CitationPayload) -> str | None:
        """Where the cited file opens at its page; the address of what is no file, if it has one."""
        if citation["document_id"] is None:
            return citation["url"] or None
        return self.file(UUID(citation["document_id"]), citation["fileName"], citation["pageNumber"])

    def file(self, document_id: UUID, filename: str, page: int | None = None) -> str:
        signed = signing.dumps([document_id.hex, self.account_id, self.key_id and self.key_id.hex], salt=SALT)
        path = reverse("source-file", kwargs={"signed": signed, "filename": filename or "document"})
        at = f"#{urlencode({'page': page})}" if page else ""
        # The host is the one asked for: whoever names a false one is the only one to get it back.
        return (settings.SITE_URL + path if settings.SITE_URL else self.request.build_absolute_uri(path)) + at


def opened(signed: str) -> Document:
    """The document that a link was made for, with its account. Raises `LinkExpired` and `NotFound`."""
    try:
        document_id, account_id, key_id = signing.loads(signed, salt=SALT, max_age=settings.SOURCE_LINK_LIFETIME)
    except signing.SignatureExpired as error:
        raise LinkExpired from error
    except signing.BadSignature as error:
        raise NotFound from error
    account = Account.objects.filter(pk=account_id, deleted_at=None).first()
    if account is None or not (key_id is None or _is_live(account, key_id)):
        raise NotFound
    document: Document | None = Document.objects.for_account(account).filter(id=document_id).first()
    if document is None:
        raise NotFound
    return document


def _is_live(account: Account, key_id: str) -> bool:
    return bool(ChatbotKey.objects.for_account(account).live().filter(pk=key_id).exists())
