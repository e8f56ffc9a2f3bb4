"""Lists to choose from: which is chosen, names that are long, and names that look like tags."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.template import engines
from pytest_django.asserts import assertHTMLEqual

from doculume.templatetags.choices import shortened

ROWS = [SimpleNamespace(id=1, name="One"), SimpleNamespace(id=2, name="<b>Two & 'three'</b>")]


def written(chosen: Any) -> str:
    page = engines["django"].from_string("{% load choices %}{% options rows chosen=chosen %}")
    return page.render({"rows": ROWS, "chosen": chosen})


@pytest.mark.parametrize(("chosen", "first", "second"), [(None, "", ""), (2, "", " selected"), (1, " selected", "")])
def test_the_chosen_one_is_selected_and_names_are_escaped(chosen: Any, first: str, second: str) -> None:
    assertHTMLEqual(
        written(chosen),
        f'<option value="1"{first}>One</option>'
        f'<option value="2"{second}>&lt;b&gt;Two &amp; &#x27;three&#x27;&lt;/b&gt;</option>',
    )


@pytest.mark.parametrize(
    ("text", "most", "left"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("", 3, ""), ("abe\u0301f", 4, "ab…"), ("产品保修政策", 4, "产品保…")],
)
def test_long_names_are_cut_between_letters(text: str, most: int, left: str) -> None:
    assert shortened(text, most) == left
