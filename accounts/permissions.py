"""Who may do what, in small named policies."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import Membership


class CanWrite(BasePermission):
    """A viewer only reads. For views that are `AccountScoped`; use beside `IsAuthenticated`."""

    message = "Your role in this account only lets you read."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return True
        membership: Membership | None = getattr(request, "membership", None)
        return membership is not None and membership.may_write


class CanManage(BasePermission):
    """Owners and admins decide what all of an account depends on; others read. As `CanWrite` otherwise."""

    message = "Only the owners and admins of this account may change this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return True
        membership: Membership | None = getattr(request, "membership", None)
        return membership is not None and membership.may_manage
