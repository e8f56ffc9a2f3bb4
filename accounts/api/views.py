"""Registering, signing in and out, and one's own profile."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user, logout
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import RetrieveUpdateAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.addresses import limit_address
from accounts.api import examples
from accounts.api.scope import AccountScoped
from accounts.api.serializers import (
    LoginSerializer,
    RefreshSerializer,
    RegisterSerializer,
    TokensSerializer,
    UserSerializer,
)
from accounts.authentication import BearerAuthentication, PageSessionAuthentication, family_of_cookie
from accounts.cookies import REFRESH_COOKIE, clear_token_cookies, set_token_cookies
from accounts.models import TokenFamily, User
from accounts.origin import refuse_cross_site
from accounts.registration import refuse_if_closed, register
from accounts.signing_in import user_by_password
from accounts.throttling import REFRESH_OF_ADDRESS
from accounts.tokens import CredentialRefused, TokenPair, end_by_refresh, rotate, start_family
from doculume.dialects import StructuredDialect


class PublicView(StructuredDialect, APIView):
    """For those who have no credential yet, or one that ran out: none is looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    # For the schema, which cannot see what the code raises.
    error_statuses: tuple[int, ...] = ()


class RegisterView(PublicView):
    error_statuses = (403,)

    @extend_schema(
        operation_id="register",
        summary="Register a new user",
        description="Makes the user and their personal account. 403 where registration is closed.",
        request=RegisterSerializer,
        responses={201: UserSerializer},
        examples=[examples.REGISTER, examples.USER],
    )
    def post(self, request: Request) -> Response:
        refuse_if_closed()
        fields = read(RegisterSerializer, request)
        user = register(request._request, **fields)
        return Response(UserSerializer(user).data, status=201)


class LoginView(PublicView):
    error_statuses = (401,)

    @extend_schema(
        operation_id="login",
        summary="Sign in",
        description="Answers with an access and a refresh token, and sets both as httpOnly cookies.",
        request=LoginSerializer,
        responses={200: TokensSerializer},
        examples=[examples.LOGIN, examples.TOKENS],
    )
    def post(self, request: Request) -> Response:
        fields = read(LoginSerializer, request)
        user = user_by_password(request._request, fields["email"], fields["password"])
        pair = start_family(user)
        response = never_stored(Response(written_out(pair)))
        set_token_cookies(response, request._request, pair)
        return response


class RefreshView(PublicView):
    error_statuses = (401, 403)

    @extend_schema(
        operation_id="refresh",
        summary="Exchange the refresh token for new tokens",
        description="By the `refresh_token` cookie and no body: new cookies, and no token in the answer. By "
        "`refresh_token` in the body: the tokens in the answer, and no cookie. A refresh token is good once; one "
        "that comes again ends the sign-in it belongs to.",
        request=RefreshSerializer,
        responses={200: TokensSerializer},
        examples=[examples.REFRESH, examples.TOKENS, examples.NEW_COOKIES],
    )
    def post(self, request: Request) -> Response:
        sent = read(RefreshSerializer, request).get("refresh_token")
        token = sent or refresh_cookie(request)
        with REFRESH_OF_ADDRESS.failures(limit_address(request._request), failure=CredentialRefused):
            pair = rotate(token)
        if sent:
            return never_stored(Response(written_out(pair)))
        response = never_stored(Response({"expires_in": pair.expires_in, "token_type": "Bearer"}))
        set_token_cookies(response, request._request, pair)
        return response


class LogoutView(StructuredDialect, APIView):
    """Takes any one proof of a sign-in: an access token, a refresh token, a cookie, or the dashboard's session."""

    authentication_classes = (BearerAuthentication,)
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="logout",
        summary="Sign out",
        description="Revokes the refresh token's family and the access token at once, and clears the cookies.",
        request=RefreshSerializer,
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "Signed out.")},
        examples=[examples.REFRESH, examples.NOTHING],
    )
    def post(self, request: Request) -> Response:
        sent = read(RefreshSerializer, request).get("refresh_token")
        if isinstance(request.auth, TokenFamily):
            request.auth.revoke("signed out")
        elif sent:
            end_by_refresh(sent)
        else:
            self.end_by_browser(request)
        response = Response({})
        clear_token_cookies(response)
        return response

    def end_by_browser(self, request: Request) -> None:
        if family := family_of_cookie(request._request):
            refuse_cross_site(request._request)
            family.revoke("signed out")
        elif REFRESH_COOKIE not in request.COOKIES and get_user(request._request).is_authenticated:
            PageSessionAuthentication().enforce_csrf(request)
            logout(request._request)
        else:
            end_by_refresh(refresh_cookie(request))


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
        description="Changes the fields that are sent and leaves the others.",
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


def read(serializer_class: type[Serializer], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def refresh_cookie(request: Request) -> str:
    """The cookie's token, if this site's own page sent it. Raises `CredentialRefused` where there is none."""
    token = request.COOKIES.get(REFRESH_COOKIE)
    if not token:
        raise CredentialRefused("Authentication credentials were not provided.")
    refuse_cross_site(request._request)
    return token


def written_out(pair: TokenPair) -> dict[str, Any]:
    return {
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "expires_in": pair.expires_in,
        "token_type": "Bearer",
    }


def never_stored(response: Response) -> Response:
    """RFC 6749, section 5.1: no cache may keep an answer with tokens."""
    response["Cache-Control"] = "no-store"
    return response
