"""The page of one's API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import FormView, View

from accounts import api_tokens
from accounts.api_tokens import NameReserved, TooManyTokens
from accounts.models import ApiToken, Membership
from accounts.views.settings_pages import SensitivePage


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=100, label=gettext_lazy("Name"), help_text=gettext_lazy("What will use it, so that you know later.")
    )
    account = forms.ModelChoiceField(Membership.objects.none(), label=gettext_lazy("Account"), empty_label=None)
    days = forms.TypedChoiceField(
        label=gettext_lazy("Good for"),
        coerce=int,
        initial=365,
        choices=[
            (30, gettext_lazy("30 days")),
            (90, gettext_lazy("90 days")),
            (365, gettext_lazy("one year")),
            (0, gettext_lazy("ever, until it is revoked")),
        ],
    )

    def __init__(self, memberships: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["account"]
        field.queryset = memberships
        field.label_from_instance = lambda membership: membership.account.name
        field.initial = memberships.filter(account__personal_of__isnull=False).first()


class TokensView(SensitivePage, FormView):
    """Lists them, and makes one, whose text only the answer to that shows."""

    template_name = "accounts/api_tokens.html"
    form_class = TokenForm
    success_url = reverse_lazy("account-tokens")
    section = "tokens"

    def memberships(self) -> Any:
        mine = Membership.objects.filter(user_id=self.me.pk, account__deleted_at=None)
        return mine.select_related("account").order_by("account__name")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"memberships": self.memberships()}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        accounts = {one.account_id: one.account for one in self.memberships()}
        live = ApiToken.objects.live().filter(user_id=self.me.pk, account_id__in=list(accounts))
        tokens = list(live)
        for token in tokens:
            token.account = accounts[token.account_id]
        return super().get_context_data(tokens=tokens, **kwargs)

    def form_valid(self, form: TokenForm) -> HttpResponse:
        fields = form.cleaned_data
        try:
            with transaction.atomic():
                token, text = api_tokens.create(self.me, fields["account"].account, fields["name"], self.request)
                if fields["days"]:
                    token.expires_at = timezone.now() + timedelta(days=fields["days"])
                    token.save(update_fields=["expires_at"])
        except NameReserved as error:
            form.add_error("name", error.told_at_length)
            return self.form_invalid(form)
        except TooManyTokens as error:
            form.add_error(None, error.told)
            return self.form_invalid(form)
        return self.render_to_response(self.get_context_data(form=self.fresh_form(), new=token, new_text=text))

    def fresh_form(self) -> TokenForm:
        return TokenForm(self.memberships())


class RevokeTokenView(SensitivePage, View):
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        mine = ApiToken.objects.live().filter(user_id=self.me.pk, account__memberships__user_id=self.me.pk)
        token = get_object_or_404(mine, pk=pk)
        api_tokens.revoke(token, "revoked by its user", actor=self.me, request=request)
        messages.success(request, _("%(name)s was revoked.") % {"name": token.name})
        return redirect("account-tokens")

    def page_before(self) -> str:
        return reverse("account-tokens")
