"""The page for registering: for anybody, for whom was invited, or for nobody, as the site settings say."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.contrib.auth.views import RedirectURLMixin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts import sessions
from accounts.api.fields import LONGEST_PASSWORD
from accounts.forms import PASSWORD_TOO_LONG
from accounts.models import SiteSettings, User, normalize_email
from accounts.registration import register
from accounts.views.invitation import followed_invitation, followed_token, forget_link
from accounts.views.refusals import refused
from doculume.errors import DoculumeError, InvalidRequest
from doculume.sentences import told

CLOSED, INVITED_ONLY, SENT = "closed", "invited only", "sent"


class RegisterForm(forms.Form):
    email = forms.EmailField(
        max_length=254, label=_("Email"), widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    full_name = forms.CharField(
        max_length=200, required=False, label=_("Name"), widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        help_text=password_validators_help_text_html,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"max_length": PASSWORD_TOO_LONG},
    )
    terms_of_service = forms.BooleanField(
        label=_("Terms of service"), error_messages={"required": _("The terms of service must be accepted.")}
    )

    refused: DoculumeError | None = None

    def __init__(self, *args: Any, invited: str = "", terms_required: bool = False, **kwargs: Any) -> None:
        """`invited` is the address that an invitation went to: nothing else can be registered by it."""
        super().__init__(*args, **kwargs)
        if not terms_required:
            del self.fields["terms_of_service"]
        if invited:
            self.fields["email"].disabled = True
            self.initial["email"] = invited

    def clean_email(self) -> str:
        return normalize_email(self.cleaned_data["email"])

    def clean(self) -> dict[str, Any]:
        fields = self.cleaned_data
        if "password" in fields:
            person = User(email=fields.get("email", ""), full_name=fields.get("full_name", ""))
            try:
                validate_password(fields["password"], person)
            except ValidationError as error:
                self.add_error("password", error)
        return fields

    def save(self, request: HttpRequest, invitation: str | None) -> User | None:
        """The new user, or None where a mail went out instead. Where it failed the form has errors afterwards."""
        fields = self.cleaned_data
        person = {name: fields[name] for name in ("email", "password", "full_name")}
        accepted = fields.get("terms_of_service", False)
        try:
            return register(request, **person, terms_accepted=accepted, invitation=invitation)
        except InvalidRequest as error:
            for name, texts in (error.details or {"": [error.message]}).items():
                self.add_error(name if name in self.fields else None, [told(text) for text in texts])
        except DoculumeError as error:
            self.refused = error
            self.add_error(None, error.told)
        return None


@method_decorator([sensitive_post_parameters("password"), never_cache], name="dispatch")
class RegisterView(RedirectURLMixin, FormView):
    """Registers and signs in at once, unless the address must be confirmed first.

    Then the page is the same whether the address was free or not.
    """

    template_name = "accounts/register.html"
    form_class = RegisterForm
    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(self.get_success_url())
        self.site = SiteSettings.objects.current()
        self.invitation = followed_invitation(request)
        if self.site.registration == SiteSettings.Registration.CLOSED:
            return self.render_to_response({"state": CLOSED}, status=403)
        if self.site.registration == SiteSettings.Registration.INVITE_ONLY and self.invitation is None:
            return self.render_to_response({"state": INVITED_ONLY, "next": self.get_redirect_url()}, status=403)
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        invited = self.invitation.email if self.invitation else ""
        return super().get_form_kwargs() | {"invited": invited, "terms_required": self.site.terms_required}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = {"invitation": self.invitation, "terms_url": self.site.terms_url}
        return super().get_context_data(**context, **{self.redirect_field_name: self.get_redirect_url()}, **kwargs)

    def form_valid(self, form: RegisterForm) -> HttpResponse:
        user = form.save(self.request, followed_token(self.request) if self.invitation else None)
        if form.refused:
            return refused(self.form_invalid(form), form.refused)
        if form.errors:
            return self.form_invalid(form)
        if user is None:
            return self.render_to_response({"state": SENT, "email": form.cleaned_data["email"]})
        return sessions.begin(self.request, user, self.after_joining() or self.get_success_url())

    def after_joining(self) -> str:
        """To the account that the invitation was for."""
        if self.invitation is None:
            return ""
        forget_link(self.request)
        return f"{reverse('home')}?account={self.invitation.account_id}"
