"""Deleting from the admin goes the way that people's own deletion goes; see `accounts.deletion`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from doculume.back_office import ModelAdmin


class DeletesForGood(ModelAdmin):
    """For models whose rows take a tree with them, of any size: it is named, not read and listed.

    Subclasses say what goes along and how one is deleted.
    """

    goes_along = ""

    def delete_for_good(self, request: HttpRequest, row: Any) -> None:
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_for_good(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_for_good(request, row)

    def get_deleted_objects(
        self, objs: Iterable[Model], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        rows = list(objs)
        refused = any(not self.has_delete_permission(request, row) for row in rows)
        needed = {str(self.opts.verbose_name)} if refused else set()
        named = [f"{row}, {self.goes_along}" for row in rows]
        return named, {str(self.opts.verbose_name_plural): len(rows)}, needed, []

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if found := actions.get("delete_selected"):
            actions["delete_selected"] = (found[0], found[1], "Delete for good")
        return actions
