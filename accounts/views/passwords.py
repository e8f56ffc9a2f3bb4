"""Pages for changing the password, and for choosing a new one without knowing the old one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordResetConfirmView
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts import password_resets, passwords, sessions
from accounts.api.fields import LONGEST_PASSWORD
from accounts.forms import PASSWORD_TOO_LONG, password_field
from accounts.models import User
from accounts.throttling import LimitsUnavailable, TooManyAttempts
from accounts.views.refusals import with_status
from accounts.views.settings_pages import SettingsPage


def new_password_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        help_text=password_validators_help_text_html,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"max_length": PASSWORD_TOO_LONG},
    )


class NewPasswordForm(forms.Form):
    """A password for `user`, as after a followed link."""

    new_password = new_password_field()

    refused: TooManyAttempts | LimitsUnavailable | None = None

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        validate_password(password, self.user)
        return password


class ChangePasswordForm(NewPasswordForm):
    """With the old one, for who has one: who came by another site's sign-in may set their first."""

    current_password = password_field(gettext_lazy("Current password"))
    field_order = ("current_password", "new_password")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        if not user.has_usable_password():
            del self.fields["current_password"]

    def clean_current_password(self) -> str:
        password: str = self.cleaned_data["current_password"]
        try:
            passwords.check_current(self.user, password)
        except passwords.WrongPassword as error:
            raise forms.ValidationError(error.told_at_length, code="wrong") from error
        except (TooManyAttempts, LimitsUnavailable) as error:
            self.refused = error
            raise forms.ValidationError(error.told, code=error.code) from error
        return password


@method_decorator(sensitive_post_parameters("current_password", "new_password"), name="dispatch")
class ChangePasswordView(SettingsPage, FormView):
    """All other sign-ins end; this session lives."""

    template_name = "accounts/password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("account-security")
    section = "security"

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"user": self.me}

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:
        passwords.change(self.request, form.user, form.cleaned_data["new_password"])
        sessions.keep_only_this(self.request, form.user)
        messages.success(self.request, _("Your password was changed, and all your other sign-ins have ended."))
        return super().form_valid(form)

    def form_invalid(self, form: ChangePasswordForm) -> HttpResponse:
        return with_status(super().form_invalid(form), form)


class RequestResetForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("Email"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )

    refused: TooManyAttempts | LimitsUnavailable | None = None


@method_decorator(never_cache, name="dispatch")
class RequestResetView(FormView):
    """Answers alike whoever has the address, or nobody."""

    template_name = "accounts/request_reset.html"
    form_class = RequestResetForm

    def form_valid(self, form: RequestResetForm) -> HttpResponse:
        email = form.cleaned_data["email"]
        try:
            password_resets.request_reset(self.request, email)
        except (TooManyAttempts, LimitsUnavailable) as error:
            form.refused = error
            form.add_error(None, error.told)
            return with_status(self.form_invalid(form), form)
        return render(self.request, self.template_name, {"sent_to": email})


@method_decorator(sensitive_post_parameters("new_password"), name="dispatch")
class ResetPasswordView(PasswordResetConfirmView):
    """Where the link leads. Django takes its key out of the address, keeps it in the session, and checks it again."""

    template_name = "accounts/reset_password.html"
    form_class = NewPasswordForm  # type: ignore[assignment]

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if user is not None and user.is_active else None

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        return super().render_to_response(context, status=200 if self.validlink else 404, **kwargs)

    def form_valid(self, form: NewPasswordForm) -> HttpResponse:  # type: ignore[override]
        password_resets.reset(self.request, form.user, form.cleaned_data["new_password"])
        del self.request.session[INTERNAL_RESET_SESSION_TOKEN]
        messages.success(self.request, _("Your password was changed. Sign in with the new one."))
        return redirect("sign-in")
