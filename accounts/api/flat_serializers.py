"""What the account API takes and sends, each field by name."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from accounts.api.fields import EmailAddressField, PasswordField, TextField, TrueOrFalseField
from accounts.api.serializers import refuse_poor_password
from accounts.models import Account, Membership, User
from doculume.errors import InvalidRequest

DIFFERENT = "The two passwords are not the same."


def inner(data: Any) -> dict[str, Any]:
    """What is inside `{"user": {...}}`, or the body itself where there is no `user`. Raises `InvalidRequest`."""
    if not isinstance(data, dict):
        raise InvalidRequest(details={"user": ["Send a JSON object."]})
    fields = data.get("user", data)
    if not isinstance(fields, dict):
        raise InvalidRequest(details={"user": ["Send a JSON object."]})
    return fields


def wrapped(serializer_class: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """`{"user": {...}}`, for the schema."""
    name = serializer_class.__name__.removesuffix("Serializer")
    return inline_serializer(f"{name}OfUser", {"user": serializer_class()})


class SamePasswords(serializers.Serializer[Any]):
    """The confirmation must be there and the same, so that a slip of the finger locks nobody out."""

    password = PasswordField()
    password_confirmation = PasswordField()

    def refuse_different(self, attrs: dict[str, Any]) -> None:
        if attrs["password"] != attrs["password_confirmation"]:
            raise serializers.ValidationError({"password_confirmation": [DIFFERENT]})


class RegistrationSerializer(SamePasswords):
    email = EmailAddressField()
    name = TextField(max_length=200, required=False, allow_blank=True, default="")
    terms_of_service = TrueOrFalseField(required=False, default=False)
    invitation = TextField(max_length=200, required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.refuse_different(attrs)
        refuse_poor_password(attrs["password"], User(email=attrs["email"], full_name=attrs["name"]))
        return attrs


class PasswordSerializer(SamePasswords):
    """`context["user"]` is whose password it is."""

    current_password = PasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.refuse_different(attrs)
        refuse_poor_password(attrs["password"], self.context["user"])
        return attrs


class ShownTokenSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    token = serializers.CharField()


class NewUserSerializer(serializers.Serializer[Any]):
    """`id` is null, and there are no tokens, as long as the address waits for its confirmation."""

    id = serializers.IntegerField(allow_null=True)
    email = serializers.EmailField()
    name = serializers.CharField()
    api_tokens = ShownTokenSerializer(many=True)


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()


class CurrentUserSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    avatar_url = serializers.URLField()
    sgid = serializers.CharField()
    content = serializers.CharField()


class SuccessSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()


class AccountUserSerializer(serializers.ModelSerializer[Membership]):
    user_id = serializers.IntegerField()

    class Meta:
        model = Membership
        fields = ("id", "user_id")


class AccountSerializer(serializers.ModelSerializer[Account]):
    personal = serializers.BooleanField(source="is_personal")
    owner_id = serializers.SerializerMethodField()
    account_users = AccountUserSerializer(source="memberships", many=True)

    class Meta:
        model = Account
        fields = ("id", "name", "personal", "owner_id", "created_at", "updated_at", "account_users")

    def get_owner_id(self, account: Account) -> int | None:
        """Whose personal account it is, or the owner who has been in it for longest."""
        owners = [one.user_id for one in account.memberships.all() if one.is_owner]
        return account.personal_of_id or next(iter(owners), None)
