"""What the views of this app share."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from doculume.errors import DoculumeError


class PublicView(APIView):
    """For those who have no credential yet, or one that ran out: none is looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    rate_scope = "sign-in"
    # For the schema, which cannot see what the code raises.
    raises: ClassVar[tuple[type[DoculumeError], ...]] = ()


def read(serializer_class: type[Serializer], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def never_stored(response: Response) -> Response:
    """RFC 6749, section 5.1: no cache may keep an answer with tokens."""
    response["Cache-Control"] = "no-store"
    return response
