"""The page that the link in a mail leads to."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts import confirmation, sessions
from accounts.confirmation import LinkInvalid
from accounts.views.refusals import with_status
from accounts.views.signing_in import PasswordForm


@method_decorator([sensitive_post_parameters("password"), never_cache], name="dispatch")
class ConfirmEmailView(FormView):
    """Shows which address, and believes it when who it is for is signed in or gives their password.

    The link alone is not enough: somebody else may have registered the address with a password of their own, and its
    owner would open it to them by the press of a button.
    """

    template_name = "accounts/confirm_email.html"
    address: EmailAddress

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.address = confirmation.address_of_link(kwargs["key"])
            return super().dispatch(request, *args, **kwargs)
        except LinkInvalid:
            return render(request, self.template_name, {"invalid": True}, status=404)

    def is_known(self) -> bool:
        return self.request.user.pk == self.address.user_id

    def get_form_class(self) -> type[forms.Form]:
        return forms.Form if self.is_known() else PasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        own = {} if self.is_known() else {"request": self.request, "user": self.address.user}
        return super().get_form_kwargs() | own

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        must_sign_in = not self.is_known() and not self.address.user.has_usable_password()
        return super().get_context_data(email=self.address.email, must_sign_in=must_sign_in, **kwargs)

    def form_valid(self, form: forms.Form) -> HttpResponse:
        user = confirmation.confirm(self.request, self.kwargs["key"])
        messages.success(self.request, _("%(email)s is confirmed.") % {"email": user.email})
        if self.request.user.is_authenticated:
            return redirect("account-profile")
        return sessions.begin(self.request, user, settings.LOGIN_REDIRECT_URL)

    def form_invalid(self, form: Any) -> HttpResponse:
        return with_status(super().form_invalid(form), form)
