"""What the sign-in endpoints take and send, each field by name."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import confirmation
from accounts.api.fields import EmailAddressField, PasswordField, TextField, TrueOrFalseField
from accounts.models import User


def refuse_poor_password(password: str, user: User) -> None:
    """Raise `ValidationError` of the field `password` if it is too short, too common or too much like its user."""
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise serializers.ValidationError({"password": error.messages}) from error


class RegisterSerializer(serializers.Serializer):
    email = EmailAddressField()
    password = PasswordField()
    full_name = TextField(max_length=200, required=False, allow_blank=True, default="")
    terms_of_service = TrueOrFalseField(required=False, default=False)
    invitation = TextField(max_length=200, required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_poor_password(attrs["password"], User(email=attrs["email"], full_name=attrs["full_name"]))
        return attrs


class LoginSerializer(serializers.Serializer):
    """The e-mail is not checked for its form: what is no address is nobody's."""

    email = TextField(max_length=254)
    password = PasswordField()
    otp_attempt = TextField(max_length=64, required=False, allow_blank=True, allow_null=True, default="")


class RefreshSerializer(serializers.Serializer):
    refresh_token = TextField(max_length=4096, required=False)


class TokensSerializer(serializers.Serializer):
    """`expires_in` is the access token's life in seconds. Tokens are there only if the client asked with one."""

    access_token = serializers.CharField(required=False)
    refresh_token = serializers.CharField(required=False)
    expires_in = serializers.IntegerField()
    token_type = serializers.CharField()


class UserSerializer(serializers.ModelSerializer):
    """A user as they see themselves. Of these, `full_name` and `email` can be changed."""

    email = EmailAddressField()
    full_name = TextField(max_length=200, allow_blank=True)
    avatar_url = serializers.SerializerMethodField()
    plan = serializers.CharField(source="own_account.plan_id", read_only=True, help_text="Of the personal account.")
    account_id = serializers.IntegerField(source="own_account.id", read_only=True, help_text="The personal account.")

    class Meta:
        model = User
        fields = ("id", "uuid", "email", "full_name", "avatar_url", "plan", "account_id", "is_staff", "created_at")
        read_only_fields = ("id", "uuid", "is_staff", "created_at")

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_avatar_url(self, user: User) -> str | None:
        return user.avatar_url or None

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        """Writes only what was sent, so that two clients do not undo each other's changes.

        A new address may have to be confirmed first; then the user still has the old one.
        """
        request: HttpRequest = self.context["request"]._request
        email = validated_data.pop("email", None)
        with transaction.atomic():
            for name, value in validated_data.items():
                setattr(instance, name, value)
            instance.save(update_fields=list(validated_data))
            if email is not None:
                confirmation.change_email(request, instance, email)
        return instance


class RegisteredSerializer(serializers.Serializer):
    """The user who registered. Where addresses must be confirmed there is none yet, or none to tell of: `id`, `uuid`,
    `plan`, `account_id` and `created_at` are null then."""

    id = serializers.IntegerField(allow_null=True)
    uuid = serializers.UUIDField(allow_null=True)
    email = serializers.EmailField()
    full_name = serializers.CharField()
    avatar_url = serializers.URLField(allow_null=True)
    plan = serializers.CharField(allow_null=True)
    account_id = serializers.IntegerField(allow_null=True)
    is_staff = serializers.BooleanField()
    created_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, user: User) -> dict[str, Any]:
        if user.pk:
            return dict(UserSerializer(user).data)
        nothing = dict.fromkeys(self.fields)
        return nothing | {"email": user.email, "full_name": user.full_name, "is_staff": False}


class NewApiKeySerializer(serializers.Serializer):
    name = TextField(max_length=100, required=False, default="API key")


class ApiKeySerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    api_key = serializers.CharField(help_text="Shown this once.")
    created_at = serializers.DateTimeField()
