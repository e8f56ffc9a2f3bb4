from __future__ import annotations

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from accounts.erasure import erases
        from doculume.rotation import keeps_secrets

        # The schema finds its extensions by their having been imported.
        from integrations import (
            erasing,
            rates,
            schema,  # noqa: F401
        )
        from integrations.models import ChatbotKey

        erases(account=erasing.of_account, person=erasing.of_person)
        keeps_secrets(ChatbotKey, "encrypted")
        keeps_secrets(ChatbotKey, "identity_secret")
        rates.register()
