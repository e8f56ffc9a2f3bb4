"""The page for security, and what it leads to: password, second factor, recovery codes, sign-ins."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from uuid import UUID

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.flows import generate_recovery_codes, view_recovery_codes
from allauth.mfa.totp.internal.auth import clear_totp_secret, get_totp_secret, validate_totp_code
from allauth.mfa.totp.internal.flows import activate_totp, deactivate_totp
from allauth.usersessions.internal.flows.sessions import end_other_sessions
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, TemplateView, View

from accounts import audit, second_factor, sessions
from accounts.models import TokenFamily, User
from accounts.throttling import LimitsUnavailable, TooManyAttempts
from accounts.views.refusals import with_status
from accounts.views.settings_pages import SensitivePage, SettingsPage
from accounts.views.signing_in import PasswordForm


class SecurityView(SettingsPage, TemplateView):
    template_name = "accounts/security.html"
    section = "security"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.me
        here = self.request.session.session_key
        listed = UserSession.objects.purge_and_list(user)
        codes = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).first()
        return super().get_context_data(
            two_factor=second_factor.is_on(user),
            codes_left=len(codes.wrap().get_unused_codes()) if codes else 0,
            sessions=[
                {
                    "id": one.pk,
                    "browser": sessions.in_words(one.user_agent),
                    "address": "" if one.ip == "0.0.0.0" else one.ip,  # noqa: S104
                    "since": one.created_at,
                    "seen": one.last_seen_at,
                    "is_this": one.session_key == here,
                }
                for one in sorted(listed, key=lambda one: (one.session_key != here, -one.last_seen_at.timestamp()))
            ],
            families=TokenFamily.objects.live().filter(user_id=user.pk).order_by("-last_used_at"),
            **kwargs,
        )


class EndSignInView(SettingsPage, View):
    """Ends one session (`session`) or one sign-in by token (`family`) of one's own."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        if family := request.POST.get("family"):
            live = TokenFamily.objects.live().filter(user_id=self.me.pk)
            get_object_or_404(live, pk=_uuid(family)).revoke("ended by its user")
        else:
            number = request.POST.get("session", "")
            mine = UserSession.objects.filter(user_id=self.me.pk)
            found = get_object_or_404(mine, pk=int(number) if number.isdecimal() and len(number) < 18 else 0)
            found.end()
        _record_end(request, self.me)
        messages.success(request, _("That sign-in has ended."))
        return redirect("account-security")


class EndOthersView(SettingsPage, View):
    """Ends all sign-ins of one's own but this session."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        end_other_sessions(request, self.me)
        TokenFamily.objects.filter(user_id=self.me.pk).revoke("ended by its user")
        _record_end(request, self.me, everywhere=True)
        messages.success(request, _("You are signed out everywhere else."))
        return redirect("account-security")


class TotpForm(forms.Form):
    """The code that shows that an app has the secret, which is in the session until then."""

    code = forms.CharField(
        max_length=16,
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("The six digits that the app shows now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    refused: TooManyAttempts | LimitsUnavailable | None = None

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.secret = get_totp_secret(regenerate=False)

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            with second_factor.CODES_OF_USER.failures(str(self.user.pk), failure=forms.ValidationError):
                if not validate_totp_code(self.secret, "".join(code.split())):
                    raise forms.ValidationError(_("That is not the code that the app shows now."), code="wrong")
        except (TooManyAttempts, LimitsUnavailable) as error:
            self.refused = error
            raise forms.ValidationError(error.told, code=error.code) from error
        return code


@method_decorator(sensitive_post_parameters("code"), name="dispatch")
class TwoFactorView(SensitivePage, FormView):
    """Turns the second factor on: shows the secret, and wants a code made of it."""

    template_name = "accounts/two_factor.html"
    form_class = TotpForm
    success_url = reverse_lazy("account-recovery-codes")
    section = "security"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and second_factor.is_on(request.user):
            return redirect("account-security")
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"user": self.me}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        secret = context["form"].secret
        adapter = get_adapter()
        picture = adapter.build_totp_svg(adapter.build_totp_url(self.me, secret))
        context["qr"] = f"data:image/svg+xml;base64,{b64encode(picture.encode()).decode()}"
        context["secret"] = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
        return context

    def form_valid(self, form: TotpForm) -> HttpResponse:
        try:
            totp, _codes = activate_totp(self.request, form)
            second_factor.count_as_used(totp, form.cleaned_data["code"])
        except IntegrityError:  # pressed twice: the first one did it
            return redirect("account-security")
        return super().form_valid(form)

    def form_invalid(self, form: TotpForm) -> HttpResponse:
        return with_status(super().form_invalid(form), form)


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class TwoFactorOffView(SensitivePage, FormView):
    """Turns the second factor off, for who knows the password."""

    template_name = "accounts/two_factor_off.html"
    form_class = PasswordForm
    success_url = reverse_lazy("account-security")
    section = "security"

    def get_form_class(self) -> type[forms.Form]:
        return PasswordForm if self.me.has_usable_password() else forms.Form

    def get_form_kwargs(self) -> dict[str, Any]:
        own = {"request": self.request, "user": self.me}
        return super().get_form_kwargs() | (own if self.get_form_class() is PasswordForm else {})

    def form_valid(self, form: forms.Form) -> HttpResponse:
        totp = Authenticator.objects.filter(user_id=self.me.pk, type=Authenticator.Type.TOTP).first()
        if totp:
            deactivate_totp(self.request, totp)
            messages.success(self.request, _("Two-factor authentication is off."))
        clear_totp_secret(self.request)
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        return with_status(super().form_invalid(form), form)


class RecoveryCodesView(SensitivePage, TemplateView):
    """Shows new recovery codes, once; makes new ones, and then the old are good no more."""

    template_name = "accounts/recovery_codes.html"
    section = "security"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        codes, may_show = view_recovery_codes(self.request)
        shown = codes.get_unused_codes() if codes and may_show else []
        text = "".join(f"{code}\n" for code in shown)
        return super().get_context_data(
            codes=shown,
            codes_left=len(codes.get_unused_codes()) if codes else 0,
            download=f"data:text/plain;base64,{b64encode(text.encode()).decode()}" if shown else "",
            two_factor=second_factor.is_on(self.me),
            **kwargs,
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        if second_factor.is_on(self.me):
            generate_recovery_codes(request)
        return redirect(reverse("account-recovery-codes"))


def _record_end(request: HttpRequest, user: User, **details: Any) -> None:
    audit.record(audit.Action.SIGNED_OUT, request=request, actor=user, account=user.personal_account, **details)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
