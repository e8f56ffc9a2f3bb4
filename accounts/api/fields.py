"""Fields that take what a reader of the reference would send, and nothing near it."""

from __future__ import annotations

import math
from typing import Any

from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

LONGEST_PASSWORD = 256


class NoSurrogates(ProhibitSurrogateCharactersValidator):
    """As REST framework's own, which asks of each character by itself: a third of what reading long texts took."""

    def __call__(self, value: Any) -> None:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            super().__call__(value)


class TextField(serializers.CharField):
    """A JSON string. REST framework's own field also takes numbers and writes them out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        slow = ProhibitSurrogateCharactersValidator
        self.validators = [NoSurrogates() if type(each) is slow else each for each in self.validators]

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class EmailAddressField(serializers.EmailField):
    """An address of at most 254 characters, in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data).lower()


class PasswordField(TextField):
    """Kept as typed, spaces included; bounded, since hashing costs by length. Never sent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            write_only=True,
            trim_whitespace=False,
            max_length=LONGEST_PASSWORD,
            style={"input_type": "password"},
            **kwargs,
        )


class TrueOrFalseField(serializers.BooleanField):
    """JSON's own. REST framework's also takes "yes", "0" and the like."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Number(serializers.FloatField):
    """A finite number, or one written out."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or (isinstance(data, str) and "_" in data):
            self.fail("invalid")
        try:
            number = super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(number):
            self.fail("invalid")
        return number
