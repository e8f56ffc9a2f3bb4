"""The pages for signing in, signing out and registering."""

from __future__ import annotations

import math
from typing import Any, Protocol

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, LogoutView, RedirectURLMixin
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts.authentication import family_of_cookie
from accounts.cookies import clear_token_cookies
from accounts.forms import RegisterForm, SignInForm
from accounts.registration import is_open
from accounts.throttling import LimitsUnavailable, TooManyAttempts

BACKEND = "django.contrib.auth.backends.ModelBackend"


class Refusable(Protocol):
    refused: TooManyAttempts | LimitsUnavailable | None


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


@method_decorator([sensitive_post_parameters("password"), never_cache], name="dispatch")
class RegisterView(RedirectURLMixin, FormView):
    """Registers and signs in at once."""

    template_name = "accounts/register.html"
    form_class = RegisterForm
    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(self.get_success_url())
        if not is_open():
            return self.render_to_response({"closed": True}, status=403)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: RegisterForm) -> HttpResponse:
        user = form.save(self.request)
        if user is None:
            return with_status(self.form_invalid(form), form)
        login(self.request, user, backend=BACKEND)
        return redirect(self.get_success_url())


def with_status(response: HttpResponse, form: BaseForm | Refusable) -> HttpResponse:
    """The page with the form again; a refusal that is not about the form bears its status."""
    refused = getattr(form, "refused", None)
    if refused is not None:
        response.status_code = refused.status_code
        if refused.retry_after is not None:
            response["Retry-After"] = str(math.ceil(refused.retry_after))
    return response
