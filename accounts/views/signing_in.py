"""The pages for signing in, in one step or two, for showing again who one is, and for signing out."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.stagekit import clear_login
from allauth.account.stages import LoginStage
from django import forms
from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts import audit, foreign_sign_in, second_factor, sessions
from accounts.authentication import family_of_cookie
from accounts.cookies import clear_token_cookies
from accounts.forms import SignInForm, password_field
from accounts.models import SiteSettings, User
from accounts.signing_in import WrongCredentials, user_by_password
from accounts.throttling import LimitsUnavailable, TooManyAttempts
from accounts.views.refusals import with_status
from accounts.views.settings_pages import SettingsPage


class SignInView(LoginView):
    """Goes on to `next` where that is an address of this site, else to the start page; for the admin as well."""

    template_name = "accounts/sign_in.html"
    form_class = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = SiteSettings.objects.current()
        return super().get_context_data(
            registration_open=site.registration == SiteSettings.Registration.OPEN,
            foreign_sign_in=foreign_sign_in.name() if foreign_sign_in.is_on() else "",
            terms_url=site.terms_url if site.terms_required else "",
            **kwargs,
        )

    def form_valid(self, form: Any) -> HttpResponse:
        return sessions.begin(self.request, form.get_user(), self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        return with_status(super().form_invalid(form), form)


class CodeForm(forms.Form):
    """A one-time password or a recovery code. What holds is spent by `is_valid()`."""

    code = forms.CharField(
        max_length=64,
        label=_("Code"),
        help_text=_("The six digits that your authenticator app shows, or one of your recovery codes."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )

    refused: TooManyAttempts | LimitsUnavailable | None = None

    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, user

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            second_factor.demand(self.user, code, self.request)
        except second_factor.WrongCode as error:
            audit.record(
                audit.Action.SIGN_IN_FAILED,
                request=self.request,
                account=self.user.personal_account,
                actor_name=self.user.email,
                step="second factor",
            )
            raise forms.ValidationError(error.told, code="wrong") from error
        except (TooManyAttempts, LimitsUnavailable) as error:
            self.refused = error
            raise forms.ValidationError(error.told, code=error.code) from error
        return code


@method_decorator([sensitive_post_parameters("code"), never_cache], name="dispatch")
class SecondFactorView(FormView):
    """The second step of a sign-in whose password was right. Without such a sign-in it leads to the first."""

    template_name = "accounts/second_factor.html"
    form_class = CodeForm
    stage: LoginStage

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(settings.LOGIN_REDIRECT_URL)
        stage = sessions.waiting_stage(request)
        if stage is None:
            clear_login(request)
            return redirect("sign-in")
        self.stage = stage
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request, "user": self.stage.login.user}

    def form_valid(self, form: CodeForm) -> HttpResponse:
        record_authentication(self.request, form.user, "mfa")
        return self.stage.exit()

    def form_invalid(self, form: CodeForm) -> HttpResponse:
        return with_status(super().form_invalid(form), form)


class PasswordForm(forms.Form):
    """The password of who is signed in, counted like a sign-in."""

    password = password_field(_("Password"), autofocus=True)

    refused: TooManyAttempts | LimitsUnavailable | None = None

    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        try:
            user_by_password(self.request, self.user.email, password)
        except WrongCredentials as error:
            raise forms.ValidationError(_("That is not your password."), code="wrong") from error
        except (TooManyAttempts, LimitsUnavailable) as error:
            self.refused = error
            raise forms.ValidationError(error.told, code=error.code) from error
        return password


@method_decorator(sensitive_post_parameters("password", "code"), name="dispatch")
class ShowAgainView(SettingsPage, RedirectURLMixin, FormView):
    """Asks for the password once more before a sensitive change; who has none gives a code of the second factor."""

    template_name = "accounts/show_again.html"
    next_page = "account-security"

    def get_form_class(self) -> type[PasswordForm] | type[CodeForm]:
        return PasswordForm if self.me.has_usable_password() else CodeForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request, "user": self.me}

    def form_valid(self, form: forms.Form) -> HttpResponse:
        sessions.shown_again(self.request)
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        return with_status(super().form_invalid(form), form)


class SignOutView(LogoutView):
    """Ends the session, and the sign-in by cookies in the same browser if there is one."""

    next_page = settings.LOGOUT_REDIRECT_URL

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        if family := family_of_cookie(request):
            family.revoke("signed out")
        if isinstance(request.user, User):
            user = request.user
            audit.record(audit.Action.SIGNED_OUT, request=request, actor=user, account=user.personal_account)
            sessions.forget(request)
        response = super().post(request, *args, **kwargs)
        clear_token_cookies(response)
        return response
