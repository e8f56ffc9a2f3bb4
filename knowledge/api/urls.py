from django.urls import URLPattern

from doculume.dialects.parsers import UploadParser
from doculume.routing import both
from knowledge.api.views import DocumentViewSet

urlpatterns: list[URLPattern] = [
    both("documents", DocumentViewSet.as_view({"get": "list"}), name="api-documents"),
    both(
        "documents/upload",
        DocumentViewSet.as_view({"post": "upload"}, parser_classes=[UploadParser], error_statuses=(404,)),
        name="api-document-upload",
    ),
    both("documents/<uuid:pk>", DocumentViewSet.as_view({"get": "retrieve", "delete": "destroy"}), name="api-document"),
    both(
        "documents/<uuid:pk>/retry",
        DocumentViewSet.as_view({"post": "retry"}, error_statuses=(409,)),
        name="api-document-retry",
    ),
]
