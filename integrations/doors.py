"""What a page of somebody else's shows when it asks: a chatbot key, and where the page is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts.liveness import Lasting
from accounts.models import Account
from doculume.threads import in_database
from integrations.models import ChatbotKey
from integrations.origins import allows


@dataclass(frozen=True, slots=True)
class Door:
    """`request.auth` where a chatbot key was shown. It speaks for no user.

    `key` comes with its account, plan and bindings. `origin` is as `integrations.origins.origin_of` gives it. The rest
    is of a visitor's session: for which integration, and, where the site said who that is, what binds their searches
    (`filters`, as those of a search) and what is told the model of them.
    """

    key: ChatbotKey
    origin: str | None = None
    visitor: str = ""
    integration_id: UUID | None = None
    is_identified: bool = False
    filters: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def whose(self) -> str:
        """Whose conversations it goes on with. Who shows the bare key is told apart by a conversation's id alone."""
        return self.visitor or f"key:{self.key.pk.hex}"

    def opens(self, integration_id: UUID) -> bool:
        return self.integration_id in (None, integration_id) and integration_id in self.key.integration_ids

    @property
    def account(self) -> Account:
        account: Account = self.key.account
        return account

    @property
    def is_of_plan(self) -> bool:
        """Whether the account's plan has chatbots at all."""
        return self.account.allowance.chatbot_questions_per_hour != 0

    @property
    def lets_page_in(self) -> bool:
        """Whether the key may be used from where the page is."""
        return allows(self.key.allowed_origins, self.origin)


@dataclass(frozen=True, slots=True)
class DoorCredential(Lasting):
    """A chatbot key as it was shown, for streams: not after it was revoked or rotated, or its account deleted."""

    account_id: int
    key_id: UUID
    digest: str

    @classmethod
    def of(cls, door: Door) -> DoorCredential:
        return cls(door.key.account_id, door.key.pk, door.key.digest)

    async def still_holds(self) -> bool:
        return await in_database(self._holds, apart=True)()

    def _holds(self) -> bool:
        same = ChatbotKey.objects.live().filter(account_id=self.account_id, pk=self.key_id, digest=self.digest)
        return bool(same.filter(account__deleted_at=None).exists())
