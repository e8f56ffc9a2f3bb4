"""The page shapes. Each refuses or clamps as contracts have it; a page past the end is empty, not an error."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


def whole_number(request: Request, name: str, default: int, minimum: int) -> int:
    raw = request.query_params.get(name)
    if raw is None or raw == "":
        return default
    try:
        number = int(raw)
    except ValueError:
        number = minimum - 1
    if number < minimum or not raw.isascii():
        raise serializers.ValidationError({name: [f"Must be a whole number of at least {minimum}."]})
    return number


class NumberedPages(BasePagination):
    """`{"items", "total", "page", "page_size"}`; a `page_size` over 100 is refused."""

    page_size = 20
    max_page_size = 100

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        self.page = whole_number(request, "page", 1, 1)
        self.size = whole_number(request, "page_size", self.page_size, 1)
        if self.size > self.max_page_size:
            raise serializers.ValidationError({"page_size": [f"Must be at most {self.max_page_size}."]})
        self.total = queryset.count()
        start = (self.page - 1) * self.size
        return list(queryset[start : start + self.size]) if start < self.total else []

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"items": data, "total": self.total, "page": self.page, "page_size": self.size})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        integer = {"type": "integer"}
        properties = {
            "items": schema,
            "total": integer | {"example": 1},
            "page": integer | {"example": 1},
            "page_size": integer | {"example": 20},
        }
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        def parameter(name: str, default: int, maximum: int | None) -> dict[str, Any]:
            schema: dict[str, Any] = {"type": "integer", "minimum": 1, "default": default}
            if maximum:
                schema["maximum"] = maximum
            return {"name": name, "in": "query", "required": False, "schema": schema}

        return [parameter("page", 1, None), parameter("page_size", self.page_size, self.max_page_size)]
