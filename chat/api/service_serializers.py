"""What chat-service's clients send and get: conversations begun for a user, messages that nothing answers, files."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers

from accounts.api.fields import TextField
from chat.api.fields import ConversationIdField
from chat.models import Attachment, Message
from knowledge.api.serializers import AnyFileField

LONGEST_MESSAGE = 100_000
# RFC 6838 §4.2, with parameters as RFC 9110 has them.
MIME_TYPE = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
    r'(?:\s*;\s*[a-z0-9!#$&^_.+-]+=(?:[a-z0-9!#$&^_.+-]+|"[^"\\\x00-\x1f]*"))*',
    re.IGNORECASE,
)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class MimeTypeField(TextField):
    default_error_messages = {"mime": "Must be a MIME type such as application/pdf."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=255, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        return text if MIME_TYPE.fullmatch(text) else self.fail("mime")


class StorageKeyField(TextField):
    """The key of a file inside the account's own storage: parts between single slashes, none of which leads out."""

    default_error_messages = {"key": "Must be the key of a file in your storage, such as reports/2026.pdf."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=1024, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        key = super().to_internal_value(data)
        leads_out = any(part.strip() in {"", ".", ".."} for part in key.split("/"))
        if leads_out or "\\" in key or not key.isprintable() or SCHEME.match(key) or key.startswith("~"):
            self.fail("key")
        return key


class BeginSerializer(serializers.Serializer[Any]):
    user_id = serializers.UUIDField(help_text="The `uuid` of the user. Only staff begin conversations for others.")
    title = TextField(max_length=255, allow_blank=True, required=False, default="")


class NoteSerializer(serializers.Serializer[Any]):
    conversation_id = ConversationIdField()
    role = serializers.ChoiceField(choices=Message.Role.choices)
    content = TextField(max_length=LONGEST_MESSAGE, trim_whitespace=False)


class NamedFileSerializer(serializers.Serializer[Any]):
    message_id = serializers.UUIDField()
    file_type = MimeTypeField()
    file_path = StorageKeyField()


class UploadedFileSerializer(serializers.Serializer[Any]):
    message_id = serializers.UUIDField()
    file = AnyFileField()
    file_type = MimeTypeField(required=False)


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    message_id = serializers.UUIDField(read_only=True)
    filename = serializers.CharField(source="file_name", read_only=True)

    class Meta:
        model = Attachment
        fields = ("id", "message_id", "file_type", "file_path", "filename", "file_size", "created_at")
        read_only_fields = fields
