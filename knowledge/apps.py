from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_save, pre_delete


class KnowledgeConfig(AppConfig):
    name = "knowledge"
    verbose_name = "Knowledge"

    def ready(self) -> None:
        from accounts.erasure import erases
        from doculume.backup import restored
        from knowledge import erasing
        from knowledge.models import Entry
        from knowledge.search.indexes import index_all_models, index_new_model, unindex_deleted
        from llm_settings.models import EmbeddingModel

        post_save.connect(index_new_model, sender=EmbeddingModel, dispatch_uid="index_new_model")
        restored.connect(index_all_models, dispatch_uid="index_all_models")
        pre_delete.connect(unindex_deleted, sender=Entry, dispatch_uid="unindex_deleted")
        erases(account=erasing.of_account, person=erasing.of_person)
