"""An answer that is given and not kept, such as a summary: all that remains is that it counts as one of the plan's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from accounts.models import Account, User
from accounts.usage import give_back_answers, reserve_answer
from chat.choosing import models_for, name_of
from doculume.ids import new_id
from llm_settings.providers.base import ChatMessage, ChatModel


@dataclass
class Passing:
    """Stands where a `Turn` stands, without a conversation."""

    account: Account
    month: date
    models: Sequence[ChatModel]
    model_name: str
    message_id: UUID = field(default_factory=new_id)
    history: list[ChatMessage] = field(default_factory=list)
    integration_id: UUID | None = None
    stopped_because: str = ""

    def give_back(self) -> None:
        """It came to nothing. Once an answer."""
        give_back_answers(self.account.id, self.month)


def begin(account: Account, asker: User | None, wanted: str = "") -> Passing:
    """`wanted`: a model, see `chat.choosing`. Raises QuotaExceeded."""
    models = models_for(account, asker, wanted)
    return Passing(account, reserve_answer(account), models, name_of(models))
