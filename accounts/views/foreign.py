"""The way to the other site's sign-in. Back from there leads allauth's own view."""

from __future__ import annotations

import logging

import requests
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import View

from accounts import foreign_sign_in

log = logging.getLogger(__name__)


@method_decorator(never_cache, name="dispatch")
class ForeignSignInView(View):
    """Answers with a page that leads there, not with a redirect: the policy of the form's page lets forms lead to
    this site only, and browsers hold redirects of a form to that.
    """

    http_method_names = ["post"]

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not foreign_sign_in.is_on():
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            return redirect("home")
        following = request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
        provider = get_adapter().get_provider(request, foreign_sign_in.PROVIDER_ID)
        try:
            answer = provider.redirect(request, process="login", next_url=following if safe else None)
        except (requests.RequestException, OAuth2Error, KeyError) as error:
            log.warning("the OpenID Connect issuer cannot be used: %s", error)
            why = _("%(name)s cannot be reached at the moment. Try again shortly.") % {"name": foreign_sign_in.name()}
            return foreign_sign_in.refuse(request, why).response
        return render(request, "accounts/leaving.html", {"address": answer["Location"], "name": foreign_sign_in.name()})
