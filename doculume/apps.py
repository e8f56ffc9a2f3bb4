from django.apps import AppConfig


class DoculumeConfig(AppConfig):
    name = "doculume"
    verbose_name = "DocuLume"

    def ready(self) -> None:
        from doculume import checks  # noqa: F401
