"""How the OpenAPI schema names the credentials."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from accounts.cookies import ACCESS_COOKIE


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.BearerAuthentication"
    name = ["bearer", "api_token"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """One of them, not both."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The `access_token` that `/auth/login` answers with. Good for 15 minutes, and only as "
                "long as nobody signs out or changes the password elsewhere. Acts in the account that "
                "`X-Account-Id` names, else in the personal one. A bearer that does not hold is 401, whatever else "
                "is sent.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "dl_…",
                "description": "A personal API token: from `/auth`, `/users`, `/users/api-key`, or the page of one's "
                "API tokens. Good until it is revoked, in the account that it was made for. (A chatbot key, `cb_…`, is "
                "no token of a user's: 401 here.)",
            },
        ]


class CookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.CookieAuthentication"
    name = "cookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": ACCESS_COOKIE,
            "description": "Set by `/auth/login`, httpOnly. Looked at where there is no bearer. An unsafe request that "
            "a browser sends for another site (`Origin`, `Sec-Fetch-Site`) is refused with 403.",
        }


class PageSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.PageSessionAuthentication"
    name = "page_session"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The dashboard's own session; unsafe methods need its CSRF token in `X-CSRFToken`.",
        }
