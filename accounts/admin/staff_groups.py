"""What staff may do, by groups; see `accounts.admin.people` for who is in them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from doculume.back_office import ModelAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ModelAdmin, StockGroupAdmin):
    """Only superusers change them: who may change what a group may do may do everything."""

    search_fields = ("name__istartswith",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_superuser(request)

    @staticmethod
    def _is_superuser(request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)
