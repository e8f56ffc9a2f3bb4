"""The forms of the sign-in pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts import confirmation
from accounts.api.fields import LONGEST_PASSWORD
from accounts.confirmation import EmailNotConfirmed
from accounts.models import User
from accounts.signing_in import WrongCredentials, user_by_password
from accounts.throttling import LimitsUnavailable, TooManyAttempts

PASSWORD_TOO_LONG = format_lazy(_("Use at most {number} characters."), number=LONGEST_PASSWORD)


def password_field(label: Any, *, autofocus: bool = False, **options: Any) -> forms.CharField:
    """Of the password that somebody has."""
    attributes = {"autocomplete": "current-password"} | ({"autofocus": True} if autofocus else {})
    return forms.CharField(
        label=label,
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs=attributes),
        error_messages={"max_length": PASSWORD_TOO_LONG},
        **options,
    )


class SignInForm(AuthenticationForm):
    """Django's, with the limits that the API's sign-in has; they count together.

    After `is_valid()` said no, `refused` is the error if it was not about what was typed.
    """

    refused: TooManyAttempts | LimitsUnavailable | None = None

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["username"] = forms.EmailField(
            label=_("Email"),
            max_length=254,
            widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
        )
        self.fields["password"].validators.append(MaxLengthValidator(LONGEST_PASSWORD, PASSWORD_TOO_LONG))

    def clean(self) -> dict[str, Any]:
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email and password and self.request is not None:
            try:
                self.user_cache = user_by_password(self.request, email, password)
            except WrongCredentials as error:
                raise ValidationError(error.told, code="invalid_login") from error
            except (TooManyAttempts, LimitsUnavailable) as error:
                self.refused = error
                raise ValidationError(error.told, code=error.code) from error
            self._refuse_unconfirmed(self.request, self.user_cache)
        return self.cleaned_data

    @staticmethod
    def _refuse_unconfirmed(request: HttpRequest, user: User) -> None:
        try:
            confirmation.refuse_unconfirmed(request, user)
        except EmailNotConfirmed as error:
            raise ValidationError(error.told, code="unconfirmed") from error
