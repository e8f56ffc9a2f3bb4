"""Providers and keys on the wire, in DocuLume's words and in chat-service's. A key comes in and never goes out."""

from __future__ import annotations

from typing import Any, cast

from rest_framework import serializers

from accounts.api.fields import TextField, TrueOrFalseField
from accounts.api.settings import WholeNumberField
from llm_settings.configuring import Wanted
from llm_settings.models import LLMProvider, UserLLMConfig

LONGEST_KEY = 500
SHOWN = "The key as it may be seen: `sk-…abcd`. Null where there is none."


class NameField(serializers.RegexField):
    """What can stand in a path as it is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            r"^(?!\.+$)[^/\\\x00-\x1f\x7f]+$",
            max_length=100,
            error_messages={"invalid": "A name has no slashes or control characters, and not only dots."},
            **kwargs,
        )

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class KeyField(TextField):
    """What can stand in a header. `…` only so that a key may be sent back as it was shown."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_KEY, style={"input_type": "password"}, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        key = super().to_internal_value(data)
        if any(not "\x21" <= character <= "\x7e" and character != "…" for character in key):
            raise serializers.ValidationError("A key has only letters, digits and signs of ASCII.")
        return key


class ConfigSerializer(serializers.Serializer[Any]):
    """What is not sent stays as it is. Without `base_url`: OpenAI's or Ollama's own, by `type`."""

    type = serializers.ChoiceField(choices=LLMProvider.Type.choices, required=False)
    base_url = TextField(max_length=500, required=False, help_text="With its version: `http://localhost:11434/v1`.")
    model = TextField(max_length=300, allow_blank=True, required=False)
    context_tokens = WholeNumberField(
        min_value=1024,
        max_value=10_000_000,
        allow_null=True,
        required=False,
        help_text="How much the model reads at once. Null: what the endpoint says, or else the deployment's setting.",
    )
    api_key = KeyField(
        allow_blank=True,
        allow_null=True,
        required=False,
        write_only=True,
        help_text="Empty or null takes away what there was; so does another `base_url`, unless a key is sent with it.",
    )
    is_active = TrueOrFalseField(required=False, help_text="True makes it the one that answers.")
    position = WholeNumberField(min_value=0, max_value=1000, required=False)

    def validate_base_url(self, base_url: str) -> str:
        return base_url.rstrip("/")

    def validate_api_key(self, key: str | None) -> str:
        return key or ""


class ProviderInput(serializers.Serializer[Any]):
    provider_name = NameField()
    config = ConfigSerializer()

    @property
    def wanted(self) -> Wanted:
        return cast("Wanted", self.validated_data["config"])


class TrialInput(serializers.Serializer[Any]):
    """Without `config`, or with a part of it, the rest is that of the provider of this name."""

    provider_name = NameField()
    config = ConfigSerializer(required=False)


class TrialSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    latency_ms = serializers.IntegerField()
    models = serializers.ListField(child=serializers.CharField())


class ProviderSerializer(serializers.ModelSerializer[LLMProvider]):
    has_api_key = serializers.BooleanField(read_only=True)
    api_key = serializers.SerializerMethodField(help_text=SHOWN)

    class Meta:
        model = LLMProvider
        fields = (
            "id",
            "name",
            "type",
            "base_url",
            "model",
            "context_tokens",
            "offered_tokens",
            "is_active",
            "has_api_key",
            "api_key",
            "position",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_api_key(self, provider: LLMProvider) -> str | None:
        return provider.shown_key or None


class EmbeddingSerializer(serializers.Serializer[Any]):
    provider = serializers.CharField()
    model = serializers.CharField(source="name")
    dimensions = serializers.IntegerField()


class ModelSettingsSerializer(serializers.Serializer[Any]):
    """`default_model` is what answers where no provider does: the deployment's, or `extractive`.

    `own_providers_only`: then the deployment's never does.
    """

    active_provider = serializers.CharField(allow_null=True)
    providers = ProviderSerializer(many=True)
    default_model = serializers.CharField()
    own_providers_only = serializers.BooleanField()
    embedding = EmbeddingSerializer()


class PolicySerializer(serializers.Serializer[Any]):
    own_providers_only = TrueOrFalseField()


class LLMProviderSerializer(serializers.ModelSerializer[LLMProvider]):
    """A provider in chat-service's words."""

    name = NameField()
    api_endpoint = TextField(source="base_url", max_length=500)
    has_api_key = serializers.BooleanField(read_only=True)

    class Meta:
        model = LLMProvider
        fields = (
            "id",
            "name",
            "api_endpoint",
            "type",
            "model",
            "is_active",
            "has_api_key",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "type", "model", "is_active", "created_at", "updated_at")

    def validate_api_endpoint(self, base_url: str) -> str:
        return base_url.rstrip("/")


class UserLLMConfigInput(serializers.Serializer[Any]):
    user_id = serializers.UUIDField()
    provider_id = serializers.UUIDField()
    api_key = KeyField()

    def validate_api_key(self, key: str) -> str:
        if "…" in key:
            raise serializers.ValidationError("This is a key as it is shown, not the key.")
        return key


class UserLLMConfigSerializer(serializers.ModelSerializer[UserLLMConfig]):
    user_id = serializers.UUIDField(source="user.uuid", read_only=True)
    provider_id = serializers.UUIDField(read_only=True)
    api_key = serializers.CharField(source="shown_key", read_only=True, help_text=SHOWN)

    class Meta:
        model = UserLLMConfig
        fields = ("id", "user_id", "provider_id", "api_key", "created_at", "updated_at")
        read_only_fields = fields
