"""Moving everybody to another embedding model, back, and retiring one, by the admin's buttons."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from knowledge import model_moves, reindexing, tasks
from knowledge.models import AccountIndex, ChunkEmbedding, Reindexing
from knowledge.search.pointers import index_models
from llm_settings import providers
from llm_settings.models import EmbeddingModel
from tests.accounts.test_deletion import ingested
from tests.operations.conftest import browser_of

pytestmark = pytest.mark.django_db(transaction=True)

Status = EmbeddingModel.Status


class Second:
    """Another model: the first one's vectors, the other way round."""

    def __init__(self, model: EmbeddingModel) -> None:
        self._first, self.name, self.dimensions = providers.get_embedder(), model.name, model.dimensions

    def __getattr__(self, name: str):
        return getattr(self._first, name)


@pytest.fixture
def second(db, monkeypatch) -> EmbeddingModel:
    first = EmbeddingModel.objects.active()
    model = EmbeddingModel.objects.create(
        provider="local", name="second", dimensions=first.dimensions, status="retired"
    )
    real = providers.get_embedder
    stand_in = Second(model)

    def get_embedder(row=None):
        return stand_in if row is not None and row.name == "second" else real(row)

    for module in ("knowledge.reindexing", "knowledge.ingestion.pipeline", "knowledge.search"):
        monkeypatch.setattr(f"{module}.get_embedder", get_embedder, raising=False)
    return model


@pytest.fixture
def at_once(monkeypatch):
    """A worker that takes each hint the moment it is given."""
    for task in (tasks.move_everybody, tasks.roll_everybody_back, tasks.retire_everywhere, tasks.reindex):
        monkeypatch.setattr(task, "apply_async", lambda arguments, task=task, **options: task.run(*arguments))


def press(browser, model: EmbeddingModel, button: str):
    address = reverse(f"admin:llm_settings_embeddingmodel_{button}", args=[model.pk])
    assert b"<form" in browser.get(address).content
    return browser.post(address, follow=True)


def test_everybody_is_moved_and_rolled_back_and_the_model_retired(root, account, alice, charlie, second, at_once):
    first = EmbeddingModel.objects.active()
    for owner in (account, charlie.personal_account):
        ingested(owner, alice)
    press(root, second, "move_to")
    assert {index_models(owner.pk).answering for owner in (account, charlie.personal_account)} == {second}
    assert EmbeddingModel.objects.active() == second
    shown = press(root, second, "retire").content.decode()
    assert "answers for some account" in shown
    press(root, second, "roll_back")
    assert {index_models(owner.pk).answering for owner in (account, charlie.personal_account)} == {first}
    assert EmbeddingModel.objects.active() == first
    press(root, second, "retire")
    assert not ChunkEmbedding.objects.filter(model=second).exists()
    assert ChunkEmbedding.objects.filter(model=first).exists()
    second.refresh_from_db()
    assert second.status == Status.RETIRED
    assert not AccountIndex.objects.filter(standby=second).exists()
    told = AuditEvent.objects.filter(action="embedding_model_moved", actor="root@example.com")
    assert told.count() == 3


def test_looking_at_a_button_does_nothing_and_an_onlooker_may_not_press_it(onlooker, root, account, alice, second):
    ingested(account, alice)
    looking = browser_of(onlooker)
    for button in ("move_to", "roll_back", "retire"):
        address = reverse(f"admin:llm_settings_embeddingmodel_{button}", args=[second.pk])
        assert looking.get(address).status_code == 403
        assert looking.post(address).status_code == 403
        root.get(address)
    assert not Reindexing.objects.exists()
    second.refresh_from_db()
    assert second.status == Status.RETIRED


def test_who_is_on_the_way_is_counted_and_can_be_stopped(root, account, alice, second):
    ingested(account, alice)
    assert model_moves.move_everybody(second) == 1
    assert model_moves.move_everybody(second) == 0
    assert model_moves.progress(second)["moving"] == 1
    address = reverse("admin:llm_settings_embeddingmodel_progress", args=[second.pk])
    assert "on their way to this model: 1" in root.get(address).content.decode()
    assert address in root.get(reverse("admin:llm_settings_embeddingmodel_change", args=[second.pk])).content.decode()
    move = Reindexing.objects.get()
    page = reverse("admin:knowledge_reindexing_changelist")
    root.post(page, {"action": "cancel", "_selected_action": [str(move.pk)]})
    move.refresh_from_db()
    assert move.status == Reindexing.Status.CANCELLED
    assert root.get(address).content.strip() == b""
    root.post(page, {"action": "again", "_selected_action": [str(move.pk)]})
    assert Reindexing.objects.unfinished().get().model == second


def test_a_refused_move_is_swapped_only_when_staff_say_so(root, account, alice, second, at_once):
    ingested(account, alice)
    reindexing.announce(second)
    move = reindexing.start(account, second)
    Reindexing.objects.filter(pk=move.pk).update(status=Reindexing.Status.REFUSED)
    page = reverse("admin:knowledge_reindexing_changelist")
    root.post(page, {"action": "again", "_selected_action": [str(move.pk)]})
    assert Reindexing.objects.count() == 1
    root.post(page, {"action": "swap_anyway", "_selected_action": [str(move.pk)]})
    assert index_models(account.pk).answering == second


def test_a_new_model_must_answer_before_it_is_there(root):
    address = reverse("admin:llm_settings_embeddingmodel_add")
    before = EmbeddingModel.objects.count()
    for sent in (
        {"provider": "local", "name": "unheard-of"},
        {"provider": "local", "name": "/etc"},
        {"provider": "openai", "name": "m"},
        {"provider": "nobody", "name": "m"},
    ):
        page = root.post(address, sent)
        assert page.status_code == 200
        assert b"error" in page.content
    assert EmbeddingModel.objects.count() == before


def test_a_known_model_is_not_made_twice(root):
    model = EmbeddingModel.objects.active()
    sent = {"provider": model.provider, "name": model.name, "dimensions": ""}
    assert root.post(reverse("admin:llm_settings_embeddingmodel_add"), sent).status_code == 302
    assert EmbeddingModel.objects.count() == 1
    model.refresh_from_db()
    assert model.status == Status.ACTIVE
