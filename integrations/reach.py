"""What questions with a chatbot key are answered from, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from chat.prompts import Manner
from integrations.gathering import NOWHERE
from integrations.models import ChatbotKey, Integration
from integrations.personas import manner_of
from knowledge.search import SearchFilters


@dataclass(frozen=True, slots=True)
class Reach:
    filters: SearchFilters = field(default_factory=SearchFilters)
    manner: Manner = field(default_factory=Manner)
    integration_id: UUID | None = None


def reach_of(key: ChatbotKey) -> Reach:
    """All that the account knows; with a key that is bound, what its active integrations open, which may be nothing.

    A key of one integration answers in its manner. With several there is no telling whose manner it would be.
    """
    if not key.is_bound:
        return Reach()
    own = Integration.objects.for_account(key.account).active().with_collections(key.account)
    integrations = list(own.filter(id__in=key.integration_ids))
    opened = dict.fromkeys(id for integration in integrations for id in integration.collection_ids)
    filters = SearchFilters(collection_ids=tuple(opened) or (NOWHERE,))
    if len(integrations) != 1:
        return Reach(filters)
    return Reach(filters, manner_of(integrations[0], ""), integrations[0].id)
