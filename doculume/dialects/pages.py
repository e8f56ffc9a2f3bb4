"""The page shapes. Each refuses or clamps as contracts have it; a page past the end is empty, not an error."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
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


class OffsetPages(BasePagination):
    """Quillium's: `{"data", "pagination": {total, limit, offset, next, previous}}`.

    A `limit` over the maximum is taken for the maximum. Links are paths and keep the other parameters.
    """

    limit = 20
    max_limit = 100

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        self.size = min(whole_number(request, "limit", self.limit, 1), self.max_limit)
        self.offset = whole_number(request, "offset", 0, 0)
        self.address = request.get_full_path()
        self.total = queryset.count()
        return list(queryset[self.offset : self.offset + self.size]) if self.offset < self.total else []

    def get_paginated_response(self, data: Any) -> Response:
        pagination = {
            "total": self.total,
            "limit": self.size,
            "offset": self.offset,
            "next": self._link(self.offset + self.size) if self.offset + self.size < self.total else None,
            "previous": self._link(max(0, self.offset - self.size)) if self.offset else None,
        }
        return Response({"data": data, "pagination": pagination})

    def _link(self, offset: int) -> str:
        return replace_query_param(replace_query_param(self.address, "limit", self.size), "offset", offset)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        integer, link = {"type": "integer"}, {"type": "string", "nullable": True}
        properties = {
            "total": integer | {"example": 100},
            "limit": integer | {"example": 20},
            "offset": integer | {"example": 0},
            "next": link | {"example": "/api/v1/chats?limit=20&offset=20"},
            "previous": link | {"example": None},
        }
        pagination = {"type": "object", "required": list(properties), "properties": properties}
        return {
            "type": "object",
            "required": ["data", "pagination"],
            "properties": {"data": schema, "pagination": pagination},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        def parameter(name: str, default: int, minimum: int, description: str) -> dict[str, Any]:
            schema = {"type": "integer", "minimum": minimum, "default": default}
            return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}

        clamped = f"Number of items a page; more than {self.max_limit} are taken for {self.max_limit}."
        return [parameter("limit", self.limit, 1, clamped), parameter("offset", 0, 0, "Number of items to skip.")]


class LinkedPages(BasePagination):
    """Laravel's: `{"data", "links": {first, last, prev, next}, "meta": {current_page, last_page, per_page, total}}`.

    A `per_page` over the maximum is taken for the maximum. Links are whole addresses and keep the other parameters.
    """

    per_page = 15
    max_per_page = 100

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        self.read(request)
        self.total = queryset.count()
        start = (self.page - 1) * self.size
        if start >= self.total:
            return []
        # The ids first: they are read off an index, however many rows are passed over.
        ids = list(queryset.values_list("pk", flat=True)[start : start + self.size])
        rows = {row.pk: row for row in queryset.filter(pk__in=ids).order_by()}
        return [rows[ident] for ident in ids if ident in rows]

    def read(self, request: Request) -> None:
        """Take `page` and `per_page` from the request, for lists that are no querysets."""
        self.page = whole_number(request, "page", 1, 1)
        self.size = min(whole_number(request, "per_page", self.per_page, 1), self.max_per_page)
        self.address = request.build_absolute_uri()

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"data": data, "links": self.links(), "meta": self.meta()})

    @property
    def last_page(self) -> int:
        return max(1, -(-self.total // self.size))

    def links(self) -> dict[str, str | None]:
        return {
            "first": self._link(1),
            "last": self._link(self.last_page),
            "prev": self._link(self.page - 1) if self.page > 1 else None,
            "next": self._link(self.page + 1) if self.page < self.last_page else None,
        }

    def meta(self) -> dict[str, int]:
        return {
            "current_page": self.page,
            "last_page": self.last_page,
            "per_page": self.size,
            "total": self.total,
        }

    def _link(self, page: int) -> str:
        return replace_query_param(self.address, "page", page)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link, integer = {"type": "string", "format": "uri", "example": "https://…?page=1"}, {"type": "integer"}
        none = link | {"nullable": True, "example": None}
        links = {"first": link, "last": link, "prev": none, "next": none}
        shown = {"current_page": 1, "last_page": 1, "per_page": self.per_page, "total": 1}
        meta = {name: integer | {"example": value} for name, value in shown.items()}
        properties = {
            "data": schema,
            "links": {"type": "object", "required": list(links), "properties": links},
            "meta": {"type": "object", "required": list(meta), "properties": meta},
        }
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        def parameter(name: str, default: int, description: str) -> dict[str, Any]:
            schema = {"type": "integer", "minimum": 1, "default": default}
            return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}

        clamped = f"Results a page; more than {self.max_per_page} are taken for {self.max_per_page}."
        return [parameter("page", 1, "Page number to return."), parameter("per_page", self.per_page, clamped)]
