"""Signing in at another site, by OpenID Connect, where the deployment names one (`OIDC_ISSUER`).

allauth speaks the protocol. Here is decided who somebody is who comes back from there: the user that this sign-in was
connected with before, else the one whose address the issuer says is confirmed, else a new one if people may register.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import api_tokens, audit, confirmation, invitations
from accounts.models import SiteSettings, User, normalize_email
from accounts.notices import notify
from accounts.sign_ins import end_sign_ins
from accounts.throttling import LimitsUnavailable, TooManyAttempts, count_registration

PROVIDER_ID = "oidc"
NAMELESS = "single sign-on"


def is_on() -> bool:
    return bool(settings.OIDC["issuer"])


def name() -> str:
    return settings.OIDC["name"] or NAMELESS


def refuse(request: HttpRequest, why: str) -> ImmediateHttpResponse:
    """To be raised: leads back to the sign-in page, which says why."""
    messages.error(request, why)
    return ImmediateHttpResponse(redirect("sign-in"))


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    def list_apps(self, request: HttpRequest, provider: str | None = None, client_id: str | None = None) -> list[Any]:
        """The one of the settings. Rows are not looked at: whoever can write one must not open another door."""
        if not is_on() or provider not in (None, PROVIDER_ID, "openid_connect"):
            return []
        oidc = settings.OIDC
        app = SocialApp(provider="openid_connect", provider_id=PROVIDER_ID, name=name(), client_id=oidc["client_id"])
        app.secret = oidc["client_secret"]
        app.settings = {"server_url": oidc["issuer"], "oauth_pkce_enabled": True, "email_authentication": True}
        return [app]

    def get_requests_session(self) -> requests.Session:
        return IssuerSession()

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """By `User.email` alone: an address that somebody else asked for and did not confirm proves nothing."""
        email = verified_email(sociallogin)
        user = User.objects.filter(email=email, deleted_at=None).first() if email else None
        return (user, user.email) if user else None

    def on_authentication_error(self, request: HttpRequest, provider: Any, error: Any = None, **details: Any) -> None:
        raise refuse(request, _("Signing in at %(name)s did not work. Try again.") % {"name": name()})

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        if not sociallogin.is_existing:
            sociallogin.user = self._register(request, sociallogin)
            return
        user = sociallogin.user
        if not isinstance(user, User) or not user.is_active or user.deleted_at is not None:
            raise refuse(request, _("This account cannot sign in."))
        if sociallogin._did_authenticate_by_email and not confirmation.is_confirmed(user):
            take_over(request, user)

    def _register(self, request: HttpRequest, sociallogin: SocialLogin) -> User:
        email = verified_email(sociallogin)
        if not email:
            raise refuse(request, _("%(name)s did not say that your email address is confirmed.") % {"name": name()})
        site = SiteSettings.objects.current()
        is_open = site.registration == SiteSettings.Registration.OPEN
        by_invitation = site.registration == SiteSettings.Registration.INVITE_ONLY and invitations.is_invited(email)
        if not is_open and not by_invitation:
            raise refuse(request, _("There is no account for you here, and registration is closed."))
        try:
            count_registration(request)
            return _create(request, sociallogin, email, site)
        except (TooManyAttempts, LimitsUnavailable) as error:
            raise refuse(request, error.told) from error
        except IntegrityError as error:  # the same person came twice at once
            raise refuse(request, _("Signing in at %(name)s did not work. Try again.") % {"name": name()}) from error


def verified_email(sociallogin: SocialLogin) -> str:
    """The address that the issuer says is confirmed; empty if it does not say so of any."""
    # Some issuers send the word "false", which is true in Python.
    found = [one.email for one in sociallogin.email_addresses if one.verified in (True, "true")]
    email = normalize_email(found[0]) if found else ""
    return email if len(email) <= 254 else ""


@transaction.atomic
def take_over(request: HttpRequest, user: User) -> None:
    """The issuer knows whose address this is, and we do not: it may have been registered here by somebody else, to
    lie in wait for its owner. All that such a one could still come in by ends.
    """
    user.password = make_password(None)
    user.save(update_fields=["password"])
    end_sign_ins(user, "address confirmed elsewhere")
    api_tokens.revoke_all(user, "address confirmed elsewhere", request=request)
    Authenticator.objects.filter(user_id=user.pk).delete()
    confirmation.count_as_confirmed(user)
    account = user.personal_account
    audit.record(audit.Action.EMAIL_CONFIRMED, request=request, actor=user, account=account, by=PROVIDER_ID)
    notify(user, _("You signed in by way of another site. What let somebody in before no longer works."))


@transaction.atomic
def _create(request: HttpRequest, sociallogin: SocialLogin, email: str, site: SiteSettings) -> User:
    claims = sociallogin.account.extra_data
    claims = claims.get("userinfo") or claims.get("id_token") or claims
    user = User.objects.create_user(
        email,
        full_name=str(claims.get("name") or "")[:200].replace("\x00", ""),
        # The button says that by pressing it one accepts them.
        terms_accepted_at=timezone.now() if site.terms_required else None,
    )
    confirmation.count_as_confirmed(user)
    sociallogin.account.user = user
    sociallogin.account.save()
    audit.record(audit.Action.REGISTERED, request=request, actor=user, account=user.personal_account, by=PROVIDER_ID)
    return user


class ElsewhereRefused(requests.RequestException):
    """The issuer's own description leads to a host that nobody allowed."""


class IssuerSession(requests.Session):
    """Calls the issuer and the hosts that `OIDC_HOSTS` allows besides, by the issuer's scheme; follows no redirect."""

    SECONDS = 5

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        issuer, asked = urlsplit(settings.OIDC["issuer"]), urlsplit(str(url))
        if asked.scheme != issuer.scheme or asked.netloc not in {issuer.netloc, *settings.OIDC["hosts"]}:
            raise ElsewhereRefused(f"{asked.hostname} is neither OIDC_ISSUER's host nor among OIDC_HOSTS")
        return super().request(method, url, *args, **{"timeout": self.SECONDS, **options, "allow_redirects": False})
