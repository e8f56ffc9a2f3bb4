"""Collections and their entries."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.functional import cached_property
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.scope import AccountScoped
from accounts.permissions import CanWrite
from doculume.dialects import MessageDialect
from doculume.dialects.pages import LinkedPages
from doculume.errors import NotFound
from knowledge import collections, entries
from knowledge.api import examples
from knowledge.api.entry_serializers import (
    BatchOutcome,
    BatchSerializer,
    CollectionFields,
    CollectionResource,
    CollectionSerializer,
    EntryChanges,
    EntryFields,
    EntryResource,
    EntrySerializer,
    EntryWithSource,
)
from knowledge.models import Collection, Entry

DELETED = OpenApiResponse(description="Deleted.")


@extend_schema_view(
    list=extend_schema(description="List all collections, newest first.", examples=examples.LISTED_COLLECTION)
)
class CollectionViewSet(MessageDialect, AccountScoped, mixins.ListModelMixin, GenericViewSet[Collection]):
    queryset = Collection.objects.all()
    serializer_class = CollectionSerializer
    permission_classes = [IsAuthenticated, CanWrite]
    pagination_class = LinkedPages

    @extend_schema(request=CollectionFields, responses={201: CollectionResource}, examples=examples.COLLECTION)
    def create(self, request: Request) -> Response:
        """Create a collection."""
        sent = CollectionFields(data=request.data)
        sent.is_valid(raise_exception=True)
        collection = Collection.objects.create(account=self.account, **sent.validated_data)
        return Response(self._resource(collection), status=status.HTTP_201_CREATED)

    @extend_schema(responses=CollectionResource, examples=examples.COLLECTION)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Show a collection."""
        return Response(self._resource(self.get_object()))

    @extend_schema(request=CollectionFields, responses=CollectionResource, examples=examples.COLLECTION)
    def update(self, request: Request, pk: str) -> Response:
        """Change a collection's name."""
        collection = self.get_object()
        sent = CollectionFields(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        own = self.get_queryset().filter(id=collection.id)
        own.update(**sent.validated_data, updated_at=timezone.now())
        return Response(self._resource(self.get_object()))

    @extend_schema(responses={204: DELETED})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a collection and all its entries."""
        collections.delete(self.account, self.get_object().id)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _resource(self, collection: Collection) -> dict[str, Any]:
        return {"data": self.get_serializer(collection).data}


class EntryFilter(filters.FilterSet):
    source_type = filters.CharFilter(strip=False)
    source_id = filters.CharFilter(strip=False)

    class Meta:
        model = Entry
        fields = ("source_type", "source_id")


@extend_schema_view(
    list=extend_schema(description="List entries in a collection, newest first.", examples=examples.LISTED_ENTRY)
)
class EntryViewSet(MessageDialect, AccountScoped, mixins.ListModelMixin, GenericViewSet[Entry]):
    queryset = Entry.objects.shown()
    serializer_class = EntrySerializer
    permission_classes = [IsAuthenticated, CanWrite]
    pagination_class = LinkedPages
    filter_backends = [filters.DjangoFilterBackend]
    filterset_class = EntryFilter
    error_statuses: tuple[int, ...] = ()

    @cached_property
    def collection(self) -> Collection:
        """The one in the path."""
        found = Collection.objects.for_account(self.account).filter(id=self.kwargs["collection"]).first()
        if found is None:
            raise NotFound
        return found

    def get_queryset(self) -> Any:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        return queryset.filter(collection_id=self.collection.id)

    @extend_schema(request=EntryFields, responses={201: EntryResource}, examples=examples.NEW_ENTRY)
    def create(self, request: Request, collection: str) -> Response:
        """Create an entry. It is found by search as soon as it is embedded."""
        sent = self._sent(EntryFields)
        entry = entries.add(self.account, self.collection, sent)
        return self._answer(entry.id, status.HTTP_201_CREATED)

    @extend_schema(responses=EntryResource, examples=examples.SHOWN_ENTRY)
    def retrieve(self, request: Request, collection: str, pk: str) -> Response:
        """Show an entry."""
        return self._answer(pk)

    @extend_schema(request=EntryChanges, responses=EntryResource, examples=examples.CHANGED_ENTRY)
    def update(self, request: Request, collection: str, pk: str) -> Response:
        """Change the fields that are sent. The old text goes on answering until the new one is embedded."""
        entry = self.get_object()
        entries.update(self.account, entry, self._sent(EntryChanges))
        return self._answer(entry.id)

    @extend_schema(responses={204: DELETED})
    def destroy(self, request: Request, collection: str, pk: str) -> Response:
        """Delete an entry."""
        entries.delete(self.account, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        request=EntryWithSource,
        responses={200: EntryResource, 201: EntryResource},
        examples=examples.UPSERT,
    )
    def upsert(self, request: Request, collection: str) -> Response:
        """Create the entry of a source, or change the fields that are sent if there is one."""
        entry_id, created = entries.upsert(self.account, self.collection, self._sent(EntryWithSource))
        return self._answer(entry_id, status.HTTP_201_CREATED if created else status.HTTP_200_OK)

    @extend_schema(request=BatchSerializer, responses=BatchOutcome, examples=examples.BATCH)
    def batch(self, request: Request, collection: str) -> Response:
        """Upsert up to 50 entries, all or none."""
        sent = self._sent(BatchSerializer)["entries"]
        outcome = entries.upsert_batch(self.account, self.collection, sent)
        created = len(outcome.created)
        return Response({"created": created, "updated": len(sent) - created})

    @extend_schema(responses={204: DELETED})
    def destroy_by_source(self, request: Request, collection: str, source_type: str, source_id: str) -> Response:
        """Delete the entry of a source. Anything after the source's type is the id, slashes too."""
        entries.delete_by_source(self.account, self.collection, source_type, source_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _sent(self, kind: Any) -> Any:
        """The valid body; after the collection was found, so that a stranger learns nothing from bad ones."""
        assert self.collection
        sent = kind(data=self.request.data)
        sent.is_valid(raise_exception=True)
        return sent.validated_data

    def _answer(self, entry_id: Any, code: int = status.HTTP_200_OK) -> Response:
        entry = self.get_queryset().filter(id=entry_id).first()
        if entry is None:
            raise NotFound
        return Response({"data": self.get_serializer(entry).data}, status=code)
