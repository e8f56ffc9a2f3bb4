from django.apps import AppConfig
from django.db.models.signals import post_delete


class LlmSettingsConfig(AppConfig):
    name = "llm_settings"
    verbose_name = "Models and providers"

    def ready(self) -> None:
        from accounts.erasure import erases
        from accounts.models import Membership
        from accounts.site import model_chosen
        from doculume.rotation import keeps_secrets
        from llm_settings import erasing
        from llm_settings.choosing import judge
        from llm_settings.configuring import forget_member
        from llm_settings.models import LLMProvider, UserLLMConfig

        model_chosen.connect(judge, dispatch_uid="judge_chosen_model")
        post_delete.connect(forget_member, sender=Membership, dispatch_uid="forget_member")
        erases(account=erasing.of_account, person=erasing.of_person)
        keeps_secrets(LLMProvider, "encrypted_key")
        keeps_secrets(UserLLMConfig, "encrypted_key")
