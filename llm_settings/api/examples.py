"""Examples for the schema, the references' own where they have one."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

_TIMES = {"created_at": "2026-04-01T12:00:00.000000Z", "updated_at": "2026-04-01T12:00:00.000000Z"}
_ID = "01990b6e-4c1d-7a52-8f3e-2b7d9a1c5e60"
_USER_ID = "7f1c8d2e-6f0b-4c51-9a57-0c6e1c6c2f10"
_CONFIG = {"type": "ollama", "base_url": "http://localhost:11434/v1", "model": "llama2"}
_PROVIDER = {
    "id": _ID,
    "name": "ollama",
    **_CONFIG,
    "context_tokens": None,
    "offered_tokens": 8192,
    "is_active": True,
    "has_api_key": False,
    "api_key": None,
    "position": 0,
    **_TIMES,
}

CONFIGURE = OpenApiExample("Ollama", {"provider_name": "ollama", "config": _CONFIG}, request_only=True)
CONFIGURE_OPENAI = OpenApiExample(
    "OpenAI",
    {"provider_name": "openai", "config": {"type": "openai", "model": "gpt-4o-mini", "api_key": "sk-…"}},
    request_only=True,
)
PROVIDER = OpenApiExample("Provider", _PROVIDER, response_only=True)
SETTINGS = OpenApiExample(
    "Settings",
    {
        "active_provider": "ollama",
        "providers": [_PROVIDER],
        "default_model": "extractive",
        "own_providers_only": False,
        "embedding": {"provider": "local", "model": "multilingual-e5-small", "dimensions": 384},
    },
    response_only=True,
)
POLICY = OpenApiExample("Only our own", {"own_providers_only": True}, request_only=True)
TRY = OpenApiExample("Before it is kept", {"provider_name": "test", "config": _CONFIG}, request_only=True)
TRY_KEPT = OpenApiExample("As it is kept", {"provider_name": "ollama"}, request_only=True)
ANSWERED = OpenApiExample(
    "It answered",
    {"success": True, "message": "The model answered.", "latency_ms": 412, "models": ["llama2"]},
    response_only=True,
)
FAILED = OpenApiExample(
    "It did not",
    {
        "success": False,
        "message": "The connection to the model provider failed: Connection refused",
        "latency_ms": 3,
        "models": [],
    },
    response_only=True,
)
ADD = OpenApiExample("Provider", {"name": "openai", "api_endpoint": "https://api.openai.com/v1"}, request_only=True)
ADDED = OpenApiExample(
    "The provider",
    {
        "id": _ID,
        "name": "openai",
        "api_endpoint": "https://api.openai.com/v1",
        "type": "openai_compatible",
        "model": "",
        "is_active": True,
        "has_api_key": False,
        **_TIMES,
    },
    response_only=True,
)
OWN_KEY = OpenApiExample("Own key", {"user_id": _USER_ID, "provider_id": _ID, "api_key": "sk-…"}, request_only=True)
KEPT_KEY = OpenApiExample(
    "The key as it is shown",
    {"id": _ID, "user_id": _USER_ID, "provider_id": _ID, "api_key": "sk-…abcd", **_TIMES},
    response_only=True,
)
