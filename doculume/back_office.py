"""How every list of the admin behaves, however many rows there are: found by indexes, never counted to the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import flatten
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import EmailField, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold import admin as unfold
from unfold.views import ChangeList

# What finds rows by the account or the user that they are of.
OF_ACCOUNT = ("account__id", "account__name__istartswith", "account__personal_of__email__startswith")
OF_USER = ("user__email__startswith",)
MOST_FOUND = 200  # of people or accounts whose rows are looked for


class CappedPaginator(Paginator):
    """Counts so far and no further: nobody turns to the two-hundred-and-first page, and counting all of them scans."""

    most = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.most].count())


class List(ChangeList):
    """Django refuses what is no value of a column; what is one, but none that a statement takes, it lets through."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (ValueError, OverflowError, DataError) as error:
            raise IncorrectLookupParameters(error) from error


class ModelAdmin(unfold.ModelAdmin):
    """`search_fields` are lookups that an index serves each, where tables grow: `id`, `filename__istartswith`.

    Those of another table are looked for there first, since no index serves a choice between two tables.
    """

    paginator: Any = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 50
    list_disable_select_all = True
    list_filter_submit = False
    warn_unsaved_form = True
    compressed_fields = True

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Who asks for an action that is not theirs is told so, rather than shown the list again."""
        if request.method == "POST":
            offered = self.get_actions(request)
            if any(name and name not in offered for name in request.POST.getlist("action")):
                raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return List

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A field a line: several in one lie over each other on all but the widest screens."""
        return [(name, options | {"fields": flatten(options["fields"])}) for name, options in self._sets(request, obj)]

    def _sets(self, request: HttpRequest, obj: Any) -> Any:
        return super().get_fieldsets(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.replace("\0", "").strip()
        if not term:
            return queryset, False
        return queryset.filter(any_of(self.model, self.get_search_fields(request), term)), False


class TabularInline(unfold.TabularInline):
    pass


class StackedInline(unfold.StackedInline):
    pass


def any_of(model: type[Model], lookups: Iterable[str], term: str) -> Q:
    """That one of the lookups fits; those that `term` cannot be a value of (a name is no number) do not."""
    found = Q(pk__in=[])
    elsewhere: dict[Any, list[str]] = {}
    for lookup in lookups:
        name, _, rest = lookup.partition("__")
        field: Any = model._meta.get_field(name)
        if field.is_relation and rest:
            elsewhere.setdefault(field, []).append(rest)
        elif (value := _fitting(field, rest, term)) is not None:
            found |= Q(**{lookup: value})
    for field, rests in elsewhere.items():
        others = field.related_model._base_manager.filter(any_of(field.related_model, rests, term))
        found |= Q(**{f"{field.name}__in": list(others.values_list("pk", flat=True)[:MOST_FOUND])})
    return found


def _fitting(field: Any, rest: str, term: str) -> Any:
    if isinstance(field, EmailField):
        return term.lower()
    if rest not in ("", "exact"):
        return term
    try:
        return (field.target_field if field.is_relation else field).to_python(term)
    except ValidationError:
        return None


def up_to(rows: QuerySet[Any], most: int = 10_000) -> str:
    """How many there are; "10,000 or more" where counting on would take its time."""
    count = rows.order_by()[:most].count()
    return f"{count:,}" if count < most else f"{most:,} or more"
