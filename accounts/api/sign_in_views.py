"""Registering, signing in and out: DocuLume's and Quillium's way."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user, logout
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit
from accounts.addresses import limit_address
from accounts.api import examples
from accounts.api.public import PublicView, never_stored, read
from accounts.api.serializers import (
    LoginSerializer,
    RefreshSerializer,
    RegisteredSerializer,
    RegisterSerializer,
    TokensSerializer,
)
from accounts.authentication import BearerAuthentication, PageSessionAuthentication, family_of_cookie
from accounts.confirmation import EmailNotConfirmed
from accounts.cookies import REFRESH_COOKIE, clear_token_cookies, set_token_cookies
from accounts.models import ApiToken, TokenFamily, User
from accounts.origin import CrossSiteRefused, refuse_cross_site
from accounts.registration import (
    ByInvitationOnly,
    EmailTaken,
    RegistrationClosed,
    TermsNotAccepted,
    refuse_if_closed,
    register,
)
from accounts.second_factor import CodeRequired
from accounts.signing_in import WrongCredentials, sign_in
from accounts.throttling import REFRESH_OF_ADDRESS, LimitsUnavailable, TooManyAttempts
from accounts.tokens import CredentialRefused, TokenPair, end_by_refresh, rotate, sign_out, start_family
from doculume.dialects import StructuredDialect
from doculume.errors import PermissionRefused


class NoSignIn(PermissionRefused):
    message = "An API token is no sign-in that could end. Revoke it on the page of your API tokens."


class RegisterView(StructuredDialect, PublicView):
    raises = (EmailTaken, TermsNotAccepted, RegistrationClosed, ByInvitationOnly, TooManyAttempts)

    @extend_schema(
        operation_id="register",
        summary="Register a new user",
        description="Makes the user and their personal account. 403 where registration is closed, or by invitation "
        "only and no `invitation` is sent: the token of the link in the invitation's mail. `terms_of_service` must be "
        "true where the deployment requires it. Where addresses must be confirmed, the answer is the same for a free "
        "and a taken address, without ids, and what follows is told by mail.",
        request=RegisterSerializer,
        responses={201: RegisteredSerializer},
        examples=[examples.REGISTER, examples.REGISTER_INVITED, examples.USER, examples.UNCONFIRMED_USER],
    )
    def post(self, request: Request) -> Response:
        # First, so that a closed door says so whatever else is wrong; a wrong type of it is told below.
        refuse_if_closed(invitation_in(request))
        fields = read(RegisterSerializer, request)
        accepted = fields.pop("terms_of_service")
        user = register(request._request, **fields, terms_accepted=accepted)
        shown = user or User(email=fields["email"], full_name=fields["full_name"])
        return Response(RegisteredSerializer(shown).data, status=201)


class LoginView(StructuredDialect, PublicView):
    raises = (WrongCredentials, CodeRequired, EmailNotConfirmed, TooManyAttempts, LimitsUnavailable)

    @extend_schema(
        operation_id="login",
        summary="Sign in",
        description="Answers with an access and a refresh token, and sets both as httpOnly cookies. With two-factor "
        "authentication on, `otp_attempt` must be a one-time password or a recovery code; without it the answer is "
        "401 with the code `otp_attempt_required`. 403 if the address must be confirmed first.",
        request=LoginSerializer,
        responses={200: TokensSerializer},
        examples=[examples.LOGIN, examples.LOGIN_WITH_CODE, examples.TOKENS],
    )
    def post(self, request: Request) -> Response:
        fields = read(LoginSerializer, request)
        user = sign_in(request._request, fields["email"], fields["password"], fields["otp_attempt"] or "")
        pair = start_family(user)
        response = never_stored(Response(written_out(pair)))
        set_token_cookies(response, request._request, pair)
        return response


class RefreshView(StructuredDialect, PublicView):
    raises = (CredentialRefused, CrossSiteRefused, TooManyAttempts, LimitsUnavailable)

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
            pair = rotate(token, request._request)
        if sent:
            return never_stored(Response(written_out(pair)))
        response = never_stored(Response({"expires_in": pair.expires_in, "token_type": "Bearer"}))
        set_token_cookies(response, request._request, pair)
        return response


class LogoutView(StructuredDialect, APIView):
    """Takes any one proof of a sign-in: an access token, a refresh token, a cookie, or the dashboard's session."""

    authentication_classes = (BearerAuthentication,)
    permission_classes = (AllowAny,)
    rate_scope = "own paths"
    raises = (CredentialRefused, CrossSiteRefused, NoSignIn)

    @extend_schema(
        operation_id="logout",
        summary="Sign out",
        description="Revokes the refresh token's family and the access token at once, and clears the cookies. A "
        "personal API token is no sign-in and is refused with 403.",
        request=RefreshSerializer,
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "Signed out.")},
        examples=[examples.REFRESH, examples.NOTHING],
    )
    def post(self, request: Request) -> Response:
        sent = read(RefreshSerializer, request).get("refresh_token")
        if isinstance(request.auth, TokenFamily):
            sign_out(request.auth, request._request)
        elif isinstance(request.auth, ApiToken):
            raise NoSignIn
        elif sent:
            end_by_refresh(sent, request._request)
        else:
            self.end_by_browser(request)
        response = Response({})
        clear_token_cookies(response)
        return response

    def end_by_browser(self, request: Request) -> None:
        if family := family_of_cookie(request._request):
            refuse_cross_site(request._request)
            sign_out(family, request._request)
        elif REFRESH_COOKIE not in request.COOKIES and isinstance(user := get_user(request._request), User):
            PageSessionAuthentication().enforce_csrf(request)
            logout(request._request)
            audit.record(audit.Action.SIGNED_OUT, request=request._request, actor=user, account=user.personal_account)
        else:
            end_by_refresh(refresh_cookie(request), request._request)


def invitation_in(request: Request) -> str | None:
    sent = request.data.get("invitation") if isinstance(request.data, dict) else None
    return sent if isinstance(sent, str) else None


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
