"""What visitors and members ask, for those who run the account: answered or not, how fast, and what is missing."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import usage
from accounts.models import AnswerUsage
from accounts.pages import AreaPage
from chat import passing
from chat.answering import Question, answer
from chat.collecting import collect
from chat.insights import NEWEST, Where, first_day, insights, missing
from chat.models import AskedQuestion
from doculume.errors import DoculumeError
from doculume.spreadsheets import harmless
from doculume.threads import without_database
from integrations import plots
from integrations.happenings import counted, disliked
from integrations.models import Integration
from knowledge import entries
from knowledge.models import Collection, Entry, IngestionJob

PERIODS = (7, 30, 90)
MISSING_ON_A_PAGE = 20
MISSING_IN_A_FILE = 1_000
MONTHS = 12
INTEGRATIONS = 200
NOT_AT_ONE = "none"
QUICKEST, SLOWEST = 2, 10  # seconds between two looks at an entry that is being read


class InsightsArea(AreaPage):
    """Mixin: only for those who manage the account, since it shows what others asked."""

    area = "insights"

    def may_open(self) -> bool:
        return self.membership.may_manage


@dataclass(frozen=True, slots=True)
class Month:
    first: date
    answers: int


class InsightsPage(InsightsArea):
    """Of the last `?days=`, at one `?integration=`, or at none."""

    template_name = "integrations/insights.html"

    @cached_property
    def days(self) -> int:
        asked = self.request.GET.get("days", "")
        return int(asked) if asked in map(str, PERIODS) else 30

    @property
    def since(self) -> datetime:
        return first_day(self.days)

    @cached_property
    def integration_id(self) -> UUID | None:
        try:
            return UUID(self.request.GET.get("integration", ""))
        except ValueError:
            return None

    @property
    def at_none(self) -> bool:
        return self.request.GET.get("integration") == NOT_AT_ONE

    @property
    def where(self) -> Where | None:
        return Where(self.integration_id) if self.integration_id or self.at_none else None

    @property
    def link(self) -> str:
        """For links that stay with what is shown; begins with `&`."""
        chosen = NOT_AT_ONE if self.at_none else self.integration_id
        return f"&days={self.days}" + (f"&integration={chosen}" if chosen else "")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = insights(self.account, self.days, self.where)
        unanswered, count = missing(self.account, self.since, 0, MISSING_ON_A_PAGE, self.where)
        events, clicked = ({}, []) if self.at_none else counted(self.account, self.since, self.integration_id)
        months, limit = self.months(), self.account.allowance.answers_per_month
        return super().get_context_data(
            periods=PERIODS,
            days=self.days,
            link=self.link,
            integrations=list(Integration.objects.for_account(self.account).order_by("name", "id")[:INTEGRATIONS]),
            integration_id=self.integration_id,
            at_none=self.at_none,
            insights=found,
            plot=plots.questions(found.days),
            speed_plot=plots.speed(found.days),
            newest=NEWEST,
            missing=unanswered,
            missing_count=count,
            events=events,
            clicked=clicked,
            disliked=[] if self.at_none else disliked(self.account, self.since, self.integration_id),
            months=months,
            usage_plot=plots.usage([month.answers for month in months], limit),
            answers=months[-1].answers,
            answers_limit=limit,
            **kwargs,
        )

    def months(self) -> list[Month]:
        """The last twelve, each with the answers that counted against the plan."""
        first = usage.this_month()
        firsts = [first := first if not back else (first - timedelta(days=1)).replace(day=1) for back in range(MONTHS)]
        rows = AnswerUsage.objects.filter(account=self.account, month__gte=firsts[-1])
        answers = dict(rows.values_list("month", "answers"))
        return [Month(month, answers.get(month, 0)) for month in reversed(firsts)]


class InsightsFile(InsightsPage):
    """`?what=` of it as CSV: days, top, missing, clicked or months."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        what = request.GET.get("what", "days")
        tables = {"days": self._days, "top": self._top, "missing": self._missing, "clicked": self._clicked}
        table = (tables | {"months": self._months}).get(what)
        if table is None:
            raise Http404
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{what}.csv"'
        # Excel takes a file for UTF-8 by this alone.
        response.write("\ufeff")
        csv.writer(response).writerows([harmless(cell) for cell in row] for row in table())
        return response

    def _days(self) -> Iterator[Sequence[Any]]:
        yield ("day", "answered", "unanswered", "failed", "stopped", "median_ms", "p95_ms")
        for day in insights(self.account, self.days, self.where).days:
            speed = [round(value) for value in day.total_ms] if day.total_ms else ["", ""]
            yield (day.day.isoformat(), day.answered, day.unanswered, day.failed, day.stopped, *speed)

    def _top(self) -> Iterator[Sequence[Any]]:
        yield ("question", "times", "answered")
        for one in insights(self.account, self.days, self.where).top:
            yield (one.text, one.times, one.answered)

    def _missing(self) -> Iterator[Sequence[Any]]:
        yield ("question", "times", "last")
        for one in missing(self.account, self.since, 0, MISSING_IN_A_FILE, self.where)[0]:
            yield (one.text, one.times, one.last.isoformat(timespec="seconds"))

    def _clicked(self) -> Iterator[Sequence[Any]]:
        yield ("result", "times")
        for one in [] if self.at_none else counted(self.account, self.since, self.integration_id)[1]:
            yield (one.name, one.times)

    def _months(self) -> Iterator[Sequence[Any]]:
        yield ("month", "answers")
        for month in self.months():
            yield (month.first.isoformat()[:7], month.answers)


class AnswerForm(forms.Form):
    title = forms.CharField(label=gettext_lazy("Title"), max_length=500)
    raw_text = forms.CharField(
        label=gettext_lazy("Answer"),
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 10, "autofocus": True}),
        help_text=gettext_lazy("Write it as you would tell a person. It is kept as an entry, and cited from then on."),
    )
    collection = forms.ModelChoiceField(
        label=gettext_lazy("Collection"), queryset=Collection.objects.none(), empty_label=None
    )


class MissingAnswerPage(InsightsArea):
    """A question that nothing was found for: write the answer, or say that none is needed."""

    template_name = "integrations/missing_answer.html"

    @cached_property
    def question(self) -> AskedQuestion:
        return get_object_or_404(AskedQuestion.objects.for_account(self.account), id=self.kwargs["pk"])

    @cached_property
    def entry(self) -> Entry | None:
        """What was written to answer it, if it is still there."""
        written: QuerySet[Entry] = Entry.objects.for_account(self.account).filter(id=self.question.entry_id)
        return written.defer("text").first()

    @property
    def alike(self) -> Any:
        return AskedQuestion.objects.for_account(self.account).open().filter(asked=self.question.asked)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        entry = self.entry
        shown = {"question": self.question, "entry": entry, "tried": None, **self._progress(entry)}
        form = None if entry else self._form({"title": self.question.text})
        return super().get_context_data(**shown | {"form": form} | kwargs)

    def _progress(self, entry: Entry | None) -> dict[str, Any]:
        """Whether what was written is being read, and after how many seconds to look again."""
        if entry is None or entry.generation <= entry.active_generation:
            return {"is_being_read": False, "has_failed": False}
        job = IngestionJob.objects.filter(account=self.account, entry=entry, generation=entry.generation).first()
        pause = self.request.GET.get("pause", "")
        return {
            "is_being_read": job is None or job.status != IngestionJob.Status.FAILED,
            "has_failed": job is not None and job.status == IngestionJob.Status.FAILED,
            "pause": min(int(pause) + 1, SLOWEST) if pause.isdecimal() and len(pause) < 4 else QUICKEST,
        }

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().get(request, *args, **kwargs)
        patch_vary_headers(response, ["HX-Request"])
        if self.is_part and self.entry is None:
            response["HX-Refresh"] = "true"  # what was written was deleted meanwhile: the page asks for it anew
        return response

    @property
    def is_part(self) -> bool:
        return self.request.method == "GET" and self.request.headers.get("HX-Request") == "true"

    def get_template_names(self) -> list[str]:
        is_progress = self.is_part and self.entry is not None
        return ["integrations/missing_progress.html"] if is_progress else super().get_template_names()

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = self._form(None, request)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        try:
            is_new = self._write(form.cleaned_data)
        except DoculumeError as error:
            return self.again(error, form=form)
        if is_new:
            messages.success(request, _("Written down. Ask again as soon as it is read."))
        else:
            messages.info(request, _("An answer is written."))
        return self.goes_to("missing-answer", self.question.id)

    @transaction.atomic
    def _write(self, sent: dict[str, Any]) -> bool:
        """Whether it is kept: of those who send at once, one writes. Raises what `entries.add` raises."""
        own = AskedQuestion.objects.for_account(self.account).filter(id=self.question.id)
        self.question = get_object_or_404(own.select_for_update())
        if self.entry is not None:
            return False
        entry = entries.add(self.account, sent["collection"], {"title": sent["title"], "raw_text": sent["raw_text"]})
        own.update(entry_id=entry.id)
        self.alike.update(entry_id=entry.id)
        return True

    def _form(self, initial: dict[str, Any] | None, request: HttpRequest | None = None) -> AnswerForm:
        form = AnswerForm(request.POST if request else None, initial=initial)
        default = Collection.objects.default_of(self.account)
        form.fields["collection"].queryset = Collection.objects.for_account(self.account)  # type: ignore[attr-defined]
        form.fields["collection"].initial = default
        return form


class DismissQuestion(MissingAnswerPage):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        now = timezone.now()
        self.alike.update(dismissed_at=now)
        messages.success(request, _("Put aside."))
        return self.goes_to("insights")


class AskAgain(MissingAnswerPage):
    """The question once more, as it would be answered now. Counts as an answer of the plan."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            turn = passing.begin(self.account, self.membership.user)
            tried = without_database(collect)(answer(turn, Question(self.question.text, is_trial=True)))
        except DoculumeError as error:
            return self.again(error)
        return self.render_to_response(self.get_context_data(tried=tried))
