from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Conversations"

    def ready(self) -> None:
        from accounts.erasure import erases
        from chat import erasing

        erases(account=erasing.of_account, person=erasing.of_person)
