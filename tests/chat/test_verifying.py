"""What of an answer stands in no source is flagged, and what does is not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chat.verifying import unsupported

SOURCE = SimpleNamespace(title="Aurora 3", context="", text="The warranty is 42 months. It costs 1,000 EUR, “as is”.")


@pytest.mark.parametrize(
    ("text", "flagged"),
    [
        ("The warranty is 42 months. [1]", []),
        ("1. It costs 1.000 EUR. [1]\n2. The Aurora 3 has 42 months. [1][2]", []),
        ("The warranty is 24 months. [1]", ["24"]),
        ('It says "the warranty is 42 months". [1]', []),
        ('It says "the warranty is for life, always". [1]', ["the warranty is for life, always"]),
        ("Es heißt „die Garantie gilt ewig“. [1]", ["die Garantie gilt ewig"]),
        ("You asked about 2019. [1]", []),
        ("No figures here.", []),
    ],
)
def test_figures_and_quotations(text, flagged):
    assert unsupported(text, [SOURCE], "What was it in 2019?") == flagged


def test_there_is_a_bound():
    assert len(unsupported(" ".join(str(number) for number in range(5000, 6000)), [SOURCE], "")) == 20
