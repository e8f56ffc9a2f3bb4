"""One's own profile and API tokens: DocuLume's and Quillium's way."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import RetrieveUpdateAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import api_tokens
from accounts.api import examples
from accounts.api.public import never_stored, read
from accounts.api.scope import AccountScoped
from accounts.api.serializers import ApiKeySerializer, NewApiKeySerializer, UserSerializer
from accounts.models import User
from doculume.dialects import StructuredDialect


class MeView(StructuredDialect, AccountScoped, RetrieveUpdateAPIView):
    serializer_class = UserSerializer

    def get_object(self) -> User:
        return User.objects.select_related("own_account").get(memberships=self.membership)

    @extend_schema(operation_id="me", summary="Your profile", examples=[examples.USER])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="update_me",
        summary="Change your profile",
        description="Changes the fields that are sent and leaves the others. Where addresses must be confirmed, a new "
        "`email` counts from when the link that is sent to it was followed.",
        request=UserSerializer(partial=True),
        examples=[examples.PROFILE, examples.USER],
    )
    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.partial_update(request, *args, **kwargs)

    @extend_schema(
        operation_id="patch_me", summary="Change some of your profile", examples=[examples.PROFILE, examples.USER]
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.partial_update(request, *args, **kwargs)


class ApiKeyView(StructuredDialect, AccountScoped, APIView):
    rate_scope = "own paths"
    raises = (api_tokens.NameReserved, api_tokens.TooManyTokens)

    @extend_schema(
        operation_id="create_api_key",
        summary="Generate an API key",
        description="A personal API token for the account that the request acts in. This answer is the only one that "
        "shows it.",
        request=NewApiKeySerializer,
        responses={201: ApiKeySerializer},
        examples=[examples.NEW_API_KEY, examples.API_KEY],
    )
    def post(self, request: Request) -> Response:
        name = read(NewApiKeySerializer, request)["name"]
        token, text = api_tokens.create(self.membership.user, self.account, name, request._request)
        shown = {"id": token.pk, "name": token.name, "api_key": text, "created_at": token.created_at}
        return never_stored(Response(ApiKeySerializer(shown).data, status=201))
