from django.urls import URLPattern

from doculume.routing import both
from llm_settings.api.views import (
    LLMProvidersView,
    LLMProviderView,
    ModelSettingsView,
    NamedProviderView,
    OwnKeysView,
    OwnKeyView,
    ProviderView,
    TrialView,
)

urlpatterns: list[URLPattern] = [
    both("settings/llm", ModelSettingsView.as_view(), name="api-settings-llm"),
    both("settings/llm/provider", ProviderView.as_view(), name="api-settings-llm-provider"),
    both("settings/llm/provider/<str:name>", NamedProviderView.as_view(), name="api-settings-llm-named"),
    both("settings/llm/test", TrialView.as_view(), name="api-settings-llm-test"),
    both("chat/llm-providers", LLMProvidersView.as_view(), name="api-llm-providers"),
    both("chat/llm-providers/<uuid:pk>", LLMProviderView.as_view(), name="api-llm-provider"),
    both("chat/user-llm-configs", OwnKeysView.as_view(), name="api-user-llm-configs"),
    both("chat/user-llm-configs/<uuid:user_id>/<uuid:provider_id>", OwnKeyView.as_view(), name="api-user-llm-config"),
]
