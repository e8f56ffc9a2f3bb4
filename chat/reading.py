"""A conversation as people read it: each answer with its marks leading to what they cite, and how it was made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy

from accounts.models import Account
from chat.html import as_html
from chat.models import Citation, Conversation, Message

ON_A_PAGE = 40
TAG = re.compile(r"(<[^>]*>)")
MARK = re.compile(r"[ \t]?\[(\d{1,3})\]")
# Marks stand for themselves in these.
VERBATIM = re.compile(r"<(/?)(?:a|code|pre)\b")
LEADS_SOMEWHERE = re.compile(r"/documents/|https?://")

STAGES = {
    "rewrite": gettext_lazy("understood"),
    "retrieve": gettext_lazy("searched"),
    "prompt": gettext_lazy("sources chosen"),
    "first_token": gettext_lazy("first word"),
    "total": gettext_lazy("whole answer"),
}
REASONS = {
    "stop": "",
    "no_relevant_results": "",
    "length": gettext_lazy("It was cut off at the greatest length that the model writes."),
    "The reader left.": gettext_lazy("The reader left."),
    "The server stopped while this was written.": gettext_lazy("The server stopped while this was written."),
}


@dataclass(frozen=True, slots=True)
class Source:
    """What a mark leads to; `address` is empty where it is gone or was never a page."""

    citation: Citation
    address: str

    @property
    def name(self) -> str:
        return self.citation.file_name or self.citation.title or self.citation.url

    @property
    def is_own(self) -> bool:
        return self.address.startswith("/")


@dataclass(frozen=True, slots=True)
class Said:
    """A message. `also` are passages that were found and not cited; `thumb` is what a visitor said of it."""

    message: Message
    html: SafeString
    sources: list[Source] = field(default_factory=list)
    also: list[dict[str, Any]] = field(default_factory=list)
    thumb: str = ""

    @property
    def is_question(self) -> bool:
        return self.message.role == Message.Role.USER

    @property
    def found_nothing(self) -> bool:
        return self.message.reason == "no_relevant_results"

    @property
    def why(self) -> Any:
        """Why it ended as it did, where that says something."""
        return REASONS.get(self.message.reason, self.message.reason)

    @property
    def seconds(self) -> float | None:
        total = self.message.timings.get("total")
        return total / 1000 if isinstance(total, int | float) else None

    @property
    def stages(self) -> list[tuple[Any, int]]:
        """What was reached after how many milliseconds."""
        known = ((STAGES.get(name, name.replace("_", " ")), value) for name, value in self.message.timings.items())
        return sorted(((name, round(value)) for name, value in known if isinstance(value, int | float)), key=_second)


def messages_of(account: Account, conversation: Conversation) -> QuerySet[Message]:
    """The oldest first, with what they cite."""
    citations = Prefetch("citations", Citation.objects.filter(account=account))
    said = Message.objects.filter(account=account, conversation=conversation)
    return said.order_by("created_at", "id").prefetch_related(citations)


def read(messages: list[Message], account: Account, thumbs: dict[str, str]) -> list[Said]:
    """`thumbs` by the ids of messages."""
    return [_said(message, account, thumbs.get(str(message.id), "")) for message in messages]


def _said(message: Message, account: Account, thumb: str) -> Said:
    if message.role == Message.Role.USER:
        return Said(message, SafeString())
    sources = [Source(citation, _address(citation, account)) for citation in message.citations.all()]
    by_index = {source.citation.index: source for source in sources}
    html = _marked(as_html(message.content), lambda mark: _mark(mark, by_index))
    return Said(message, html, sources, _not_cited(message, sources), thumb)


def _address(citation: Citation, account: Account) -> str:
    if not LEADS_SOMEWHERE.match(citation.source):
        return citation.url if LEADS_SOMEWHERE.match(citation.url) else ""
    return f"{citation.source}&account={account.pk}" if citation.source.startswith("/") else citation.source


def _not_cited(message: Message, sources: list[Source]) -> list[dict[str, Any]]:
    cited = {str(source.citation.chunk_id) for source in sources}
    found = message.sources if isinstance(message.sources, list) else []
    return [one for one in found if isinstance(one, dict) and one.get("filename") and one.get("chunk_id") not in cited]


def with_marks(html: str, target: Callable[[int], str]) -> SafeString:
    """Cleaned HTML with its marks leading to what `target` says on the same page; as they are where that is empty."""

    def mark(found: re.Match[str]) -> str:
        address = target(int(found[1]))
        return format_html('<sup><a class="cite" href="{}">{}</a></sup>', address, found[1]) if address else found[0]

    return _marked(html, mark)


def _marked(html: str, mark: Callable[[re.Match[str]], str]) -> SafeString:
    return mark_safe("".join(_pieces(html, mark)))  # noqa: S308  (cleaned before, and what is put in is escaped)


def _pieces(html: str, mark: Callable[[re.Match[str]], str]) -> Iterator[str]:
    verbatim = 0
    for piece in TAG.split(html):
        if tag := VERBATIM.match(piece):
            verbatim += -1 if tag[1] else 1
        is_text = not verbatim and not piece.startswith("<")
        yield MARK.sub(mark, piece) if is_text else piece


def _mark(mark: re.Match[str], sources: dict[int, Source]) -> str:
    source = sources.get(int(mark[1]))
    if source is None:
        return mark[0]
    if not source.address:
        return format_html('<sup><span class="cite cite-unknown" title="{}">{}</span></sup>', source.name, mark[1])
    return format_html(
        '<sup><a class="cite" href="{}" title="{}" target="_blank" rel="noopener noreferrer">{}</a></sup>',
        source.address,
        source.name,
        mark[1],
    )


def _second(pair: tuple[Any, int]) -> int:
    return pair[1]
