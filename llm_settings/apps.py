from django.apps import AppConfig


class LlmSettingsConfig(AppConfig):
    name = "llm_settings"
    verbose_name = "Models and providers"

    def ready(self) -> None:
        from accounts.site import model_chosen
        from llm_settings.choosing import judge

        model_chosen.connect(judge, dispatch_uid="judge_chosen_model")
