"""Doors to other people's pages: what an integration is, which collections it opens, and the keys to it."""

from __future__ import annotations

from integrations.models.integration import (
    LONGEST_INSTRUCTIONS,
    LONGEST_MESSAGE,
    LONGEST_NAME,
    AccountQuerySet,
    Integration,
    IntegrationCollection,
    IntegrationEvent,
)
from integrations.models.keys import ChatbotKey, ChatbotKeyIntegration, ChatbotSettings

__all__ = [
    "LONGEST_INSTRUCTIONS",
    "LONGEST_MESSAGE",
    "LONGEST_NAME",
    "AccountQuerySet",
    "ChatbotKey",
    "ChatbotKeyIntegration",
    "ChatbotSettings",
    "Integration",
    "IntegrationCollection",
    "IntegrationEvent",
]
