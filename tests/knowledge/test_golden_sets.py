"""Golden sets are taken in, asked over the way that clients ask, and compared."""

from __future__ import annotations

import io
import json
import math

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from knowledge import collections, golden_sets
from knowledge.evaluation import Figures, NoGoldenQuestions, evaluate, worse
from knowledge.golden_sets import UnreadableGoldenSet
from knowledge.measures import ndcg, percentile, recall, reciprocal_rank
from knowledge.models import Collection, Entry, EvaluationRun, GoldenEntry, GoldenQuestion
from knowledge.search import search_entries
from tests.knowledge.library import add_entry

TEXTS = {
    "refunds": ("Refunds are paid within thirty days of the return.", "en"),
    "shipping": ("We ship parcels to every country in the world.", "en"),
    "battery": ("The battery charges in two hours.", "en"),
    "garantie": ("Die Garantie gilt zwei Jahre ab Kaufdatum.", "de"),
}
CSV = """question,source_id,gain,language
How long does a refund take?,refunds,2,en
How long does a refund take?,battery,0,en
Do you deliver abroad?,shipping,,en
Wie lange gilt die Garantie?,garantie,1,de
"""


def test_measures_of_rankings_known_by_hand():
    gains = {"a": 3, "b": 1, "c": 0}
    assert ndcg(["a", "b"], gains) == 1
    assert ndcg(["b", "a"], gains) == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))
    assert ndcg(["x", "c"], gains) == ndcg([], gains) == ndcg(["a"], {}) == 0
    assert ndcg(["x", "x", "a"], {"a": 1}, depth=2) == 0
    assert recall(["c", "b", "x"], gains) == 0.5
    assert recall(["x", "a"], gains, depth=1) == 0
    assert (reciprocal_rank(["c", "x", "b"], gains), reciprocal_rank(["c"], gains)) == (1 / 3, 0)
    assert (percentile([3, 1, 2], 0.5), percentile(range(1, 101), 0.95), percentile([], 0.5)) == (2, 95, 0)


@pytest.fixture
def collection(account):
    return Collection.objects.create(account=account, name="Articles")


@pytest.fixture
def entries(account, collection):
    made = {}
    for source_id, (text, language) in TEXTS.items():
        entry = add_entry(account, text, language=language, collection=collection)
        Entry.objects.filter(id=entry.id).update(source_type="web", source_id=source_id)
        made[source_id] = entry
    return made


def take_in(collection, text, kind="csv", **options):
    return golden_sets.replace(collection, golden_sets.read(io.StringIO(text), kind), **options)


@pytest.mark.django_db
class TestTakingIn:
    def test_csv(self, collection, entries):
        assert take_in(collection, CSV) == (3, 4)
        question = GoldenQuestion.objects.get(question__startswith="How long")
        assert (question.account_id, question.language) == (collection.account_id, "en")
        gains = {expected.entry_id: expected.gain for expected in question.expected.all()}
        assert gains == {entries["refunds"].id: 2, entries["battery"].id: 0}

    def test_json_lines(self, collection, entries):
        lines = [
            {"question": "A?", "entry_id": str(entries["battery"].id), "gain": 3},
            {"question": "B?", "language": "de", "expected": [
                {"source_type": "web", "source_id": "garantie"}, {"source_id": "refunds", "gain": 2},
            ]},
        ]  # fmt: skip
        text = "\n".join(["", *map(json.dumps, lines)])
        assert take_in(collection, text, "jsonl") == (2, 3)
        assert sorted(GoldenEntry.objects.values_list("question__question", "gain")) == [
            ("A?", 3),
            ("B?", 1),
            ("B?", 2),
        ]

    def test_again_replaces_what_was_there_and_keeps_the_rows_of_the_same_questions(self, collection, entries):
        take_in(collection, CSV)
        before = dict(GoldenQuestion.objects.values_list("question", "id"))
        take_in(collection, "question,source_id\nDo you deliver abroad?,battery\nNew?,refunds\n")
        after = dict(GoldenQuestion.objects.values_list("question", "id"))
        assert set(after) == {"Do you deliver abroad?", "New?"}
        assert after["Do you deliver abroad?"] == before["Do you deliver abroad?"]
        assert {e.entry_id for e in GoldenEntry.objects.all()} == {entries["battery"].id, entries["refunds"].id}

    def test_keeping_adds(self, collection, entries):
        take_in(collection, CSV)
        take_in(collection, "question,source_id,gain\nDo you deliver abroad?,battery,\nNew?,refunds,5\n", keep=True)
        assert GoldenQuestion.objects.count() == 4
        assert GoldenEntry.objects.count() == 6

    @pytest.mark.parametrize(
        ("kind", "text", "told"),
        [
            ("csv", "question,source_id\n,refunds\n", "Line 2"),
            ("csv", "question,source_id\nA?,\n", "Line 2"),
            ("csv", "question,source_id\nA?,nothing\n", "no entry nothing"),
            ("csv", "question,entry_id\nA?,x\n", "x is no id"),
            ("csv", "question,entry_id\nA?,9e3a7c2f-1b4d-4e8a-9f2c-3d5e6f7a8b9c\n", "no entry"),
            ("csv", "question,source_type,source_id\nA?,shop,refunds\n", "no entry shop/refunds"),
            ("csv", "question,source_id,gain\nA?,refunds,many\n", "gain"),
            ("csv", "question,source_id,gain\nA?,refunds,-1\n", "gain"),
            ("jsonl", '{"question": "A?", "source_id": "refunds"}\n{', "Line 2"),
            ("jsonl", "[1]", "Line 1"),
            ("jsonl", '{"question": "A?", "expected": []}', "Line 1"),
            ("jsonl", '{"question": "A\\u0000?", "source_id": "refunds"}', "Line 1"),
        ],
    )
    def test_what_cannot_be_used_is_told_with_its_line_and_changes_nothing(self, collection, entries, kind, text, told):
        take_in(collection, CSV)
        with pytest.raises(UnreadableGoldenSet, match=told):
            take_in(collection, text, kind)
        assert GoldenQuestion.objects.count() == 3

    def test_a_source_that_two_entries_have_must_be_said_in_full(self, collection, account, entries):
        entry = add_entry(account, "Also about refunds.", collection=collection)
        Entry.objects.filter(id=entry.id).update(source_type="shop", source_id="refunds")
        with pytest.raises(UnreadableGoldenSet, match="more than one entry refunds"):
            take_in(collection, "question,source_id\nA?,refunds\n")
        assert take_in(collection, "question,source_id,source_type\nA?,refunds,shop\n") == (1, 1)

    def test_entries_of_other_collections_and_accounts_are_none(self, collection, entries, charlie):
        theirs = Collection.objects.create(account=charlie.personal_account, name="Theirs")
        with pytest.raises(UnreadableGoldenSet, match="no entry"):
            take_in(theirs, CSV)
        with pytest.raises(UnreadableGoldenSet, match="no entry"):
            take_in(theirs, f"question,entry_id\nA?,{entries['refunds'].id}\n")


@pytest.mark.django_db
class TestEvaluating:
    def test_asks_as_clients_do_and_measures(self, account, collection, entries):
        take_in(collection, CSV)
        figures = evaluate(account, threshold=0)
        assert (figures.questions, figures.left_out) == (3, 0)
        assert figures.ndcg == figures.recall == figures.mrr == 1
        assert figures.ndcg_by_language == {"de": 1, "en": 1}
        assert 0 < figures.latency_p50_ms <= figures.latency_p95_ms
        assert "multilingual-e5-small" in figures.model

    def test_a_threshold_that_lets_nothing_through_costs_everything(self, account, collection, entries):
        take_in(collection, CSV)
        assert evaluate(account, threshold=1).ndcg == 0

    def test_another_search_shows_in_the_figures(self, account, collection, entries):
        take_in(collection, CSV)

        def without_german(account, query, **options):
            return search_entries(account, "battery" if "Garantie" in query else query, **options)

        before, after = evaluate(account, threshold=0), evaluate(account, threshold=0, search=without_german)
        assert after.ndcg_by_language["de"] < 1
        lost = worse(before, after)
        assert any("nDCG@10 in de" in what for what in lost)
        assert worse(after, before) == worse(before, before) == []
        assert before.golden_digest == after.golden_digest

    def test_one_collection_alone(self, account, collection, entries):
        take_in(collection, CSV)
        other = Collection.objects.create(account=account, name="Other")
        with pytest.raises(NoGoldenQuestions):
            evaluate(account, other.id)
        assert evaluate(account, collection.id).questions == 3

    def test_questions_whose_entries_are_gone_are_left_out(self, account, collection, entries):
        take_in(collection, CSV)
        Entry.objects.filter(id=entries["shipping"].id).delete()
        figures = evaluate(account)
        assert (figures.questions, figures.left_out) == (2, 1)

    def test_goes_with_its_collection(self, account, collection, entries):
        take_in(collection, CSV)
        evaluate(account, collection.id).store(account, collection.id)
        collections.delete(account, collection.id)
        assert not GoldenQuestion.objects.exists()
        assert not GoldenEntry.objects.exists()
        assert not EvaluationRun.objects.exists()

    def test_figures_are_read_as_they_were_written(self, account, collection, entries):
        take_in(collection, CSV)
        figures = evaluate(account)
        assert Figures.from_json(json.loads(json.dumps(figures.as_json()))) == figures
        run = figures.store(account)
        assert Figures.from_json(EvaluationRun.objects.get(id=run.id).figures) == figures


def run(name, *arguments, **options):
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db
class TestCommands:
    def test_from_a_file_to_a_comparison(self, account, collection, entries, tmp_path):
        golden, figures = tmp_path / "golden.csv", tmp_path / "figures.json"
        golden.write_text(CSV)
        assert run("import_golden", str(golden), collection=collection.id) == "3 questions, 4 expected entries\n"
        first = run("evaluate", account=account.pk, threshold=0, json=figures)
        assert "nDCG@10    1.0000\n" in first
        second = run("evaluate", account=account.pk, threshold=0, compare=figures)
        assert "nDCG@10    1.0000  (+0.0000)" in second
        assert EvaluationRun.objects.for_account(account).count() == 2
        with pytest.raises(CommandError, match=r"nDCG@10 fell from 1.000 to 0.000"):
            run("evaluate", account=account.pk, threshold=1, compare=figures, no_store=True)
        assert EvaluationRun.objects.count() == 2

    def test_without_questions_there_is_nothing_to_evaluate(self, account):
        with pytest.raises(CommandError, match="import_golden"):
            run("evaluate")

    def test_a_comparison_with_what_was_not_asked_fails(self, account, collection, entries, tmp_path):
        take_in(collection, CSV)
        figures = tmp_path / "figures.json"
        run("evaluate", json=figures)
        with pytest.raises(CommandError, match="Not asked this time"):
            run("evaluate", collection=collection.id, compare=figures)
        for text in ("", "{}", "[]", '{"format": 1, "runs": {"a": {}}}'):
            figures.write_text(text)
            with pytest.raises(CommandError, match="holds no figures"):
                run("evaluate", compare=figures)

    def test_files_that_are_none(self, collection, tmp_path):
        for name in ("golden.txt", "missing.csv"):
            with pytest.raises(CommandError, match=r"\.csv"):
                run("import_golden", str(tmp_path / name), collection=collection.id)
