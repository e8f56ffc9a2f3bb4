from django.urls import URLPattern, register_converter

from doculume.dialects.parsers import UploadParser
from doculume.routing import both
from knowledge.api.collections import CollectionViewSet, EntryViewSet
from knowledge.api.views import DocumentViewSet


class AnyText:
    """Anything at all, slashes and line breaks too."""

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(AnyText, "anything")

ENTRIES = "collections/<uuid:collection>/entries"
CHANGES = {"put": "update", "patch": "update", "delete": "destroy"}

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
    both("collections", CollectionViewSet.as_view({"get": "list", "post": "create"}), name="api-collections"),
    both("collections/<uuid:pk>", CollectionViewSet.as_view({"get": "retrieve", **CHANGES}), name="api-collection"),
    both(ENTRIES, EntryViewSet.as_view({"get": "list", "post": "create"}, error_statuses=(402,)), name="api-entries"),
    both(
        f"{ENTRIES}/upsert",
        EntryViewSet.as_view({"put": "upsert"}, error_statuses=(402,)),
        name="api-entry-upsert",
    ),
    both(
        f"{ENTRIES}/batch",
        EntryViewSet.as_view({"post": "batch"}, error_statuses=(402,)),
        name="api-entry-batch",
    ),
    both(
        f"{ENTRIES}/by-source/<str:source_type>/<anything:source_id>",
        EntryViewSet.as_view({"delete": "destroy_by_source"}),
        name="api-entry-by-source",
    ),
    both(
        f"{ENTRIES}/<uuid:pk>",
        EntryViewSet.as_view({"get": "retrieve", **CHANGES}, error_statuses=(402,)),
        name="api-entry",
    ),
]
