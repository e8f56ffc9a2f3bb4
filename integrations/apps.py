from __future__ import annotations

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from accounts.erasure import erases
        from integrations import erasing

        erases(account=erasing.of_account, person=erasing.of_person)
