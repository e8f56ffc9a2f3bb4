"""What visitors and members ask, for those who run the account: answered or not, how fast, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import usage
from accounts.pages import AreaPage
from chat import passing
from chat.answering import Question, answer, model_name
from chat.collecting import collect
from chat.insights import Day, first_day, insights, missing
from chat.models import AskedQuestion
from doculume.errors import DoculumeError
from integrations.models import IntegrationEvent
from knowledge import entries
from knowledge.models import Collection, Entry

PERIODS = (7, 30, 90)
MISSING_ON_A_PAGE = 20
HEIGHT = 120  # of the plot, in its own units
STEP = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """A day in the plot: where it stands, and the parts of it from the ground up, each with its kind, place, height."""

    day: Day
    x: int
    parts: list[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Plot:
    bars: list[Bar]
    width: int
    most: int
    """The number that is as high as the plot."""
    height: int = HEIGHT
    step: int = STEP


def plot(days: list[Day]) -> Plot:
    most = max(1, *(day.asked for day in days))
    return Plot([_bar(day, number, most) for number, day in enumerate(days)], len(days) * STEP, most)


def _bar(day: Day, number: int, most: int) -> Bar:
    parts, ground = [], HEIGHT
    for kind in ("answered", "unanswered", "failed"):
        count = getattr(day, kind)
        height = max(1, round(count * HEIGHT / most)) if count else 0
        ground -= height
        parts.append((kind, max(ground, 0), height))
    return Bar(day, number * STEP, parts)


class InsightsArea(AreaPage):
    """Mixin: only for those who manage the account, since it shows what others asked."""

    area = "insights"

    def may_open(self) -> bool:
        return self.membership.may_manage


class InsightsPage(InsightsArea):
    """Of the last `?days=`."""

    template_name = "integrations/insights.html"

    @property
    def days(self) -> int:
        asked = self.request.GET.get("days", "")
        return int(asked) if asked in map(str, PERIODS) else 30

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found, since = insights(self.account, self.days), first_day(self.days)
        unanswered, count = missing(self.account, since, 0, MISSING_ON_A_PAGE)
        return super().get_context_data(
            periods=PERIODS,
            days=self.days,
            insights=found,
            plot=plot(found.days),
            missing=unanswered,
            missing_count=count,
            events=self._events(since),
            answers=usage.answers_this_month(self.account.pk),
            answers_limit=self.account.allowance.answers_per_month,
            **kwargs,
        )

    def _events(self, since: datetime) -> dict[str, int]:
        rows = IntegrationEvent.objects.for_account(self.account).filter(created_at__gte=since)
        return dict(rows.order_by().values_list("event_type").annotate(Count("id")))


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

    @property
    def alike(self) -> Any:
        return AskedQuestion.objects.for_account(self.account).open().filter(asked=self.question.asked)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        entry = Entry.objects.for_account(self.account).filter(id=self.question.entry_id).defer("text").first()
        shown = {"question": self.question, "entry": entry, "tried": None}
        form = None if entry else self._form({"title": self.question.text})
        return super().get_context_data(**shown | {"form": form} | kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = self._form(None, request)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        sent = {"title": form.cleaned_data["title"], "raw_text": form.cleaned_data["raw_text"]}
        try:
            entry = entries.add(self.account, form.cleaned_data["collection"], sent)
        except DoculumeError as error:
            return self.again(error, form=form)
        AskedQuestion.objects.for_account(self.account).filter(id=self.question.id).update(entry_id=entry.id)
        self.alike.update(entry_id=entry.id)
        messages.success(request, _("Written down. Ask again as soon as it is read."))
        return self.goes_to("missing-answer", self.question.id)

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
            turn = passing.begin(self.account, self.membership.user, model_name())
            tried = async_to_sync(collect)(answer(turn, Question(self.question.text, is_trial=True)))
        except DoculumeError as error:
            return self.again(error)
        return self.render_to_response(self.get_context_data(tried=tried))
