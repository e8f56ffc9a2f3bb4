"""An answer that is given and not kept, such as a summary: all that remains is that it counts as one of the plan's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from accounts.models import Account, User
from accounts.usage import give_back_answers, reserve_answer
from doculume.ids import new_id
from llm_settings.providers.base import ChatMessage


@dataclass
class Passing:
    """Stands where a `Turn` stands, without a conversation."""

    account: Account
    asker: User | None
    month: date
    model_name: str
    message_id: UUID = field(default_factory=new_id)
    history: list[ChatMessage] = field(default_factory=list)
    integration_id: UUID | None = None
    stopped_because: str = ""

    def give_back(self) -> None:
        """It came to nothing. Once an answer."""
        give_back_answers(self.account.id, self.month)


def begin(account: Account, asker: User | None, model_name: str) -> Passing:
    """Raises QuotaExceeded."""
    return Passing(account, asker, reserve_answer(account), model_name)
