"""What staff look for is found by indexes: no search reads a table from its beginning to its end."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext

from doculume.back_office import any_of
from doculume.ids import new_id

pytestmark = pytest.mark.django_db

# Tables of a few rows an account at most, which are read faster than an index.
SMALL = {
    "auth.Group",
    "accounts.Plan",
    "accounts.SiteSettings",
    "accounts.OutgoingMail",
    "accounts.Invitation",
    "knowledge.Collection",
    "integrations.Integration",
    "integrations.ChatbotSettings",
    "llm_settings.EmbeddingModel",
    "llm_settings.LLMProvider",
    "llm_settings.UserLLMConfig",
}
GROWING = [model for model in admin.site._registry if model._meta.label not in SMALL]
SCANS = {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"}


def whole_reads(statement: str) -> list[str]:
    """Scans of the statement's plan that are given nothing to look for."""
    # Of a few rows, counted by chance just before, all are read in the order that is asked for, rather than sorted.
    unordered = re.sub(r" ORDER BY [^()]+?(?= LIMIT)", "", statement)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {unordered}")
        (plan,) = cursor.fetchone()
        cursor.execute("SET LOCAL enable_seqscan = on")
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return [node["Node Type"] for node in nodes(plan[0]["Plan"]) if node["Node Type"] in SCANS and not looks(node)]


def nodes(plan: dict[str, Any]):
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def looks(node: dict[str, Any]) -> bool:
    return "Index Cond" in node


@pytest.mark.parametrize("model", GROWING, ids=lambda model: model._meta.label)
def test_a_search_is_served_by_indexes(alice, account, model):
    lookups = admin.site._registry[model].search_fields
    assert lookups
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_user")
    count = 0
    for term in ("alice", str(account.pk), str(new_id())):
        with CaptureQueriesContext(connection) as asked:
            list(model._base_manager.filter(any_of(model, lookups, term)).order_by()[:50])
        # A word that can be none of the values is not asked for at all.
        count += len(asked)
        for query in asked:
            assert whole_reads(query["sql"]) == [], query["sql"]
    assert count
