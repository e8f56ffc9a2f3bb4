from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        # The schema finds its extensions by their having been imported.
        from accounts import schema  # noqa: F401
