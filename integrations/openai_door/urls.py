from django.urls import URLPattern

from doculume.routing import both
from integrations.openai_door.views import CompletionsView, ModelsView, ModelView

urlpatterns: list[URLPattern] = [
    both("models", ModelsView.as_view(), name="openai-models"),
    both("models/<str:model>", ModelView.as_view(), name="openai-model"),
    both("chat/completions", CompletionsView.as_view(), name="openai-chat-completions"),
]
