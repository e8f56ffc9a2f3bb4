from django.urls import URLPattern

from doculume.routing import both
from integrations.api.answers import ChatView, SummarizeView
from integrations.api.chatbot import AskQuestionView, SupportEmailsView
from integrations.api.views import EventsView, IntegrationViewSet, SearchView
from integrations.api.visiting import SessionsView, VisitorConversationView, WidgetView

urlpatterns: list[URLPattern] = [
    both(
        "integrations",
        IntegrationViewSet.as_view({"get": "list", "post": "create"}, error_statuses=(422,)),
        name="api-integrations",
    ),
    both(
        "integrations/<uuid:pk>",
        IntegrationViewSet.as_view(
            {"get": "retrieve", "put": "partial_update", "patch": "partial_update", "delete": "destroy"}
        ),
        name="api-integration",
    ),
    both("integrations/<uuid:pk>/search", SearchView.as_view(), name="api-integration-search"),
    both("integrations/<uuid:pk>/summarise", SummarizeView.as_view(), name="api-integration-summarise"),
    both("integrations/<uuid:pk>/chat", ChatView.as_view(), name="api-integration-chat"),
    both("integrations/<uuid:pk>/events", EventsView.as_view(), name="api-integration-events"),
    both("integrations/<uuid:pk>/sessions", SessionsView.as_view(), name="api-integration-sessions"),
    both("integrations/<uuid:pk>/widget", WidgetView.as_view(), name="api-integration-widget"),
    both(
        "integrations/<uuid:pk>/conversations/<str:conversation>",
        VisitorConversationView.as_view(),
        name="api-integration-conversation",
    ),
    both("chatbot/ask_question", AskQuestionView.as_view(), name="api-ask-question"),
    both("support_emails", SupportEmailsView.as_view(), name="api-support-emails"),
]
