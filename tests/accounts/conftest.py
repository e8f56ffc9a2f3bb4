from __future__ import annotations

from tests.conftest import fresh_limits

__all__ = ["fresh_limits"]
