from django.apps import AppConfig


class LlmSettingsConfig(AppConfig):
    name = "llm_settings"
    verbose_name = "Models and providers"
