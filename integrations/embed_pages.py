"""Putting an integration on a page: the line to paste, how its widget looks, and a look at it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_replace
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from accounts.links import AddressUnknown, absolute
from doculume.errors import DoculumeError
from integrations import keys
from integrations.appearance import appearance_of
from integrations.forms import AppearanceForm
from integrations.key_pages import KeysArea, text_or_nothing
from integrations.models import ChatbotKey, Integration
from integrations.pages import OneIntegration

HIDDEN_KEY = "cb_…"
LOOKS = ("theme", "color", "position", "language")


class Embedding(OneIntegration):
    """Mixin for pages with a key of the integration's in them."""

    @cached_property
    def key_text(self) -> str:
        """Of the newest key that opens the integration; empty where there is none, or none that one may see."""
        if not self.membership.may_manage:
            return ""
        own = ChatbotKey.objects.for_account(self.account).live()
        bound = own.filter(bindings__account=self.account, bindings__integration_id=self.integration.id)
        key = bound.first()
        return text_or_nothing(key) if key else ""


class EmbedPage(Embedding):
    template_name = "integrations/embed.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {
            "form": AppearanceForm(chosen=self.integration.appearance),
            "snippet": self.snippet,
            "has_key": bool(self.key_text),
        }
        return super().get_context_data(**shown | kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        form = AppearanceForm(request.POST, chosen=self.integration.appearance)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        own = Integration.objects.for_account(self.account).filter(id=self.integration.id)
        own.update(appearance=form.chosen, updated_at=timezone.now())
        messages.success(request, _("Saved. Pages that embed it look like this from now on."))
        return self.goes_to("integration-embed", self.integration.id)

    @property
    def snippet(self) -> SafeString:
        """The line to paste, as text; what is in it is harmless in a page."""
        try:
            address = absolute(static("widget/widget.js"), self.request)
        except AddressUnknown:
            address = self.request.build_absolute_uri(static("widget/widget.js"))
        line = '<script src="{}" data-key="{}" data-integration="{}" async></script>'
        return format_html(line, address, self.key_text or HIDDEN_KEY, self.integration.id)


class EmbedKey(KeysArea, EmbedPage):
    """Making a key for one integration, from the page that needs it."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            keys.create(self.account, self.integration.name[:100], integrations=[self.integration], **self.by())
        except DoculumeError as error:
            return self.again(error)
        messages.success(request, _("The key is there."))
        return self.goes_to("integration-embed", self.integration.id)


@method_decorator([xframe_options_sameorigin, csp_replace({"frame-ancestors": [SELF]})], name="dispatch")
class PreviewPage(KeysArea, Embedding):
    """A page with the widget on it, to be shown in a frame of the one above. How it looks may be tried by `?theme=`
    and the like before it is saved."""

    template_name = "integrations/preview.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        tried = {name: self.request.GET[name] for name in LOOKS if name in self.request.GET}
        look = appearance_of(self.integration.appearance | tried)
        return super().get_context_data(look=look, key_text=self.key_text, **kwargs)
