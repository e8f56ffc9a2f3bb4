"""The page where documents are uploaded and asked. What it shows, it gets from the API."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView

from accounts.models import SiteSettings
from accounts.pages import AccountPage
from chat.attention import concerns
from chat.models import Conversation


class HomePage(AccountPage, TemplateView):
    """Documents on the left, a new conversation in the middle."""

    template_name = "chat/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = SiteSettings.objects.current()
        shown: dict[str, Any] = {"upload_max_bytes": site.upload_limit}
        if "conversation" not in kwargs:  # which would be read over them
            shown["concerns"] = concerns(self.membership, confirms_email=site.email_confirmation_required)
        return super().get_context_data(**shown | kwargs)


class ConversationPage(HomePage):
    """The same page with a conversation of the user's own in it."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own = Conversation.objects.for_account(self.account).of(self.membership.user)
        conversation = get_object_or_404(own, pk=self.kwargs["pk"])
        return super().get_context_data(conversation=conversation, **kwargs)
