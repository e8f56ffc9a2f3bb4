from django.urls import URLPattern

from doculume.routing import both
from integrations import insight_pages, visitor_pages
from integrations.embed_pages import EmbedKey, EmbedPage, PreviewPage
from integrations.key_pages import KeyIdentity, KeysPage, RevokeKey, RotateKey, SupportInbox
from integrations.pages import DeleteIntegration, IntegrationPage, IntegrationsPage, NewIntegrationPage
from integrations.playground_pages import PlaygroundPage
from integrations.views import SourceFile

urlpatterns: list[URLPattern] = [
    both("files/<str:signed>/<str:filename>", SourceFile.as_view(), name="source-file"),
    both("conversations/visitors", visitor_pages.VisitorConversations.as_view(), name="visitor-conversations"),
    both(
        "conversations/visitors/several",
        visitor_pages.SeveralVisitorConversations.as_view(),
        name="visitor-conversations-several",
    ),
    both(
        "conversations/visitors/<uuid:pk>",
        visitor_pages.ReadVisitorConversation.as_view(),
        name="visitor-conversation",
    ),
    both(
        "conversations/visitors/<uuid:pk>/delete",
        visitor_pages.DeleteVisitorConversation.as_view(),
        name="visitor-conversation-delete",
    ),
    both(
        "conversations/visitors/<uuid:pk>/export",
        visitor_pages.ExportVisitorConversation.as_view(),
        name="visitor-conversation-export",
    ),
    both("insights", insight_pages.InsightsPage.as_view(), name="insights"),
    both("insights/download", insight_pages.InsightsFile.as_view(), name="insights-download"),
    both("insights/questions/<uuid:pk>", insight_pages.MissingAnswerPage.as_view(), name="missing-answer"),
    both("insights/questions/<uuid:pk>/dismiss", insight_pages.DismissQuestion.as_view(), name="question-dismiss"),
    both("insights/questions/<uuid:pk>/again", insight_pages.AskAgain.as_view(), name="question-again"),
    both("integrations", IntegrationsPage.as_view(), name="integrations"),
    both("integrations/new", NewIntegrationPage.as_view(), name="integration-new"),
    both("integrations/<uuid:pk>", IntegrationPage.as_view(), name="integration"),
    both("integrations/<uuid:pk>/delete", DeleteIntegration.as_view(), name="integration-delete"),
    both("integrations/<uuid:pk>/embed", EmbedPage.as_view(), name="integration-embed"),
    both("integrations/<uuid:pk>/embed/key", EmbedKey.as_view(), name="integration-embed-key"),
    both("integrations/<uuid:pk>/preview", PreviewPage.as_view(), name="integration-preview"),
    both("integrations/keys", KeysPage.as_view(), name="chatbot-keys"),
    both("integrations/keys/<uuid:pk>/rotate", RotateKey.as_view(), name="chatbot-key-rotate"),
    both("integrations/keys/<uuid:pk>/revoke", RevokeKey.as_view(), name="chatbot-key-revoke"),
    both("integrations/keys/<uuid:pk>/identity", KeyIdentity.as_view(), name="chatbot-key-identity"),
    both("playground", PlaygroundPage.as_view(), name="playground"),
    both("integrations/support", SupportInbox.as_view(), name="chatbot-support"),
]
