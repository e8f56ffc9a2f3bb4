from django.urls import URLPattern

from doculume.routing import both
from knowledge.views import DocumentFile, DocumentPage

urlpatterns: list[URLPattern] = [
    both("documents/<uuid:pk>", DocumentPage.as_view(), name="document-page"),
    both("documents/<uuid:pk>/file", DocumentFile.as_view(), name="document-file"),
]
