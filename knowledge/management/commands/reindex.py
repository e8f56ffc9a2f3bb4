"""Move what is stored to another embedding model, while it is searched and written to."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from accounts.models import Account
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand
from knowledge import reindexing
from knowledge.models import Collection, Reindexing
from knowledge.search.pointers import answering_model
from knowledge.tasks import hint_reindexing
from llm_settings.embedding_models import known_or_new
from llm_settings.models import EmbeddingModel

LOOK_EVERY_SECONDS = 1.0


class Command(DescribedCommand):
    help = (
        "Embeds what is stored by another model in the background, and answers by it when that is complete. Runs on "
        "by itself when this command ends, and goes on where it stopped when a worker dies. --status shows how far "
        "it is; --rollback answers by the earlier model again; --retire deletes the vectors of models that do not "
        "answer; without --model, missing vectors of the model that answers are made."
    )
    examples = (
        "reindex --model multilingual-e5-base",
        "reindex --status",
        "reindex --rollback --account 7",
    )
    exit_codes = {
        0: "moved, or what was asked for is done",
        1: "not moved; the last line says why",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", type=int, metavar="ID", help="only this account; else all that have chunks")
        parser.add_argument("--collection", type=UUID, metavar="ID", help="only make vectors of this one, swap nothing")
        parser.add_argument("--model", metavar="NAME", help="the model's name")
        parser.add_argument("--provider", default="local", choices=("local", "openai"))
        parser.add_argument("--dimensions", type=int, help="where the model does not tell: of an endpoint's vectors")
        parser.add_argument("--throttle", type=int, metavar="N", help="at most N chunks a second for an account")
        parser.add_argument("--accept-regression", action="store_true", help="swap though golden questions lose")
        parser.add_argument("--here", action="store_true", help="do the work in this process")
        parser.add_argument("--no-wait", action="store_true", help="queue and leave")
        what = parser.add_mutually_exclusive_group()
        for name in ("status", "rollback", "retire", "cancel"):
            what.add_argument(f"--{name}", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = self.accounts(options["account"])
        try:
            if options["status"]:
                self.show(Reindexing.objects.filter(account__in=accounts)[:50])
            elif options["rollback"]:
                self.roll_back(accounts)
            elif options["retire"]:
                for account in accounts:
                    self.stdout.write(f"account {account.pk}: {reindexing.retire(account)} vectors deleted")
            elif options["cancel"]:
                self.stdout.write(f"{sum(reindexing.cancel(account) for account in accounts)} cancelled")
            else:
                self.move(accounts, options)
        except DoculumeError as error:
            raise CommandError(error.message) from error

    def accounts(self, wanted: int | None) -> list[Account]:
        if wanted is None:
            return list(reindexing.accounts_with_chunks())
        account = Account.objects.filter(pk=wanted, deleted_at=None).first()
        if account is None:
            raise CommandError(f"There is no account {wanted}.")
        return [account]

    def roll_back(self, accounts: list[Account]) -> None:
        for account in accounts:
            self.stdout.write(f"account {account.pk} answers by {reindexing.roll_back(account)} again")
        reindexing.follow_the_accounts()

    def move(self, accounts: list[Account], options: dict[str, Any]) -> None:
        model = self.model(options)
        collection = options["collection"]
        if collection:
            accounts = [Collection.objects.select_related("account").get(pk=collection).account]
        elif model is not None and options["account"] is None:
            reindexing.announce(model)
        jobs = [
            reindexing.start(
                account,
                model or answering_model(account),
                collection_id=collection,
                most_per_second=options["throttle"],
                accept_regression=options["accept_regression"],
            )
            for account in accounts
        ]
        if options["here"]:
            self.work(jobs)
        else:
            for job in jobs:
                hint_reindexing(job.id)
        if not options["no_wait"]:
            self.wait(jobs)
        reindexing.follow_the_accounts()

    def model(self, options: dict[str, Any]) -> EmbeddingModel | None:
        """The row of the model, made if it is new: its dimensions are asked of it, and it must be there."""
        if not options["model"]:
            return None
        return known_or_new(options["provider"], options["model"], options["dimensions"])

    def work(self, jobs: list[Reindexing]) -> None:
        waiting = {job.id for job in jobs}
        while waiting:
            for job_id in list(waiting):
                job = reindexing.take_turn(job_id)
                if job is None:
                    time.sleep(LOOK_EVERY_SECONDS)
                    job = Reindexing.objects.get(id=job_id)
                self.show([job])
                if job.finished_at:
                    waiting.discard(job_id)

    def wait(self, jobs: list[Reindexing]) -> None:
        ids, shown = [job.id for job in jobs], ""
        while True:
            rows = list(Reindexing.objects.filter(id__in=ids).select_related("model"))
            done, total = sum(row.done for row in rows), sum(row.total for row in rows)
            running = [row for row in rows if not row.finished_at]
            line = f"{min(done, total)} of {total} chunks, {len(rows) - len(running)} of {len(rows)} accounts"
            if line != shown:
                self.stdout.write(line)
                shown = line
            if not running:
                break
            time.sleep(LOOK_EVERY_SECONDS)
        self.show(rows)
        if bad := [row for row in rows if row.status != Reindexing.Status.DONE]:
            raise CommandError(f"{len(bad)} of {len(rows)} accounts were not moved.")

    def show(self, rows: Any) -> None:
        for row in rows:
            more = f" ({row.last_error})" if row.last_error else ""
            figures = f" {row.figures}" if row.figures else ""
            state = f"{row.get_status_display()}, {row.progress:.0%}"
            self.stdout.write(f"account {row.account_id} to {row.model}: {state}{more}{figures}")
