"""The page of an account's chatbot keys, and of the inbox that visitors write to. For owners and admins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Action, By
from accounts.models import User
from doculume.crypto import UnreadableSecret
from doculume.errors import DoculumeError
from integrations import keys
from integrations.forms import KeyForm, SupportForm
from integrations.models import ChatbotKey, ChatbotKeyIntegration, ChatbotSettings, Integration
from integrations.pages import IntegrationsArea
from integrations.support import inbox_of


@dataclass(frozen=True, slots=True)
class Shown:
    """A key with what it opens. `text` is empty where it cannot be read any more."""

    key: ChatbotKey
    text: str
    opens: list[Integration]


class KeysArea(IntegrationsArea):
    """Mixin for pages on which the keys are."""

    def may_open(self) -> bool:
        return self.membership.may_manage

    def by(self) -> By:
        assert isinstance(self.request.user, User)
        return {"request": self.request, "actor": self.request.user}


class KeysPage(KeysArea):
    template_name = "integrations/keys.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        integrations = list(Integration.objects.for_account(self.account))
        shown = {
            "form": KeyForm(integrations),
            "support": SupportForm({"support_email": inbox_of(self.account)}),
            "keys": self._shown({integration.id: integration for integration in integrations}),
            "is_of_plan": self.account.allowance.chatbot_questions_per_hour != 0,
        }
        return super().get_context_data(**shown | kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = KeyForm(Integration.objects.for_account(self.account), request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        said = form.cleaned_data
        try:
            keys.create(self.account, said["name"], integrations=form.bound, origins=said["origins"], **self.by())
        except DoculumeError as error:
            return self.again(error, form=form)
        messages.success(request, _("The key is there."))
        return self.goes_to("chatbot-keys")

    def _shown(self, integrations: dict[Any, Integration]) -> list[Shown]:
        rows = list(ChatbotKey.objects.for_account(self.account).live())
        opened: dict[Any, list[Integration]] = {key.id: [] for key in rows}
        for binding in ChatbotKeyIntegration.objects.for_account(self.account).filter(key_id__in=list(opened)):
            if integration := integrations.get(binding.integration_id):
                opened[binding.key_id].append(integration)
        return [Shown(key, text_or_nothing(key), opened[key.id]) for key in rows]


class OneKey(KeysPage):
    """Mixin for what is done to one live key; another account's is a 404."""

    http_method_names = ["post", "options"]

    @cached_property
    def key(self) -> ChatbotKey:
        found: ChatbotKey = get_object_or_404(ChatbotKey.objects.for_account(self.account).live(), id=self.kwargs["pk"])
        return found


class RotateKey(OneKey):
    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        keys.rotate(self.key, **self.by())
        messages.success(request, _("%(name)s has a new text. Put it in your pages.") % {"name": self.key.name})
        return self.goes_to("chatbot-keys")


class RevokeKey(OneKey):
    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        keys.revoke(self.key, "revoked by its account", **self.by())
        messages.success(request, _("%(name)s was revoked.") % {"name": self.key.name})
        return self.goes_to("chatbot-keys")


class KeyIdentity(OneKey):
    """What a site signs its visitors with, which is shown once, and whether it has to."""

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if "make" in request.POST:
            secret = keys.make_identity_secret(self.key, **self.by())
            return self.render_to_response(self.get_context_data(secret=secret, secret_of=self.key))
        keys.require_identity(self.key, "required" in request.POST, **self.by())
        messages.success(request, _("Saved."))
        return self.goes_to("chatbot-keys")


class SupportInbox(KeysPage):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = SupportForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(support=form))
        ChatbotSettings.objects.update_or_create(account=self.account, defaults=form.cleaned_data)
        audit.record(Action.SETTINGS_CHANGED, account=self.account, target="support inbox", **self.by())
        messages.success(request, _("Saved."))
        return self.goes_to("chatbot-keys")


def text_or_nothing(key: ChatbotKey) -> str:
    try:
        return keys.text_of(key)
    except UnreadableSecret:
        return ""
