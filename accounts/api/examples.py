"""Examples for the schema, the references' own where they have one."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."  # noqa: S105

REGISTER = OpenApiExample(
    "Register",
    {"email": "user@example.com", "password": "secure_password", "full_name": "John Doe"},
    request_only=True,
)
REGISTER_INVITED = OpenApiExample(
    "Register by invitation",
    {
        "email": "user@example.com",
        "password": "secure_password",
        "full_name": "John Doe",
        "terms_of_service": True,
        "invitation": "nT4v…",
    },
    request_only=True,
)
LOGIN_WITH_CODE = OpenApiExample(
    "Sign in with a second factor",
    {"email": "user@example.com", "password": "secure_password", "otp_attempt": "492039"},
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
UNCONFIRMED_USER = OpenApiExample(
    "Where addresses must be confirmed",
    {
        "id": None,
        "uuid": None,
        "email": "user@example.com",
        "full_name": "John Doe",
        "avatar_url": None,
        "plan": None,
        "account_id": None,
        "is_staff": False,
        "created_at": None,
    },
    response_only=True,
)
NEW_API_KEY = OpenApiExample("Name", {"name": "Backup script"}, request_only=True)
API_KEY = OpenApiExample(
    "API key",
    {"id": 7, "name": "Backup script", "api_key": "dl_kP3xQ9wA7sD2…", "created_at": "2026-04-01T12:00:00.000000Z"},
    response_only=True,
)

# The account API.
_ADA = {"name": "Ada Lovelace", "email": "ada@example.com"}
_NEW_ADA = _ADA | {
    "password": "a-strong-password",
    "password_confirmation": "a-strong-password",
    "terms_of_service": True,
}
CREATE_USER = OpenApiExample("Register", {"user": _NEW_ADA}, request_only=True)
CREATED_USER = OpenApiExample(
    "Registered",
    {"user": {"id": 42, **_ADA, "api_tokens": [{"id": 7, "name": "Default", "token": "dl_kP3xQ9wA7sD2…"}]}},
    response_only=True,
)
UNCONFIRMED_CREATED_USER = OpenApiExample(
    "Where addresses must be confirmed", {"user": {"id": None, **_ADA, "api_tokens": []}}, response_only=True
)
AUTH = OpenApiExample("Log in", {"email": "ada@example.com", "password": "a-strong-password"}, request_only=True)
AUTH_TOKEN = OpenApiExample("Token", {"token": "dl_kP3xQ9wA7sD2…"}, response_only=True)
CURRENT_USER = OpenApiExample(
    "Current user",
    {
        "id": 42,
        "name": "Ada Lovelace",
        "avatar_url": "https://docs.example.com/static/accounts/avatar.svg",
        "sgid": "eyJnaWQiOiJnaWQ6Ly9…",
        "content": '<div class="flex items-center">…</div>',
    },
    response_only=True,
)
CHANGE_PASSWORD = OpenApiExample(
    "Change the password",
    {
        "user": {
            "current_password": "old-password",
            "password": "new-password",
            "password_confirmation": "new-password",
        }
    },
    request_only=True,
)
SUCCESS = OpenApiExample("Changed", {"success": True}, response_only=True)
ACCOUNTS = OpenApiExample(
    "Accounts",
    [
        {
            "id": 1,
            "name": "Ada Lovelace",
            "personal": True,
            "owner_id": 42,
            "created_at": "2026-01-15T09:30:00.000000Z",
            "updated_at": "2026-01-15T09:30:00.000000Z",
            "account_users": [{"id": 1, "user_id": 42}],
        }
    ],
    response_only=True,
)
