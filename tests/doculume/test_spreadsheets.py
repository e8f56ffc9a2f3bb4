"""Cells that other people wrote, opened in a spreadsheet."""

from __future__ import annotations

import pytest

from doculume.spreadsheets import harmless


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "+", "-"])
def test_what_would_be_run_as_a_formula_is_text(cell):
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "When?", "-3.5", "+49", "1=1", 7, -2.5, None])
def test_the_rest_stays_as_it_is(cell):
    assert harmless(cell) == cell
