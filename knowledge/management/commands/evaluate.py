"""Ask the golden questions and tell how search did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from accounts.models import Account
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand
from knowledge.evaluation import THRESHOLD, TOLERANCE, Figures, evaluate, worse
from knowledge.models import Collection, EvaluationRun, GoldenQuestion

FORMAT = 1


class Command(DescribedCommand):
    help = (
        "Asks the golden questions of accounts as a client of the API would, and reports nDCG@10, recall@10, MRR and "
        "latency. Each run is kept, and shown beside the one before it. With --compare, fails when an account's "
        "figures fell below those of the file."
    )
    examples = (
        "evaluate",
        "evaluate --account 7 --json figures.json",
        "evaluate --compare figures.json",
    )
    exit_codes = {
        0: "asked; with --compare: as good as before",
        1: "nothing could be asked; with --compare: figures fell",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", type=int, metavar="ID", help="only this account; else all with questions")
        parser.add_argument("--collection", type=UUID, metavar="ID", help="only the questions to this one")
        parser.add_argument("--threshold", type=float, default=THRESHOLD, help="as a search's; %(default)s")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, each question's too")
        parser.add_argument("--compare", type=Path, metavar="FILE", help="figures that --json wrote earlier")
        parser.add_argument(
            "--tolerance", type=float, default=TOLERANCE, help="so much less is still the same; %(default)s"
        )
        parser.add_argument("--no-store", action="store_true", help="do not keep the run")

    def handle(self, *args: Any, **options: Any) -> None:
        earlier = read(options["compare"]) if options["compare"] else {}
        runs: dict[str, Figures] = {}
        lost: list[str] = []
        for account, collection_id in scopes(options["account"], options["collection"]):
            name = f"account {account.pk}" + (f", collection {collection_id}" if collection_id else "")
            try:
                figures = evaluate(account, collection_id, threshold=options["threshold"])
            except DoculumeError as error:
                raise CommandError(f"{name}: {error.message}") from error
            before = run_before(account, collection_id)
            if not options["no_store"]:
                figures.store(account, collection_id)
            self.show(name, figures, before)
            runs[name] = figures
            if name in earlier:
                lost += [f"{name}: {what}" for what in worse(earlier[name], figures, options["tolerance"])]
        if not runs:
            raise CommandError("No account has golden questions. `import_golden` takes them in.")
        if options["json"]:
            write(options["json"], runs)
        if missing := [name for name in earlier if name not in runs]:
            raise CommandError(f"Not asked this time: {'; '.join(missing)}")
        if lost:
            raise CommandError("; ".join(lost))

    def show(self, name: str, figures: Figures, before: EvaluationRun | None) -> None:
        self.stdout.write(f"{name}: {figures.model}, {figures.questions} questions")
        if figures.left_out:
            self.stdout.write(f"  left out, since they expect nothing any more: {figures.left_out}")
        same = before is not None and before.golden_digest == figures.golden_digest
        for label, attribute in (("nDCG@10", "ndcg"), ("recall@10", "recall"), ("MRR", "mrr")):
            value = getattr(figures, attribute)
            change = f"  ({value - getattr(before, attribute):+.4f})" if same else ""
            self.stdout.write(f"  {label:10} {value:.4f}{change}")
        self.stdout.write(f"  latency    p50 {figures.latency_p50_ms:.1f} ms, p95 {figures.latency_p95_ms:.1f} ms")
        if len(figures.ndcg_by_language) > 1:
            each = ", ".join(f"{name or 'unknown'} {value:.4f}" for name, value in figures.ndcg_by_language.items())
            self.stdout.write(f"  nDCG@10 by language: {each}")
        if before is not None:
            how = "in brackets" if same else "of other questions"
            self.stdout.write(f"  the run before: {before.created_at:%Y-%m-%d %H:%M}, {before.model_name}, {how}")


def scopes(account_id: int | None, collection_id: UUID | None) -> list[tuple[Account, UUID | None]]:
    """The accounts to ask for. Across all of them on purpose: this is for whoever runs the machine."""
    if collection_id is not None:
        collection = Collection.objects.filter(id=collection_id).select_related("account").first()
        if collection is None or account_id not in (None, collection.account_id):
            raise CommandError(f"There is no collection {collection_id}.")
        return [(collection.account, collection_id)]
    accounts = Account.objects.filter(deleted_at=None)
    if account_id is not None:
        accounts = accounts.filter(pk=account_id)
    asked = GoldenQuestion.objects.values("account_id")
    return [(account, None) for account in accounts.filter(pk__in=asked).order_by("pk")]


def run_before(account: Account, collection_id: UUID | None) -> EvaluationRun | None:
    runs = EvaluationRun.objects.for_account(account)
    return (runs.filter(collection_id=collection_id) if collection_id else runs.filter(collection=None)).first()


def write(file: Path, runs: dict[str, Figures]) -> None:
    data = {"format": FORMAT, "runs": {name: figures.as_json() for name, figures in runs.items()}}
    file.write_text(json.dumps(data, indent=1), encoding="utf-8")


def read(file: Path) -> dict[str, Figures]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise KeyError("format")
        return {name: Figures.from_json(run) for name, run in data["runs"].items()}
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"{file} holds no figures that `evaluate --json` wrote.") from error
