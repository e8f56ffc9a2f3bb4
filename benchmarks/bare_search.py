"""The least that a hybrid search can be: one statement, and a Django view around it with nothing else.

`python -m benchmarks.entry_search` compares the product with both. Equality with one value is the only filter; there
is no threshold, no total, no account to find out, no statistics of the collection, no fusion but the sum of scores.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from django.db import connection

from knowledge.search.indexes import dense, sparse
from knowledge.search.terms import term_key, terms_of

STATISTICS = "SELECT term, chunk_count FROM knowledge_termstatistic WHERE account_id = %s AND term = ANY(%s)"
HYBRID = """
    WITH matching AS MATERIALIZED (
        SELECT id FROM knowledge_entry
        WHERE account_id = %(account)s AND collection_id = %(collection)s AND meta @> %(document)s::jsonb
    ), near AS (
        SELECT entry_id, -(vector <#> %(vector)s::halfvec) AS score
        FROM knowledge_chunkembedding JOIN matching ON matching.id = entry_id
        WHERE account_id = %(account)s AND model_id = %(model)s ORDER BY score DESC LIMIT 100
    ), found AS (
        SELECT entry_id, -(weights <#> %(weights)s::sparsevec) AS score
        FROM knowledge_chunkterms JOIN matching ON matching.id = entry_id
        WHERE account_id = %(account)s AND terms && %(terms)s::int[] ORDER BY score DESC LIMIT 100
    ), both_ AS (
        SELECT entry_id, coalesce(near.score, 0) + coalesce(found.score, 0) / %(full)s AS score
        FROM near FULL JOIN found USING (entry_id) ORDER BY score DESC LIMIT 15
    )
    SELECT entry.id, entry.title, entry.raw_text, entry.meta, both_.score
    FROM both_ JOIN knowledge_entry AS entry ON entry.id = both_.entry_id AND entry.account_id = %(account)s
    ORDER BY both_.score DESC
"""

Scope = Mapping[str, Any]
"""account, collection, model, chunks: ids, and the number of all chunks."""


def raw(scope: Scope, text: str, vector: Any, document: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    keys = {term_key(scope["account"], term) for term in terms_of(text, "en")}
    with connection.cursor() as cursor:
        cursor.execute(STATISTICS, [scope["account"], list(keys)])
        rarities = {
            term: math.log(1 + (scope["chunks"] - n + 0.5) / (n + 0.5)) for term, n in sorted(cursor.fetchall())
        }
        rarest = sorted(rarities, key=lambda term: -rarities[term])[:2]
        bound = {"vector": dense(vector), "weights": sparse(rarities), "terms": rarest, "full": sum(rarities.values())}
        cursor.execute(HYBRID, {**scope, **bound, "document": json.dumps(document)})
        return cursor.fetchall()


def serve(port: int, database: str, scope: Scope, vectors: Mapping[str, Any]) -> None:
    """The view, at `/?query=…&<field>=<value>`, by uvicorn."""
    import uvicorn
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    def view(request: HttpRequest) -> JsonResponse:
        asked = request.GET.dict()
        text = asked.pop("query")
        names = ("id", "title", "raw_text", "meta", "score")
        rows = raw(scope, text, vectors[text], {name: json.loads(value) for name, value in asked.items()})
        return JsonResponse({"data": [dict(zip(names, row, strict=True)) for row in rows]})

    connection.settings_dict["NAME"] = database
    settings.MIDDLEWARE, settings.ROOT_URLCONF = [], "bare"
    sys.modules["bare"] = type(sys)("bare")
    sys.modules["bare"].urlpatterns = [path("", view)]  # type: ignore[attr-defined]
    uvicorn.run(get_asgi_application(), port=port, log_level="warning", access_log=False, timeout_keep_alive=600)
