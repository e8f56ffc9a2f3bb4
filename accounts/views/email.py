"""The page that the link in a mail leads to."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from accounts import confirmation
from accounts.confirmation import LinkInvalid


@method_decorator(never_cache, name="dispatch")
class ConfirmEmailView(TemplateView):
    """Shows which address, and believes it when the button is pressed: programs that look into mails follow links."""

    template_name = "accounts/confirm_email.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except LinkInvalid:
            return render(request, self.template_name, {"invalid": True}, status=404)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        address = confirmation.address_of_link(kwargs["key"])
        return super().get_context_data(email=address.email, **kwargs)

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        user = confirmation.confirm(request, key)
        messages.success(request, _("%(email)s is confirmed.") % {"email": user.email})
        return redirect("account-profile" if request.user.is_authenticated else "sign-in")
