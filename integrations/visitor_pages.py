"""What visitors of an account's integrations said, for those who manage the account: who reads one is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.functional import cached_property

from accounts import audit
from accounts.models import Account
from chat.conversation_lists import Wanted, Whose
from chat.conversation_pages import (
    ConversationsArea,
    ConversationsPage,
    DeleteConversation,
    ExportConversation,
    ReadConversation,
    SeveralConversations,
)
from chat.models import Conversation
from integrations.models import Integration, IntegrationEvent

# In a list to choose from.
INTEGRATIONS = 200
THUMBS = (IntegrationEvent.Type.THUMBS_UP, IntegrationEvent.Type.THUMBS_DOWN)
# Programs keep in `meta` what they like: only what is the id of a message is looked up.
JUDGED = """
    SELECT said.conversation_id FROM integrations_integrationevent AS event JOIN chat_message AS said
      ON said.account_id = event.account_id AND said.id = CASE
        WHEN event.meta->>'message_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN event.meta->>'message_id'
      END::uuid
    WHERE event.account_id = %s AND event.event_type = %s
"""


@dataclass(frozen=True, slots=True)
class WantedOfVisitors(Wanted):
    """Of one integration, and with an answer that somebody said something of."""

    integration: UUID | None = None
    thumb: str = ""

    @classmethod
    def asked(cls, query: QueryDict) -> WantedOfVisitors:
        plain, thumb = Wanted.asked(query), query.get("thumb", "")
        return cls(
            plain.query,
            plain.days,
            plain.answered,
            _uuid(query.get("integration", "")),
            thumb if thumb in THUMBS else "",
        )

    @property
    def given(self) -> dict[str, Any]:
        # Not `super()`: a class with slots is made anew, and this would name the one before.
        return {**Wanted.given.fget(self), "integration": self.integration, "thumb": self.thumb}  # type: ignore[attr-defined]

    def among(self, account: Account, conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
        conversations = Wanted.among(self, account, conversations)
        if self.integration:
            conversations = conversations.filter(integration_id=self.integration)
        if self.thumb:
            judged = RawSQL(JUDGED, [account.pk, self.thumb])  # noqa: S611
            conversations = conversations.filter(id__in=judged)
        return conversations


class OfVisitors(ConversationsArea):
    """Mixin: those that are of no member, in the account that is managed."""

    prefix = "visitor-"

    def may_open(self) -> bool:
        return self.membership.may_manage

    @cached_property
    def whose(self) -> Whose:
        conversations = Conversation.objects.for_account(self.account).filter(user=None)
        return Whose(conversations, "own.user_id IS NULL", [])


class VisitorConversations(OfVisitors, ConversationsPage):
    template_name = "integrations/visitor_conversations.html"

    @cached_property
    def wanted(self) -> WantedOfVisitors:
        return WantedOfVisitors.asked(self.request.GET)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        integrations = list(Integration.objects.for_account(self.account).order_by("name", "id")[:INTEGRATIONS])
        shown = super().get_context_data(integrations=integrations, **kwargs)
        names = {integration.id: integration.name for integration in integrations}
        for row in shown["rows"]:
            row.conversation.where = names.get(row.conversation.integration_id, "")
        return shown


class SeveralVisitorConversations(OfVisitors, SeveralConversations):
    """As of one's own."""


class ReadVisitorConversation(OfVisitors, ReadConversation):
    template_name = "integrations/visitor_conversation.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().get(request, *args, **kwargs)
        audit.record(
            audit.Action.CONVERSATION_READ,
            request=request,
            account=self.account,
            actor=self.membership.user,
            target=f"conversation {self.conversation.id}",
        )
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asked_at = Integration.objects.for_account(self.account).filter(id=self.conversation.integration_id).first()
        return super().get_context_data(integration=asked_at, **kwargs)

    def thumbs(self, message_ids: list[str]) -> dict[str, str]:
        thumbs = IntegrationEvent.objects.for_account(self.account).filter(event_type__in=THUMBS)
        named = thumbs.annotate(judged=KT("meta__message_id")).filter(
            judged__in=message_ids, integration=self.conversation.integration_id
        )
        return dict(named.order_by("created_at").values_list("judged", "event_type"))


class DeleteVisitorConversation(OfVisitors, DeleteConversation):
    """For good, as when somebody asks to be forgotten."""


class ExportVisitorConversation(OfVisitors, ExportConversation):
    """As of one's own."""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
