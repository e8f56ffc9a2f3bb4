from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from allauth.mfa import app_settings
from allauth.mfa.totp.internal import auth as totp

from accounts.models import User
from tests.conftest import fresh_limits

__all__ = ["fresh_limits"]


@pytest.fixture
def totp_of() -> Callable[[User], Callable[..., str]]:
    """Turns the second factor of a user on, and gives what makes its codes: of now, or of so many steps later."""

    def turn_on(user: User) -> Callable[..., str]:
        secret = totp.generate_totp_secret()
        totp.TOTP.activate(user, secret)

        def code(later: int = 0) -> str:
            counter = int(time.time()) // app_settings.TOTP_PERIOD + later
            return totp.format_hotp_value(totp.hotp_value(secret, counter))

        return code

    return turn_on
