"""Bringing records in from a file: choosing it, saying what its columns are, watching it, and what came of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts.usage import held_by
from doculume.errors import DoculumeError, InvalidRequest
from doculume.sentences import told
from doculume.spreadsheets import harmless
from doculume.text import storable
from knowledge.collection_pages import InCollection
from knowledge.entries import Fields
from knowledge.importing import accepting
from knowledge.importing.accepting import largest_file
from knowledge.importing.mapping import KEYED, USES, Checker, Column, Plan, written
from knowledge.importing.reading import REASONS, Options
from knowledge.models import EntryImport, RefusedRow

ON_A_PAGE = 25
SAMPLES = 3  # of a column
PREVIEWED = 3  # entries
REFUSED_SHOWN = 50
LONGEST_SAMPLE = 120
QUICKEST, SLOWEST = 2, 6  # seconds between two looks at what moves

NAMES_OF_USES = {
    "title": gettext_lazy("Title"),
    "text": gettext_lazy("Text"),
    "source_id": gettext_lazy("Id"),
    "source_type": gettext_lazy("Kind of source"),
    "source_url": gettext_lazy("Address"),
    "searchable": gettext_lazy("Searchable field"),
    "meta": gettext_lazy("Field to filter by"),
    "none": gettext_lazy("Left out"),
}
NAMES_OF_STATES = {
    "draft": gettext_lazy("Not started"),
    "waiting": gettext_lazy("Waiting"),
    "running": gettext_lazy("Running"),
    "done": gettext_lazy("Done"),
    "failed": gettext_lazy("Failed"),
    "cancelled": gettext_lazy("Stopped"),
}


class NothingChosen(InvalidRequest):
    message = gettext_noop("Choose a file first.")


@dataclass(frozen=True, slots=True)
class Line:
    """An import as a list shows it."""

    entry_import: EntryImport

    @property
    def state(self) -> str:
        return str(NAMES_OF_STATES[self.entry_import.status])

    @property
    def mark(self) -> str:
        return {"done": "good", "failed": "bad"}.get(self.entry_import.status, "")


@dataclass(frozen=True, slots=True)
class Choice:
    """A column of the file, with some of what is in it, and what it is said to be."""

    number: int
    column: Column
    samples: list[str]

    @property
    def has_key(self) -> bool:
        return self.column.use in KEYED


@dataclass(frozen=True, slots=True)
class Preview:
    """What a row would become, or why nothing."""

    number: int
    fields: Fields
    reason: str

    @property
    def source(self) -> str:
        return f"{self.fields.get('source_type', '')} {self.fields.get('source_id', '')}"

    @property
    def metas(self) -> list[tuple[str, str, bool]]:
        """Name, value, and whether it is searched."""
        kinds = (("searchable_meta", True), ("meta", False))
        return [
            (key, written(value)[:LONGEST_SAMPLE], is_searched)
            for name, is_searched in kinds
            for key, value in self.fields.get(name, {}).items()
        ]


def _columns(entry_import: EntryImport) -> list[str]:
    """Their names, in the order of the file."""
    return [column["name"] for column in entry_import.survey.get("columns", [])]


@dataclass(frozen=True, slots=True)
class Refused:
    row: RefusedRow
    columns: list[str]

    @property
    def cells(self) -> list[tuple[str, str]]:
        """In the order of the file, which the database does not keep."""
        kept = self.row.cells
        return [(name, kept[name]) for name in dict.fromkeys([*self.columns, *kept]) if name in kept]


class ImportsPage(InCollection):
    """Choosing a file, and what was imported before, newest first."""

    template_name = "knowledge/imports.html"

    @property
    def imports(self) -> QuerySet[EntryImport]:
        rows = EntryImport.objects.for_account(self.account).looked_at().filter(collection_id=self.collection.id)
        return rows.defer("survey", "mapping").select_related("made_by")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = Paginator(self.imports, ON_A_PAGE).get_page(self.request.GET.get("page"))
        lines = [Line(one) for one in page]
        allowed = self.account.allowance.entries
        room = None if allowed is None else max(allowed - held_by(self.account).entries, 0)
        return super().get_context_data(page=page, lines=lines, room=room, largest=largest_file(), **kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        file = request.FILES.get("file")
        try:
            if file is None:
                raise NothingChosen
            name = storable(file.name or "")
            draft = accepting.accept(self.account, self.membership.user, self.collection, file, name=name)
        except DoculumeError as error:
            return self.again(error)
        return self.goes_to("entry-import", self.collection.id, draft.id)


class OfImport(InCollection):
    """Mixin for what is about one import; one of another collection is a 404."""

    @cached_property
    def entry_import(self) -> EntryImport:
        rows = EntryImport.objects.for_account(self.account).looked_at().filter(collection_id=self.collection.id)
        return get_object_or_404(rows.select_related("made_by"), id=self.kwargs["pk"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"entry_import": self.entry_import} | kwargs)

    def stays(self) -> HttpResponse:
        return self.goes_to("entry-import", self.collection.id, self.entry_import.id)


class ImportPage(OfImport):
    """A draft's columns, or how far it is, or what came of it. Asked by htmx: what changes of it, alone."""

    template_name = "knowledge/import.html"

    @property
    def is_asked_by_htmx(self) -> bool:
        return "HX-Request" in self.request.headers

    def get_template_names(self) -> list[str]:
        if not self.is_asked_by_htmx:
            return [self.template_name]
        is_draft = self.entry_import.status == EntryImport.Status.DRAFT
        return ["knowledge/import_preview.html" if is_draft else "knowledge/import_moving.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        one = self.entry_import
        shown: dict[str, Any] = {"line": Line(one), "reason": told(REASONS.get(one.error_code, ""))}
        if one.status == EntryImport.Status.DRAFT:
            shown |= self._draft(kwargs.pop("plan", None) or Plan.of(one.mapping))
        elif not one.is_moving:
            rows = RefusedRow.objects.for_account(self.account).filter(entry_import_id=one.id)
            shown["refused"] = [Refused(row, _columns(one)) for row in rows[:REFUSED_SHOWN]] if one.refused else []
        else:
            looked = self.request.GET.get("look", "")
            shown["look"] = int(looked) + 1 if looked.isdecimal() and len(looked) < 5 else 1
            shown["pause"] = min(QUICKEST + shown["look"] // 15, SLOWEST)
            shown["percent"] = int(one.progress * 100)
        return super().get_context_data(**shown | kwargs)

    def _draft(self, plan: Plan) -> dict[str, Any]:
        survey, check = self.entry_import.survey, Checker()
        rows = survey["sample"]
        choices = [Choice(number, column, _samples(rows, column.name)) for number, column in enumerate(plan.columns)]
        previews = [Preview(number, *_made(plan, check, cells)) for number, cells in rows[:PREVIEWED]]
        options = Options(**self.entry_import.options)
        return {
            "plan": plan,
            "choices": choices,
            "uses": [(use, NAMES_OF_USES[use]) for use in USES],
            "previews": previews,
            "options": options,
            "sheet": options.sheet or next(iter(survey["sheets"]), ""),
            "survey": survey,
            "alone": self.is_asked_by_htmx,
            "has_id": any(column.use == "source_id" for column in plan.columns),
        }

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().get(request, *args, **kwargs)
        if self.is_asked_by_htmx and not self.entry_import.is_moving:
            response["HX-Refresh"] = "true"  # it is over: the whole page tells of it
        return response

    def render_to_response(self, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().render_to_response(*args, **kwargs)
        patch_vary_headers(response, ["HX-Request"])
        return response

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        one = self.entry_import
        if one.status != EntryImport.Status.DRAFT:
            return self.stays()
        plan = self._sent(Plan.of(one.mapping))
        try:
            if request.POST.get("do") == "start":
                accepting.start(one, plan)
                return self.stays()
            if request.POST.get("do") == "read-again":
                sheet = request.POST.get("sheet", "")
                named = request.POST.get("named") == "on"
                accepting.look_again(one, Options(sheet if sheet in one.survey["sheets"] else "", named))
                return self.stays()
            # A preview; what is chosen so far is kept.
            accepting.choose(one, plan)
            plan.check()
        except DoculumeError as error:
            return self.again(error, plan=plan)
        return self.render_to_response(self.get_context_data(plan=plan))

    def again(self, error: DoculumeError, **shown: Any) -> HttpResponse:
        response = super().again(error, **shown)
        if self.is_asked_by_htmx:
            # What is told of a preview is part of it, and htmx shows no answer that is none.
            response.status_code = 200
        return response

    def _sent(self, plan: Plan) -> Plan:
        """The plan as the form has it."""
        sent = self.request.POST
        columns: list[Column] = []
        for number, column in enumerate(plan.columns):
            use = sent.get(f"use-{number}", column.use)
            key = storable(sent.get(f"key-{number}", column.key)).strip() or column.name
            columns.append(Column(column.name, use, key if use in KEYED else ""))
        source_type = storable(sent.get("source_type", plan.source_type)).strip()
        return Plan(tuple(columns), source_type, sent.get("update", "yes") == "yes", plan.comma)


def _samples(rows: list[Any], column: str) -> list[str]:
    values = [written(cells[column]) for _number, cells in rows if column in cells][:SAMPLES]
    return [" ".join(value[: 2 * LONGEST_SAMPLE].split())[:LONGEST_SAMPLE] for value in values]


def _made(plan: Plan, check: Checker, cells: dict[str, Any]) -> tuple[Fields, str]:
    fields = plan.fields(cells)
    checked, reason = check(fields)
    return checked or fields, told(reason)


class CancelImport(OfImport):
    http_method_names = ["post", "options"]
    template_name = "knowledge/import.html"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        self.must_write()
        was_draft = self.entry_import.status == EntryImport.Status.DRAFT
        try:
            accepting.cancel(self.entry_import)
        except accepting.NothingToCancel as error:
            messages.info(request, error.told)
            return self.stays()
        if was_draft:
            messages.success(request, _("The file is gone; nothing was imported."))
            return self.goes_to("entry-imports", self.collection.id)
        messages.success(request, _("Stopped. What was imported so far stays."))
        return self.stays()


class RefusedRows(OfImport):
    """The refused rows as CSV, with what was in them, to be mended and brought in once more."""

    template_name = "knowledge/import.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        one = self.entry_import
        rows = RefusedRow.objects.for_account(self.account).filter(entry_import_id=one.id)
        response = HttpResponse(_csv(list(rows), _columns(one)), content_type="text/csv; charset=utf-8")
        name = f"{one.filename.rpartition('.')[0] or one.filename} {_('refused')}.csv"
        response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
        response["X-Content-Type-Options"] = "nosniff"
        return response


class _Echo:
    def write(self, text: str) -> str:
        return text


def _csv(rows: list[RefusedRow], columns: list[str]) -> Iterator[str]:
    more = dict.fromkeys(name for row in rows for name in row.cells if name not in columns)
    writer = csv.writer(_Echo())
    yield "\ufeff"  # or spreadsheets take it for something else than UTF-8
    yield writer.writerow([_("Row"), _("Reason"), *map(harmless, [*columns, *more])])
    for row in rows:
        cells = [row.cells.get(name, "") for name in [*columns, *more]]
        yield writer.writerow([row.number, told(row.reason), *map(harmless, cells)])
