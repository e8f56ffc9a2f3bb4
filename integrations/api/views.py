"""Integrations, and what can be done through one: search it, and tell what visitors did."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.scope import AccountScoped
from accounts.permissions import CanWrite
from doculume.dialects import MessageDialect
from doculume.dialects.pages import LinkedPages
from integrations.api import examples
from integrations.api.nesting import query_string
from integrations.api.results import ResultsSerializer
from integrations.api.searching import SearchSerializer, parameters_of
from integrations.api.serializers import (
    EventSerializer,
    IntegrationInput,
    IntegrationResource,
    IntegrationSerializer,
    RecordedSerializer,
)
from integrations.models import Integration, IntegrationEvent
from knowledge.search import EntryResults, search_entries

# More pages than can be asked for in earnest; those behind are empty all the same.
FARTHEST_PAGE = 100_000
# One for all searches: it keeps nothing of what it reads, and to make one takes longer than to read by it.
SENT = SearchSerializer()


class IntegrationFilter(filters.FilterSet):
    type = filters.ChoiceFilter(choices=Integration.Type.choices)
    project = filters.CharFilter()

    class Meta:
        model = Integration
        fields = ("type", "project")


class IntegrationViewSet(
    MessageDialect,
    AccountScoped,
    mixins.ListModelMixin,
    mixins.DestroyModelMixin,
    GenericViewSet[Integration],
):
    queryset = Integration.objects.all()
    serializer_class = IntegrationSerializer
    permission_classes = [IsAuthenticated, CanWrite]
    pagination_class = LinkedPages
    filter_backends = [filters.DjangoFilterBackend]
    filterset_class = IntegrationFilter
    error_statuses: tuple[int, ...] = ()

    def get_queryset(self) -> Any:
        queryset = super().get_queryset()
        return queryset if getattr(self, "swagger_fake_view", False) else queryset.with_collections(self.account)

    @extend_schema(request=IntegrationInput, responses={201: IntegrationResource}, examples=examples.CREATE)
    def create(self, request: Request) -> Response:
        """Create an integration. Its `type` decides which settings it has."""
        return Response(self._saved(), status=status.HTTP_201_CREATED)

    @extend_schema(responses=IntegrationResource, examples=[examples.SHOWN])
    def retrieve(self, request: Request, pk: str) -> Response:
        """Show an integration."""
        return Response(self._resource(self.get_object()))

    @extend_schema(request=IntegrationInput, responses=IntegrationResource, examples=examples.CHANGE)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change the fields that are sent. The type stays."""
        return Response(self._saved(self.get_object()))

    @extend_schema(responses={204: OpenApiResponse(description="Deleted.")})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete an integration, and what was recorded of it. Its collections stay."""
        integration = self.get_object()
        Integration.objects.for_account(self.account).filter(id=integration.id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _saved(self, integration: Integration | None = None) -> dict[str, Any]:
        context = {**self.get_serializer_context(), "account": self.account}
        sent = IntegrationInput(integration, data=self.request.data, partial=integration is not None, context=context)
        sent.is_valid(raise_exception=True)
        saved = sent.save()
        return self._resource(self.get_queryset().get(id=saved.id))

    def _resource(self, integration: Integration) -> dict[str, Any]:
        return {"data": self.get_serializer(integration).data}


class ThroughIntegration(MessageDialect, AccountScoped, GenericAPIView[Any]):
    """What is done through an active integration; whoever may read the account may do it."""

    queryset = Integration.objects.active()

    def integration(self) -> Integration:
        found = Integration.objects.reached(self.account, self.kwargs["pk"])
        if found is None:
            raise Http404
        return found


class SearchPages(LinkedPages):
    """The page of a search: it comes sorted and cut, with the number of all results."""

    max_per_page = 50

    def __init__(self, address: str, asked: dict[str, Any], total: int) -> None:
        self.address, self.page, self.size, self.total = address, asked["page"], asked["per_page"], total


class SearchView(ThroughIntegration):
    error_statuses = (400, 422)
    serializer_class = SearchSerializer

    @extend_schema(
        parameters=examples.SEARCH_PARAMETERS,
        responses={200: ResultsSerializer, 502: OpenApiResponse(description="The embedding model failed.")},
        examples=[examples.RESULTS],
    )
    def get(self, request: Request, pk: str) -> Response:
        """Search the collections of an integration.

        Parameters come in the query string, nested with brackets, or as a JSON body as with POST.
        """
        return self._answer(request)

    @extend_schema(
        request=SearchSerializer,
        responses={200: ResultsSerializer, 502: OpenApiResponse(description="The embedding model failed.")},
        examples=[*examples.SEARCHES, examples.RESULTS],
    )
    def post(self, request: Request, pk: str) -> Response:
        """Search the collections of an integration, with a JSON body. It changes nothing."""
        return self._answer(request)

    def _answer(self, request: Request) -> Response:
        integration = self.integration()
        parameters = parameters_of(request)
        asked = SENT.run_validation(parameters)
        results = self._search(integration, asked)
        # Links are whole: what came in a body stands in them.
        address = f"{request.build_absolute_uri(request.path)}?{query_string(parameters)}"
        pages = SearchPages(address, asked, results.total)
        shown: Any = ResultsSerializer(results, context={"explain": asked["explain"]}).data
        return Response({**shown, "links": pages.links(), "meta": pages.meta()})

    def _search(self, integration: Integration, asked: dict[str, Any]) -> EntryResults:
        return search_entries(
            self.account,
            asked["query"],
            collection_ids=integration.collection_ids,
            meta=asked["meta"],
            threshold=asked["threshold"],
            boosts=asked["boost"],
            sorts=asked["sort"],
            page=min(asked["page"], FARTHEST_PAGE),
            per_page=asked["per_page"],
            explain=asked["explain"],
            as_you_type=asked["as_you_type"],
        )


class EventsView(ThroughIntegration):
    serializer_class = EventSerializer

    @extend_schema(request=EventSerializer, responses=RecordedSerializer, examples=[examples.EVENT, examples.RECORDED])
    def post(self, request: Request, pk: str) -> Response:
        """Record what a visitor did. Who they are is not kept."""
        integration = self.integration()
        sent = EventSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        IntegrationEvent.objects.create(account=self.account, integration=integration, **sent.validated_data)
        return Response({"ok": True})
