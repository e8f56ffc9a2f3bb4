"""Every page of the URLconf, with an address to look at it. A new page is among them by itself.

Who may see it is what `tests.contract.matrix` says of it; where it is about one thing, that of a full account is
opened, or, where no line of `THINGS` says which, a bare one that the matrix makes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client
from django.urls import reverse

from tests.contract import matrix
from tests.contract.test_routes import HTML
from tests.pages.full_account import Filled

WHO = ("owner", "member", "viewer", "stranger")
# Fragments of pages, and what pages embed; files and redirects are found out by themselves.
PARTS = {"documents-moving", "models-move", "integration-preview"}

THINGS: dict[str, Callable[[Filled], dict[str, Any]]] = {
    "conversation-page": lambda it: {"pk": it.conversation.pk},
    "conversation": lambda it: {"pk": it.conversation.pk},
    "document-page": lambda it: {"pk": it.document.pk},
    "collection": lambda it: {"collection": it.collection.pk},
    "entry-new": lambda it: {"collection": it.collection.pk},
    "entry": lambda it: {"collection": it.collection.pk, "pk": it.entry.pk},
    "entry-imports": lambda it: {"collection": it.collection.pk},
    "entry-import": lambda it: {"collection": it.collection.pk, "pk": it.entry_import.pk},
    "integration": lambda it: {"pk": it.integration.pk},
    "integration-embed": lambda it: {"pk": it.integration.pk},
    "model-provider": lambda it: {"pk": it.provider.pk},
    "missing-answer": lambda it: {"pk": it.question.pk},
}

# Not the reference of the API, which is a page of others' making.
OPENED = {
    name: matrix.PAGES[name]["get"] for name in HTML if matrix.PAGES.get(name, {}).get("get", {}).get("owner") == "ok"
}
SIGNED_OUT = ["sign-in", "register", "account_reset_password"]
INNER = [name for name, row in OPENED.items() if row["anonymous"] == "in" and name not in PARTS]


def address(name: str, filled: Filled) -> str:
    """Within the account of `filled`, whoever looks."""
    making = matrix.THINGS.get(name, lambda account, owner: {})
    things = THINGS[name](filled) if name in THINGS else making(filled.account, filled.owner)
    path = reverse(name, kwargs=things)
    return (
        path
        if OPENED[name] is matrix.OWN or OPENED[name] is matrix.OPEN_PAGE
        else f"{path}?account={filled.account.pk}"
    )


def addresses(filled: Filled, owners: Client) -> dict[str, str]:
    """By the name of the page. What leads elsewhere or gives a file is no page. Fails where the owner gets no page."""
    found = {}
    for name in INNER:
        path = address(name, filled)
        answer = owners.get(path)
        assert answer.status_code in (200, 302), f"{name}: {answer.status_code}"
        if answer.status_code == 200 and not answer.streaming and b"<html" in answer.content:
            found[name] = path
    return found


def expected(name: str, who: str) -> int:
    """The status of the page in the account of somebody else, to whom `who` is a member, a viewer or a stranger."""
    row = OPENED[name]
    if who == "stranger" and row is not matrix.OWN:
        return 404
    return 200 if row[who] == "ok" else int(row[who])
