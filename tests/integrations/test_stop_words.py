from __future__ import annotations

import pytest

from integrations.openai_door.stopping import Until

TEXT = "one two\n\nthree END four"


@pytest.mark.parametrize("size", range(1, len(TEXT) + 1))
@pytest.mark.parametrize(
    ("stops", "said"),
    [
        ([], TEXT),
        (["END"], "one two\n\nthree "),
        (["\n\n", "END"], "one two"),
        (["ENDE", "four!"], TEXT),
        (["o"], ""),
        (["two\n\nthree END five", " t"], "one"),
    ],
)
def test_a_text_ends_before_the_first_of_them_however_it_comes(size, stops, said):
    until = Until(stops)
    pieces = [until.feed(TEXT[start : start + size]) for start in range(0, len(TEXT), size)]
    assert "".join([*pieces, until.close()]) == said
    assert until.is_over == (said != TEXT)


def test_only_what_may_become_one_is_held_back():
    until = Until(["END"])
    assert [until.feed(piece) for piece in ("a E", "N", "T EN", "D b")] == ["a ", "", "ENT ", ""]
