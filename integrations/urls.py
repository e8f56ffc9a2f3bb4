from django.urls import URLPattern

from doculume.routing import both
from integrations.pages import DeleteIntegration, IntegrationPage, IntegrationsPage, NewIntegrationPage
from integrations.views import SourceFile

urlpatterns: list[URLPattern] = [
    both("files/<str:signed>/<str:filename>", SourceFile.as_view(), name="source-file"),
    both("integrations", IntegrationsPage.as_view(), name="integrations"),
    both("integrations/new", NewIntegrationPage.as_view(), name="integration-new"),
    both("integrations/<uuid:pk>", IntegrationPage.as_view(), name="integration"),
    both("integrations/<uuid:pk>/delete", DeleteIntegration.as_view(), name="integration-delete"),
]
