"""What the sign-in endpoints take and send, each field by name."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import EmailAddressField, PasswordField, TextField
from accounts.models import User
from accounts.registration import TAKEN, EmailTaken


class RegisterSerializer(serializers.Serializer):
    email = EmailAddressField()
    password = PasswordField()
    full_name = TextField(max_length=200, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            validate_password(attrs["password"], User(email=attrs["email"], full_name=attrs["full_name"]))
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        return attrs


class LoginSerializer(serializers.Serializer):
    """The e-mail is not checked for its form: what is no address is nobody's."""

    email = TextField(max_length=254)
    password = PasswordField()
    otp_attempt = TextField(max_length=64, required=False, allow_blank=True, allow_null=True)


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

    def validate_email(self, email: str) -> str:
        others = User.objects.exclude(pk=self.instance.pk) if self.instance else User.objects.all()
        if others.filter(email=email).exists():
            raise serializers.ValidationError(TAKEN)
        return email

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        """Writes only what was sent, so that two clients do not undo each other's changes."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        try:
            with transaction.atomic():
                instance.save(update_fields=list(validated_data))
        except IntegrityError as error:
            raise EmailTaken from error
        return instance
