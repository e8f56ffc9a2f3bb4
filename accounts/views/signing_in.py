"""The pages for signing in and out."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts.authentication import family_of_cookie
from accounts.cookies import clear_token_cookies
from accounts.forms import SignInForm
from accounts.registration import is_open
from accounts.views.refusals import with_status


class SignInView(LoginView):
    """Goes on to `next` where that is an address of this site, else to the start page."""

    template_name = "accounts/sign_in.html"
    form_class = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(registration_open=is_open(), **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        return with_status(super().form_invalid(form), form)


class SignOutView(LogoutView):
    """Ends the session, and the sign-in by cookies in the same browser if there is one."""

    next_page = settings.LOGOUT_REDIRECT_URL

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        if family := family_of_cookie(request):
            family.revoke("signed out")
        response = super().post(request, *args, **kwargs)
        clear_token_cookies(response)
        return response
