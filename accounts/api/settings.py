"""How a user likes the pages, and what staff decide for the deployment."""

from __future__ import annotations

from typing import Any

import langcodes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import site
from accounts.api.fields import TextField, TrueOrFalseField
from accounts.api.scope import AccountScoped
from accounts.models import Plan, SiteSettings, UserSettings
from doculume.dialects import StructuredDialect
from doculume.errors import InvalidRequest

LONGEST_RETENTION = 36_500  # days


class WholeNumberField(serializers.IntegerField):
    """JSON's own, neither a string nor `true`."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class LanguageField(TextField):
    """A language tag (BCP 47) whose parts are registered, in their usual case: `de`, `pt-BR`, `zh-Hant`."""

    default_error_messages = {"unknown": "Must be a language tag such as en, pt-BR or zh-Hant."}

    def to_internal_value(self, data: Any) -> str:
        tag = super().to_internal_value(data)
        try:
            known = tag.isascii() and "_" not in tag and langcodes.tag_is_valid(tag)
            return langcodes.standardize_tag(tag) if known else self.fail("unknown")
        except ValueError:
            self.fail("unknown")


class UserSettingsSerializer(serializers.ModelSerializer[UserSettings]):
    """`updated_at` is null as long as nothing was ever changed."""

    theme = serializers.ChoiceField(choices=UserSettings.Theme.choices, required=False)
    language = LanguageField(max_length=35, required=False)
    notifications_enabled = TrueOrFalseField(required=False)
    updated_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = UserSettings
        fields = ("theme", "language", "notifications_enabled", "updated_at")


class DefaultModelsSerializer(serializers.Serializer[Any]):
    """Empty: the chat model that the environment names, and the newest active embedding model."""

    chat = TextField(source="default_chat_model", max_length=200, allow_blank=True, required=False)
    embedding = TextField(source="default_embedding_model", max_length=200, allow_blank=True, required=False)


class AdminSettingsSerializer(serializers.ModelSerializer[SiteSettings]):
    """`upload_max_bytes` null: as much as the environment allows, and never more. `conversation_retention_days` null:
    conversations are kept for ever."""

    registration = serializers.ChoiceField(choices=SiteSettings.Registration.choices, required=False)
    terms_required = TrueOrFalseField(required=False)
    terms_url = serializers.URLField(max_length=500, allow_blank=True, required=False)
    email_confirmation_required = TrueOrFalseField(required=False)
    default_plan = serializers.PrimaryKeyRelatedField(queryset=Plan.objects.all(), required=False)
    default_models = DefaultModelsSerializer(source="*", required=False)
    upload_max_bytes = WholeNumberField(min_value=1, allow_null=True, required=False)
    conversation_retention_days = WholeNumberField(
        min_value=1, max_value=LONGEST_RETENTION, allow_null=True, required=False
    )
    audit_retention_days = WholeNumberField(min_value=1, max_value=LONGEST_RETENTION, required=False)

    class Meta:
        model = SiteSettings
        fields = (
            "registration",
            "terms_required",
            "terms_url",
            "email_confirmation_required",
            "default_plan",
            "default_models",
            "upload_max_bytes",
            "conversation_retention_days",
            "audit_retention_days",
            "updated_at",
        )
        read_only_fields = ("updated_at",)

    def validate_upload_max_bytes(self, limit: int | None) -> int | None:
        site.refuse_upload_limit(limit)
        return limit

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for kind in ("chat", "embedding"):
            site.refuse_model(kind, attrs.get(f"default_{kind}_model", ""))
        required = attrs.get("terms_required", self.instance.terms_required if self.instance else False)
        if required and not attrs.get("terms_url", self.instance.terms_url if self.instance else ""):
            raise InvalidRequest(details={"terms_url": ["Say where the terms are before they are required."]})
        return attrs


USER = OpenApiExample(
    "User settings",
    {"theme": "dark", "language": "en", "notifications_enabled": True, "updated_at": "2023-04-01T12:00:00.000000Z"},
    response_only=True,
)
CHANGE = OpenApiExample("Change", {"theme": "dark", "language": "en", "notifications_enabled": True}, request_only=True)


class UserSettingsView(StructuredDialect, AccountScoped, GenericAPIView[UserSettings]):
    serializer_class = UserSettingsSerializer
    rate_scope = "own paths"

    def get_object(self) -> UserSettings:
        """Unsaved defaults where nothing was ever changed."""
        user = self.membership.user
        return UserSettings.objects.filter(user=user).first() or UserSettings(user=user)

    @extend_schema(operation_id="user_settings", summary="Your settings", examples=[USER])
    def get(self, request: Request) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="update_user_settings",
        summary="Change your settings",
        description="Changes the fields that are sent and leaves the others.",
        examples=[CHANGE, USER],
    )
    def put(self, request: Request) -> Response:
        sent = self.get_serializer(data=request.data)
        sent.is_valid(raise_exception=True)
        row, _ = UserSettings.objects.update_or_create(user=self.membership.user, defaults=sent.validated_data)
        return Response(self.get_serializer(row).data)


class AdminSettingsView(StructuredDialect, AccountScoped, GenericAPIView[SiteSettings]):
    """Staff only."""

    serializer_class = AdminSettingsSerializer
    permission_classes = (IsAuthenticated, IsAdminUser)
    rate_scope = "own paths"
    error_statuses = (403,)

    def get_object(self) -> SiteSettings:
        return SiteSettings.objects.current()

    @extend_schema(operation_id="admin_settings", summary="The deployment's settings")
    def get(self, request: Request) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="update_admin_settings",
        summary="Change the deployment's settings",
        description="Changes the fields that are sent and leaves the others. Each change is written into the audit.",
    )
    def put(self, request: Request) -> Response:
        sent = self.get_serializer(self.get_object(), data=request.data)
        sent.is_valid(raise_exception=True)
        changed = site.change(sent.validated_data, self.membership.user, request._request)
        return Response(self.get_serializer(changed).data)
