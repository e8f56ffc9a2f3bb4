"""Documents on the wire. Every field is named, in and out."""

from __future__ import annotations

import json
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from doculume.dialects.parsers import check_value
from knowledge.models import Document


class DocumentSerializer(serializers.ModelSerializer[Document]):
    collection_id = serializers.UUIDField(read_only=True)
    entry_id = serializers.UUIDField(read_only=True)
    error_code = serializers.SerializerMethodField()
    error_message = serializers.SerializerMethodField()

    class Meta:
        model = Document
        fields = (
            "id",
            "filename",
            "original_filename",
            "file_size",
            "file_type",
            "status",
            "page_count",
            "chunk_count",
            "error_message",
            "error_code",
            "progress",
            "collection_id",
            "entry_id",
            "meta",
            "created_at",
            "processed_at",
        )
        read_only_fields = fields

    def get_error_code(self, document: Document) -> str | None:
        return document.error_code or None

    def get_error_message(self, document: Document) -> str | None:
        return document.error_message or None


class MetaField(serializers.JSONField):
    """A JSON object; in a form, its text."""

    default_error_messages = {"object": "Must be a JSON object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError):
                self.fail("object")
            check_value(data)
        if not isinstance(data, dict):
            self.fail("object")
        return data


@extend_schema_field({"type": "string", "format": "binary"})
class AnyFileField(serializers.FileField):
    """A file of any content; whether it is empty or of a supported kind is told by reading it."""

    def to_internal_value(self, data: Any) -> UploadedFile:
        if not isinstance(data, UploadedFile):
            self.fail("invalid")
        return data


class UploadSerializer(serializers.Serializer[Any]):
    file = AnyFileField()
    collection_id = serializers.UUIDField(required=False, allow_null=True)
    meta = MetaField(required=False)


class EmptySerializer(serializers.Serializer[Any]):
    """`{}`."""
