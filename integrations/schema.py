"""How the OpenAPI schema names the credentials of other people's pages."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class ChatbotKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "integrations.authentication.ChatbotKeyAuthentication"
    name = "chatbot_key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "cb_…",
            "description": "A chatbot key, which may stand in any page: it asks, and does nothing else. Made on the "
            "page of an account's integrations, or by `manage.py create_chatbot_key`. Where it has allowed origins, "
            "the page's `Origin` (else that of its `Referer`) must be among them.",
        }


class DoorScheme(ChatbotKeyScheme):  # type: ignore[no-untyped-call]
    """The same, or a visitor's session that was begun with one."""

    target_class = "integrations.authentication.DoorAuthentication"
    name = "chatbot_key_or_session"
