"""One's own conversations: to find one again, to read it, to take it along, and to be rid of it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import content_disposition_header, url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.pages import AreaPage
from chat import transcript
from chat.api import exporting
from chat.conversation_lists import ON_A_PAGE, PERIODS, Wanted, Whose, page_of
from chat.models import Conversation
from chat.pdf import TooLong
from chat.reading import ON_A_PAGE as MESSAGES_ON_A_PAGE
from chat.reading import messages_of, read
from doculume.errors import DoculumeError


class ConversationsArea(AreaPage):
    """Mixin: those of the person who looks. `prefix` begins the names of the pages."""

    area = "conversations"
    prefix: ClassVar[str] = ""

    @cached_property
    def whose(self) -> Whose:
        return Whose.of_user(self.account, self.membership.user)

    @property
    def conversations(self) -> QuerySet[Conversation]:
        return self.whose.conversations

    @cached_property
    def conversation(self) -> Conversation:
        return get_object_or_404(self.conversations, pk=self.kwargs["pk"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(prefix=self.prefix, pages=self.names(), **kwargs)

    def names(self) -> dict[str, str]:
        one = f"{self.prefix}conversation"
        return {
            "list": f"{one}s",
            "several": f"{one}s-several",
            "one": one,
            "delete": f"{one}-delete",
            "export": f"{one}-export",
        }

    def back(self) -> HttpResponse:
        """To the list as it was looked at."""
        wanted = self.request.POST.get("next", "")
        if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
            return redirect(wanted)
        return redirect(f"{reverse(self.names()['list'])}?account={self.account.pk}")


class ConversationsPage(ConversationsArea):
    """Newest first, in pages; `?q=` finds what was said."""

    template_name = "chat/conversations.html"

    @cached_property
    def wanted(self) -> Wanted:
        return Wanted.asked(self.request.GET)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = page_of(self.account, self.whose, self.wanted, self.request.GET)
        return super().get_context_data(wanted=self.wanted, page=page, rows=page.rows, periods=PERIODS, **kwargs)


class SeveralConversations(ConversationsPage):
    """What is done with those that were chosen: `do` is export or delete."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        ids = _ids(request.POST.getlist("id"))[:ON_A_PAGE]
        does = {"export": self._export, "delete": self._delete}.get(request.POST.get("do", ""))
        chosen = self.conversations.filter(id__in=ids)
        if not ids or does is None or not chosen.exists():
            messages.error(request, _("Choose conversations first, by the boxes before their names."))
            return self.back()
        return does(chosen)

    def _export(self, chosen: QuerySet[Conversation]) -> HttpResponse:
        whole = list(exporting.whole(self.account, chosen))
        for conversation in whole:
            conversation.account = self.account
            exporting.note_export(conversation, "json", request=self.request, actor=self.membership.user)
        shown = {"conversations": exporting.ExportSerializer(whole, many=True).data}
        headers = {
            "Content-Disposition": content_disposition_header(True, "conversations.json") or "attachment",
            "Cache-Control": "no-store",
        }
        return HttpResponse(exporting.as_json(shown), content_type="application/json", headers=headers)

    def _delete(self, chosen: QuerySet[Conversation]) -> HttpResponse:
        gone = list(chosen)
        for conversation in gone:
            conversation.account = self.account
            transcript.delete(conversation)
        told = ngettext("%(n)s conversation is deleted.", "%(n)s conversations are deleted.", len(gone))
        messages.success(self.request, told % {"n": len(gone)})
        return self.back()


class ReadConversation(ConversationsArea):
    """All that was said, a page at a time."""

    template_name = "chat/conversation_read.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asked = self.request.GET.get("page", "")
        said = Paginator(messages_of(self.account, self.conversation), MESSAGES_ON_A_PAGE)
        page = said.get_page(asked if asked.isdecimal() and len(asked) < 7 else 1)
        shown = list(page.object_list)
        return super().get_context_data(
            conversation=self.conversation,
            page=page,
            query="",
            said=read(shown, self.account, self.thumbs([str(message.id) for message in shown])),
            **kwargs,
        )

    def thumbs(self, message_ids: list[str]) -> dict[str, str]:
        """What was said of answers, by the ids of their messages."""
        return {}


class RenameConversation(ConversationsArea):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            transcript.rename(self.conversation, request.POST.get("title", ""))
        except DoculumeError as error:
            messages.error(request, error.told)
        else:
            messages.success(request, _("The new name is kept."))
        return self.goes_to(self.names()["one"], self.conversation.id)


class DeleteConversation(ConversationsArea):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        transcript.delete(self.conversation)
        messages.success(request, _("The conversation is deleted."))
        return self.goes_to(self.names()["list"])


class ExportConversation(ConversationsArea):
    """`?format=` json or pdf."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        kind = request.GET.get("format", "json")
        if kind not in exporting.KINDS:
            raise Http404
        try:
            whole = exporting.to_export(self.account, self.conversations, self.kwargs["pk"], kind)
            return exporting.download(whole, kind, request=request, actor=self.membership.user)
        except TooLong as error:
            messages.error(request, error.told)
            return self.goes_to(self.names()["one"], self.conversation.id)


def _ids(texts: list[str]) -> list[UUID]:
    """Those that are ids."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
