"""Integrations, and what can be done through one: search it, and tell what visitors did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.scope import AccountScoped
from accounts.liveness import Credential, Lasting
from accounts.permissions import CanWrite
from accounts.rate_limits import DEFAULT_SCOPE, RateLimited
from doculume.dialects import MessageDialect
from doculume.dialects.pages import LinkedPages
from integrations import votes
from integrations.api import examples
from integrations.api.nesting import query_string
from integrations.api.results import ResultsSerializer
from integrations.api.searching import FilterField, SearchSerializer, parameters_of
from integrations.api.serializers import (
    EventSerializer,
    IntegrationInput,
    IntegrationResource,
    IntegrationSerializer,
    RecordedSerializer,
)
from integrations.authentication import DoorAuthentication, IsDoorOrSignedIn, OriginRefused
from integrations.cors import OpenToPages
from integrations.doors import Door, DoorCredential
from integrations.identities import IdentityRequired
from integrations.models import Integration, IntegrationEvent
from integrations.origins import covers, is_own, origin_of
from integrations.rates import VISITORS, door_of, limit_of
from integrations.sources import Linking
from knowledge.search import EntryResults, MetaFilter, search_entries

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


class ThroughIntegration(OpenToPages, MessageDialect, AccountScoped, GenericAPIView[Any]):
    """What is done through an active integration: whoever may read the account may do it, and pages on its domains
    with a key that is bound to it, or a session that was begun with one. Then there is a `door`."""

    queryset = Integration.objects.active()
    authentication_classes = [DoorAuthentication, *GenericAPIView.authentication_classes]
    permission_classes = [IsDoorOrSignedIn]
    key_scope = VISITORS
    begins = False
    """Whether it is what a page asks before it has a session."""
    door: Door | None = None
    _reached: Integration | None = None

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if isinstance(request.auth, Door):
            self.door, self.account = request.auth, request.auth.account

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if self.door is None:
            return
        integration = self.integration()
        if not self.door.opens(integration.pk):
            raise Http404
        if not self._is_let_in(request._request, integration.allowed_domains):
            raise OriginRefused
        if self.door.key.requires_identity and not (self.door.is_identified or self.begins):
            raise IdentityRequired

    @property
    def rate_scope(self) -> str:
        return DEFAULT_SCOPE if self.door is None else self.key_scope

    @property
    def credential(self) -> Lasting:
        return Credential.of(self.request) if self.door is None else DoorCredential.of(self.door)

    def linking(self) -> Linking | None:
        """What makes links to files for visitors; members see what they always do."""
        return Linking(self.request, self.account.pk, self.door.key.pk) if self.door else None

    def bound(self, meta: Sequence[MetaFilter]) -> tuple[MetaFilter, ...]:
        """These filters and those that the site signed for its visitor: what is asked for can only narrow."""
        signed = FilterField().to_internal_value(dict(self.door.filters)) if self.door and self.door.filters else ()
        return (*signed, *meta)

    def integration(self) -> Integration:
        if self._reached is None:
            self._reached = Integration.objects.reached(self.account, self.kwargs["pk"])
        if self._reached is None:
            raise Http404
        return self._reached

    def lets_page_in(self) -> bool:
        if self.door is not None:
            reached = self._reached
            return reached is not None and self._is_let_in(self.request._request, reached.allowed_domains)
        # A page of an allowed site may read that its key or session does not hold. No member's answer is read by it.
        is_refused = getattr(self.response, "status_code", 0) == status.HTTP_401_UNAUTHORIZED
        return is_refused and self.answers_preflight(self.request._request)

    def answers_preflight(self, request: HttpRequest) -> bool:
        domains = Integration.objects.active().filter(id=self.kwargs["pk"], account__deleted_at=None)
        return covers(domains.values_list("allowed_domains", flat=True).first(), origin_of(request))

    def _is_let_in(self, request: HttpRequest, domains: list[str] | None) -> bool:
        if self.door is None:
            return False
        own = is_own(request, self.door.origin)
        return own or (covers(domains, self.door.origin) and self.door.lets_page_in)

    @classmethod
    def handle_error(cls, error: Exception, context: dict[str, Any]) -> Response | None:
        response = super().handle_error(error, context)
        if response is not None and isinstance(error, RateLimited) and door_of(context["request"]):
            response.data |= {"error": RateLimited.message, **limit_of(error.usage.limit, error.usage.resets_at)}
        return response


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
        # How a score came about is for those who can see all that it came of.
        asked["explain"] = asked["explain"] and self.door is None
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
            meta=self.bound(asked["meta"]),
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
        happened = IntegrationEvent(account=self.account, integration=integration, **sent.validated_data)
        if self.door is not None:
            votes.refuse_foreign(happened, self.door)
        votes.record(happened)
        return Response({"ok": True})
