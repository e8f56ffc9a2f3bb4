"""The playground: a question is tried with any settings, and how its answer came about is shown."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString

from accounts import rate_limits
from accounts.liveness import Credential
from accounts.models import Account
from accounts.pages import AreaPage
from accounts.rate_limits import RateLimited
from chat import passing, sse
from chat.answering import answer
from chat.citations import source_link
from chat.collecting import AnswerFailed
from chat.events import CitationFound, CitationPayload, Event, Failed, StreamEnd, StreamStart, TextDelta
from chat.html import as_html
from chat.passing import Passing
from chat.reading import with_marks
from chat.watching import while_it_holds
from doculume.dialects import StructuredDialect
from doculume.errors import DoculumeError, InvalidRequest
from doculume.threads import without_database
from integrations import plots
from integrations.playground_forms import TrialForm
from integrations.trying import Looked, Piece, Trial, look, pieces_of, question_of, stages_of_answer
from knowledge.models import Entry
from knowledge.search import SearchHit

STREAM = "text/event-stream"
Stages = Callable[["Told | None"], str]
"""What is shown of an answer when it is over; None where there was none."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A source with its number among those that were found; `index` is that by which the answer cites it."""

    number: int
    hit: SearchHit
    pieces: list[Piece]
    link: str
    index: int | None


@dataclass
class Told:
    """An answer as its events told it."""

    model: str = ""
    text: str = ""
    citations: list[CitationPayload] = field(default_factory=list)
    reason: str = ""
    timings: dict[str, float] = field(default_factory=dict)
    tokens: tuple[int, int] = (0, 0)

    def hear(self, event: Event) -> None:
        match event:
            case StreamStart():
                self.model = event.model
            case TextDelta():
                self.text += event.text
            case CitationFound():
                self.citations.append(event.citation)
            case StreamEnd():
                self.reason, self.timings = event.reason, event.timings
                self.tokens = (event.prompt_tokens, event.completion_tokens)
            case Failed():
                raise AnswerFailed(event)

    @property
    def html(self) -> SafeString:
        cited = {citation["index"] for citation in self.citations}
        return with_marks(as_html(self.text), lambda number: f"#source-{number}" if number in cited else "")


class PlaygroundPage(AreaPage):
    """The form with what the address says; what is posted is tried, as a stream for who accepts one.

    Whoever may ask may try: all who belong to the account.
    """

    area = "playground"
    template_name = "integrations/playground.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=TrialForm.shared(self.account, request.GET)))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        has_entries = Entry.objects.for_account(self.account).filter(active_generation__gt=0).exists()
        return super().get_context_data(**{"has_entries": has_entries, "trial": None} | kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        form = TrialForm(self.account, request.POST)
        try:
            self._count()
            response = self._tried(form)
        except DoculumeError as error:
            response = self._refused(error, form)
        patch_vary_headers(response, ["Accept"])
        return response

    @property
    def streams(self) -> bool:
        return STREAM in self.request.headers.get("Accept", "")

    def _count(self) -> None:
        """A trial costs what a question costs, and counts among the requests as one."""
        usage = rate_limits.count(self.request, rate_limits.of_member(self.membership.user, self.account))
        if usage.is_over:
            raise RateLimited(usage)

    def _tried(self, form: TrialForm) -> HttpResponseBase:
        if not form.is_valid():
            if self.streams:
                raise InvalidRequest(details={form[name].label: texts for name, texts in form.errors.items()})
            return self.render_to_response(self.get_context_data(form=form))
        trial = form.trial(self.membership.user)
        turn, looked = self._begun(trial)
        events = self._events(trial, turn, looked) if turn else None
        if self.streams:
            return self._stream(trial, looked, events)
        told = without_database(told_of)(events) if events else None
        shown = self.shown(trial, looked, told)
        return self.render_to_response(
            self.get_context_data(form=form, trial=shown, link=link_to(self.request.POST, self.account))
        )

    def _begun(self, trial: Trial) -> tuple[Passing | None, Looked]:
        """Without an answer there is nothing to count."""
        if trial.only_search:
            return None, look(trial)
        turn = passing.begin(self.account, self.membership.user, trial.model)
        turn.history, turn.integration_id = trial.history, trial.integration_id
        try:
            return turn, look(trial, turn.models)
        except Exception:
            turn.give_back()
            raise

    def _events(self, trial: Trial, turn: Passing, looked: Looked) -> AsyncGenerator[Event, None]:
        credential = Credential.shown(self.membership, None, self.request.session.session_key)
        return while_it_holds(answer(turn, question_of(trial, looked)), credential, turn)

    def _stream(
        self, trial: Trial, looked: Looked, events: AsyncGenerator[Event, None] | None
    ) -> StreamingHttpResponse:
        """What was found as the first event, then those of the answer; the last one brings the stages."""
        found = {"type": "found", "html": self._part("found", self.shown(trial, looked, None))}
        language = translation.get_language()

        def stages(told: Told | None) -> str:
            with translation.override(language):
                return self._part("stages", self.shown(trial, looked, told))

        response = StreamingHttpResponse(_frames(found, events, stages), content_type=STREAM)
        response["Cache-Control"] = "no-cache"
        response["X-Accel-Buffering"] = "no"
        return response

    def _part(self, name: str, shown: dict[str, Any]) -> str:
        return render_to_string(f"integrations/trial_{name}.html", {"trial": shown, "account": self.account})

    def shown(self, trial: Trial, looked: Looked, told: Told | None) -> dict[str, Any]:
        stages = [*looked.stages, *stages_of_answer(looked.took, told.timings if told else {})]
        return {
            "asked": trial,
            "told": told,
            "looked": looked,
            "passages": list(self._passages(looked, told)),
            "waterfall": plots.waterfall(stages),
            "is_rewritten": looked.searched_for != trial.text,
            "prompt": looked.prompt if self.membership.may_manage else None,
        }

    def _passages(self, looked: Looked, told: Told | None) -> Sequence[Passage]:
        cited = {citation["chunk_id"]: citation for citation in told.citations} if told else {}
        spans = looked.found.spans()
        found = []
        for number, hit in enumerate(looked.found.hits, 1):
            citation = cited.get(str(hit.chunk_id))
            quoted = [(one.start, one.end) for one in looked.found.quoted if one.number == number]
            start, end = spans.get(number, (hit.start, hit.end))
            link = source_link(hit, start, end)
            if link.startswith("/"):
                link += f"&account={self.account.pk}#cited"
            found.append(Passage(number, hit, pieces_of(hit, quoted), link, citation["index"] if citation else None))
        return found

    def _refused(self, error: DoculumeError, form: TrialForm) -> HttpResponse:
        if not self.streams:
            return self.again(error, form=form)
        told = " ".join(_with_names(error)) if isinstance(error, InvalidRequest) and error.details else error.told
        response = StructuredDialect.error_response(error.status_code, self.request, told)
        if error.retry_after is not None:
            response["Retry-After"] = str(ceil(error.retry_after))
        return response


def _with_names(error: InvalidRequest) -> list[str]:
    return [f"{name}: {' '.join(map(str, texts))}" for name, texts in error.details.items()]


async def told_of(events: AsyncGenerator[Event, None]) -> Told:
    """Raises AnswerFailed. Closes `events`."""
    told = Told()
    async with aclosing(events):
        async for event in events:
            told.hear(event)
    return told


async def _frames(
    found: dict[str, Any], events: AsyncGenerator[Event, None] | None, stages: Stages
) -> AsyncGenerator[bytes, None]:
    yield _frame(found)
    if events is None:
        yield _frame({"type": "stages", "html": stages(None)})
        yield sse.DONE.encode()
        return
    async with aclosing(sse.encode(_with_stages(events, stages))) as frames:
        async for frame in frames:
            yield frame


def _frame(event: dict[str, Any]) -> bytes:
    return f"data: {sse.as_json(event)}\n\n".encode()


async def _with_stages(events: AsyncGenerator[Event, None], stages: Stages) -> AsyncGenerator[Event, None]:
    told = Told()
    async with aclosing(events):
        async for event in events:
            if not isinstance(event, Failed):
                told.hear(event)
            yield replace(event, more={"html": stages(told)}) if isinstance(event, StreamEnd) else event


def link_to(query: QueryDict, account: Account) -> str:
    """The address that has these settings."""
    said = [(name, value) for name in TrialForm.base_fields for value in query.getlist(name) if value]
    return f"?{urlencode([('account', account.pk), *said])}"
