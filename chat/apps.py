from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Conversations"

    def ready(self) -> None:
        from accounts.erasure import erases
        from chat import attachments, erasing
        from knowledge.recounting import bytes_held

        erases(account=erasing.of_account, person=erasing.of_person)
        bytes_held.connect(
            lambda account_id, **_: attachments.bytes_held(account_id), weak=False, dispatch_uid="bytes_of_attachments"
        )
