"""Examples for the schema, the references' own where they have one."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."  # noqa: S105

REGISTER = OpenApiExample(
    "Register",
    {"email": "user@example.com", "password": "secure_password", "full_name": "John Doe"},
    request_only=True,
)
LOGIN = OpenApiExample("Sign in", {"email": "user@example.com", "password": "secure_password"}, request_only=True)
REFRESH = OpenApiExample("By token", {"refresh_token": _TOKEN}, request_only=True)
TOKENS = OpenApiExample(
    "Tokens in the body",
    {"access_token": _TOKEN, "refresh_token": _TOKEN, "expires_in": 900, "token_type": "Bearer"},
    response_only=True,
)
NEW_COOKIES = OpenApiExample("By cookie", {"expires_in": 900, "token_type": "Bearer"}, response_only=True)
NOTHING = OpenApiExample("Signed out", {}, response_only=True)
PROFILE = OpenApiExample("Profile", {"full_name": "New Name", "email": "newemail@example.com"}, request_only=True)
USER = OpenApiExample(
    "User",
    {
        "id": 1,
        "uuid": "7f1c8d2e-6f0b-4c51-9a57-0c6e1c6c2f10",
        "email": "user@example.com",
        "full_name": "John Doe",
        "avatar_url": None,
        "plan": "free",
        "account_id": 1,
        "is_staff": False,
        "created_at": "2026-04-01T12:00:00.000000Z",
    },
    response_only=True,
)
