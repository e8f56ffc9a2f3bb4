"""The account API: registering, logging in, and one's own user and accounts, in the flat dialect."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from django.templatetags.static import static
from django.utils.html import format_html
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import api_tokens, passwords, sessions, sgid
from accounts.api import examples
from accounts.api.flat_serializers import (
    AccountSerializer,
    CurrentUserSerializer,
    NewUserSerializer,
    PasswordSerializer,
    RegistrationSerializer,
    SuccessSerializer,
    TokenSerializer,
    inner,
    wrapped,
)
from accounts.api.public import PublicView, never_stored, read
from accounts.api.scope import AccountScoped
from accounts.api.serializers import LoginSerializer
from accounts.confirmation import EmailNotConfirmed
from accounts.cookies import clear_token_cookies
from accounts.deletion import delete_user
from accounts.models import Account, Membership, User
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
from accounts.throttling import LimitsUnavailable, TooManyAttempts
from doculume.dialects import FlatDialect

DEFAULT_AVATAR = "accounts/avatar.svg"


class OtpAttemptRequired(CodeRequired):
    """As the account API says it."""

    status_code = 422
    message = "otp_attempt_required"


class InvalidLogin(WrongCredentials):
    message = "Invalid Email or password."


class UsersView(FlatDialect, PublicView):
    raises = (EmailTaken, TermsNotAccepted, RegistrationClosed, ByInvitationOnly, TooManyAttempts)

    @extend_schema(
        operation_id="create_user",
        summary="Register a user",
        description="Makes the user, their personal account and an API token. `terms_of_service` must be true where "
        "the deployment requires it. 403 where registration is closed. Where addresses must be confirmed, the answer "
        "is the same for a free and a taken address, without ids and tokens.",
        request=wrapped(RegistrationSerializer),
        responses={200: wrapped(NewUserSerializer)},
        examples=[examples.CREATE_USER, examples.CREATED_USER, examples.UNCONFIRMED_CREATED_USER],
    )
    def post(self, request: Request) -> Response:
        sent = inner(request.data)
        invitation = sent.get("invitation")
        refuse_if_closed(invitation if isinstance(invitation, str) else None)
        serializer = RegistrationSerializer(data=sent)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        user = register(
            request._request,
            email=fields["email"],
            password=fields["password"],
            full_name=fields["name"],
            terms_accepted=fields["terms_of_service"],
            invitation=fields["invitation"],
        )
        return never_stored(Response({"user": self.shown(user, fields["email"], fields["name"], request)}))

    def shown(self, user: User | None, email: str, name: str, request: Request) -> dict[str, object]:
        if user is None:
            return {"id": None, "email": email, "name": name, "api_tokens": []}
        token, text = api_tokens.default_row(user, request._request)
        tokens = [{"id": token.pk, "name": token.name, "token": text}]
        return {"id": user.pk, "email": user.email, "name": user.full_name, "api_tokens": tokens}


class AuthView(FlatDialect, PublicView):
    raises = (InvalidLogin, OtpAttemptRequired, EmailNotConfirmed, TooManyAttempts, LimitsUnavailable)

    @extend_schema(
        operation_id="authenticate",
        summary="Log in",
        description="Answers with the same personal API token at each log-in. With two-factor authentication on and "
        "no `otp_attempt`: 422 with the error `otp_attempt_required`.",
        request=LoginSerializer,
        responses={200: TokenSerializer},
        examples=[examples.AUTH, examples.AUTH_TOKEN],
    )
    def post(self, request: Request) -> Response:
        fields = read(LoginSerializer, request)
        try:
            user = sign_in(request._request, fields["email"], fields["password"], fields["otp_attempt"] or "")
        except CodeRequired as error:
            raise OtpAttemptRequired from error
        except WrongCredentials as error:
            raise InvalidLogin from error
        return never_stored(Response({"token": api_tokens.default_token(user, request._request)}))


class CurrentUserView(FlatDialect, AccountScoped, APIView):
    @extend_schema(
        operation_id="current_user",
        summary="Get the current user",
        description="`sgid` is a signed global id of the user, `content` a small piece of HTML that mentions them.",
        responses={200: CurrentUserSerializer},
        examples=[examples.CURRENT_USER],
    )
    def get(self, request: Request) -> Response:
        user = self.membership.user
        avatar = user.avatar_url or request.build_absolute_uri(static(DEFAULT_AVATAR))
        return Response(
            {
                "id": user.pk,
                "name": user.full_name,
                "avatar_url": avatar,
                "sgid": sgid.sign(user),
                "content": mention(user, avatar),
            }
        )

    @extend_schema(
        operation_id="delete_current_user",
        summary="Delete the current user",
        description="The user, the accounts that they alone own, and all rows, vectors and files in them. No "
        "credential of theirs holds any more once this answers; what is large is removed in the background.",
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "Deleted.")},
        examples=[OpenApiExample("Deleted", {}, response_only=True)],
    )
    def delete(self, request: Request) -> Response:
        delete_user(self.membership.user, request._request)
        if hasattr(request._request, "session"):
            request._request.session.flush()
        response = Response({})
        clear_token_cookies(response)
        return response


class PasswordView(FlatDialect, AccountScoped, APIView):
    raises = (passwords.WrongPassword, TooManyAttempts, LimitsUnavailable)

    @extend_schema(
        operation_id="change_password",
        summary="Change the password",
        description="Ends every other sign-in of the user. The credential of this request and API tokens live on. The "
        "three fields may also be sent without `user` around them.",
        request=wrapped(PasswordSerializer),
        responses={200: SuccessSerializer},
        examples=[examples.CHANGE_PASSWORD, examples.SUCCESS],
    )
    def patch(self, request: Request) -> Response:
        user = self.membership.user
        serializer = PasswordSerializer(data=inner(request.data), context={"user": user})
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        passwords.check_current(user, fields["current_password"])
        passwords.change(request._request, user, fields["password"], credential=request.auth)
        if request.auth is None:
            # Page sessions bear a digest of the password, and end with it; the one that asked for this goes on.
            sessions.keep_only_this(request._request, user)
        return Response({"success": True})


class AccountsView(FlatDialect, AccountScoped, APIView):
    @extend_schema(
        operation_id="accounts",
        summary="List accounts",
        description="Every account that the user belongs to, the newest first.",
        responses={200: AccountSerializer(many=True)},
        examples=[examples.ACCOUNTS],
    )
    def get(self, request: Request) -> Response:
        return Response(AccountSerializer(accounts_of(self.membership.user), many=True).data)


def accounts_of(user: User) -> QuerySet[Account]:
    """With their members, the oldest first, in one query more."""
    people = Prefetch("memberships", Membership.objects.filter(user__deleted_at=None).order_by("id"))
    return Account.objects.filter(memberships__user=user, deleted_at=None).order_by("-id").prefetch_related(people)


def mention(user: User, avatar: str) -> str:
    """The user in a line of HTML; what they are called is escaped."""
    return format_html(
        '<div class="flex items-center"><img class="avatar" src="{}" alt="" width="24" height="24">'
        '<span class="ml-2">{}</span></div>',
        avatar,
        user.full_name or user.email.partition("@")[0],
    )
