"""Documents: upload, list, show, retry, delete."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.scope import AccountScoped
from accounts.permissions import CanWrite
from doculume.dialects import StructuredDialect
from doculume.dialects.pages import NumberedPages
from doculume.text import storable
from knowledge import uploads
from knowledge.api.serializers import DocumentSerializer, EmptySerializer, UploadSerializer
from knowledge.models import Document


class DocumentFilter(filters.FilterSet):
    collection_id = filters.UUIDFilter()
    status = filters.MultipleChoiceFilter(choices=Document.Status.choices)

    class Meta:
        model = Document
        fields = ("collection_id", "status")


class DocumentViewSet(
    StructuredDialect,
    AccountScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    GenericViewSet[Document],
):
    queryset = Document.objects.all()
    serializer_class = DocumentSerializer
    permission_classes = [IsAuthenticated, CanWrite]
    pagination_class = NumberedPages
    filter_backends = [filters.DjangoFilterBackend]
    filterset_class = DocumentFilter
    error_statuses: tuple[int, ...] = ()

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={201: DocumentSerializer, 413: OpenApiResponse(description="The file is too large.")},
    )
    def upload(self, request: Request) -> Response:
        """Accept a file. It is safe once this answers; `status` tells when it can be asked about."""
        sent = UploadSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        file = sent.validated_data["file"]
        document = uploads.accept(
            self.account,
            self.membership.user,
            file,
            name=storable(name_as_sent(file)),
            collection_id=sent.validated_data.get("collection_id"),
            meta=sent.validated_data.get("meta"),
        )
        return Response(self.get_serializer(document).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=DocumentSerializer)
    def retry(self, request: Request, pk: str) -> Response:
        """Try a failed document again."""
        uploads.retry(self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses={200: EmptySerializer})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a document: its text, its vectors and its file."""
        uploads.delete(self.get_object())
        return Response({})


def name_as_sent(file: UploadedFile) -> str:
    return getattr(file, "name_as_sent", "") or file.name or "document"
