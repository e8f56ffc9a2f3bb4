from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_save


class KnowledgeConfig(AppConfig):
    name = "knowledge"
    verbose_name = "Knowledge"

    def ready(self) -> None:
        from knowledge.search.indexes import index_new_model
        from llm_settings.models import EmbeddingModel

        post_save.connect(index_new_model, sender=EmbeddingModel, dispatch_uid="index_new_model")
