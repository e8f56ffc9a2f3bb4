"""What of a passage is quoted, and how it reads in an answer."""

from __future__ import annotations

from chat.quoting import quotes_of
from tests.chat.test_citations import hit

LEAVE = "3.1 Annual leave\n\nEmployees have 28 days of leave. Ask two weeks ahead.\n\nDoes it expire?\n\nYes, in March."
TABLE = "Expense\tDomestic\tAbroad\nHotel\t130 EUR\t170 EUR\nTaxi\t40 EUR\t50 EUR"
LIMITS = f"Limits\n\nAmounts are refunded up to these.\n\n{TABLE}"


def said(text, **changes):
    return [quote.words(text) for quote in quotes_of(hit(text, **changes))]


def judged(text, **changes):
    return [text[quote.start : quote.end] for quote in quotes_of(hit(text, **changes))]


def test_a_heading_is_judged_with_the_sentence_below_it_but_not_quoted():
    assert said(LEAVE) == ["Employees have 28 days of leave.", "Ask two weeks ahead.", "Yes, in March."]
    assert judged(LEAVE)[0] == "3.1 Annual leave\n\nEmployees have 28 days of leave."
    assert judged(LEAVE)[2] == "Does it expire?\n\nYes, in March."


def test_a_row_names_its_cells_by_the_header_which_is_not_quoted():
    assert said(LIMITS) == [
        "Amounts are refunded up to these.",
        "Hotel: Domestic 130 EUR; Abroad 170 EUR",
        "Taxi: Domestic 40 EUR; Abroad 50 EUR",
    ]


def test_the_header_of_a_table_that_was_cut_comes_from_its_context():
    assert said("Taxi\t40 EUR", kind="table", context="Expense\tDomestic") == ["Taxi: Domestic 40 EUR"]


def test_rows_that_name_their_cells_stay_as_they_are():
    text = "Parts\n\nSKU\tName\nSKU: BW-1; Name: Bell. Loud.\nSKU: BW-2; Name: Lamp"
    assert said(text, kind="table") == ["SKU: BW-1; Name: Bell. Loud.", "SKU: BW-2; Name: Lamp"]


def test_lines_that_were_wrapped_are_one_paragraph():
    assert said("The office opens\nat nine. It closes\nat five.") == ["The office opens at nine.", "It closes at five."]


def test_a_last_line_without_anything_below_is_quoted():
    assert said("Best regards") == ["Best regards"]


def test_foreign_markers_are_left_out():
    assert said("It was built in 1937 [12]. It stands [3].") == ["It was built in 1937.", "It stands."]


def test_code_is_quoted_by_the_line():
    assert said("def f():\n    return 1", kind="code") == ["def f():", "return 1"]


def test_everything_but_headings_and_headers_can_be_quoted():
    covered = {place for quote in quotes_of(hit(LIMITS)) for place in range(quote.start, quote.end)}
    left = "".join(c for place, c in enumerate(LIMITS) if place not in covered and not c.isspace())
    assert left == "ExpenseDomesticAbroad"
