"""The pages of models: which there are, adding and changing a provider, its key, trying it, and how a move goes on."""

from __future__ import annotations

import httpx2
import pytest
from django.utils import timezone

from accounts.models import Account, AuditEvent, Membership
from knowledge.models import Reindexing
from llm_settings.models import EmbeddingModel, LLMProvider, UserLLMConfig
from tests.contract.test_llm_settings import offering
from tests.llm_settings.endpoints import answering, serving

KEY = "sk-a-very-secret-key-wxyz"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_private_hosts(settings) -> None:
    settings.PRIVATE_HOSTS = []


@pytest.fixture
def public(settings):
    """Addresses that may be named, without a look at the open internet."""
    settings.PRIVATE_HOSTS = [("127.0.0.1", 9), ("127.0.0.1", 10)]
    return ["http://127.0.0.1:9/v1", "http://127.0.0.1:10/v1"]


@pytest.fixture
def provider(account, public) -> LLMProvider:
    made = LLMProvider(account=account, name="ours", base_url=public[0], model="small", is_active=True)
    made.set_key(KEY)
    made.save()
    return made


def sent(provider: LLMProvider, **changes):
    fields = {"type": provider.type, "base_url": provider.base_url, "model": provider.model, "api_key": ""}
    return fields | changes


def test_without_a_provider_the_page_says_what_answers_and_what_a_model_would_add(page):
    _, shown = page("/models")
    text = shown.body.text()
    assert "Built-in answers" in text
    assert "need no key" in text
    assert EmbeddingModel.objects.active().name in text


def test_a_provider_is_added_and_its_key_is_never_shown(page, account, public):
    answer, _ = page(
        "/models/new", {"name": "ours", "type": "openai_compatible", "base_url": public[0], "api_key": KEY}
    )
    made = LLMProvider.objects.for_account(account).get()
    assert answer.url == f"/models/{made.pk}?account={account.pk}"
    assert (made.name, made.base_url, made.is_active, made.has_api_key) == ("ours", public[0], True, True)
    for path in ("/models", answer.url):
        answer, shown = page(path)
        assert KEY not in answer.content.decode()
        assert "sk-…wxyz" in shown.body.text()
    assert KEY not in "".join(str(vars(event)) for event in AuditEvent.objects.all())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "required"),
        ({"name": "a/b"}, "slashes"),
        ({"base_url": ""}, "blank"),
        ({"base_url": "http://192.168.0.1/v1"}, ""),
        ({"base_url": "file:///etc/passwd"}, ""),
        ({"api_key": "ключ"}, "ASCII"),
        ({"context_tokens": "12"}, "1024"),
        ({"type": "nothing"}, "nothing"),
    ],
)
def test_what_may_not_be_is_refused_and_what_was_typed_stays_but_for_the_key(page, account, public, wrong, told):
    fields = {"name": "ours", "type": "openai_compatible", "base_url": public[0], "model": "typed", "api_key": KEY}
    answer, shown = page("/models/new", fields | wrong)
    assert not LLMProvider.objects.for_account(account).exists()
    assert told in " ".join(node.text() for node in shown.css(".error")), shown.body.text()
    assert shown.css_first("input[name=model]").attributes["value"] == "typed"
    assert KEY not in answer.content.decode()


def test_a_name_that_is_taken_is_refused(page, provider, public):
    _, shown = page("/models/new", {"name": "ours", "type": "openai_compatible", "base_url": public[1]})
    assert "of this name" in shown.body.text()
    provider.refresh_from_db()
    assert provider.base_url == public[0]


def test_the_key_stays_is_replaced_or_forgotten_and_another_address_drops_it(page, provider, public):
    path = f"/models/{provider.pk}"
    page(path, sent(provider, model="large"))
    provider.refresh_from_db()
    assert (provider.model, provider.shown_key) == ("large", "sk-…wxyz")
    page(path, sent(provider, api_key="sk-another-secret-key-abcd"))
    provider.refresh_from_db()
    assert provider.shown_key == "sk-…abcd"
    page(path, sent(provider, base_url=public[1]))
    provider.refresh_from_db()
    assert (provider.base_url, provider.has_api_key) == (public[1], False)
    page(path, sent(provider, api_key=KEY))
    page(path, sent(provider, forget_key="on"))
    provider.refresh_from_db()
    assert not provider.has_api_key


def test_it_is_really_asked_and_what_comes_of_it_is_said(page, account, settings):
    with serving(offering("small", "large")) as endpoint:
        settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(endpoint.url).port)]
        provider = LLMProvider.objects.create(account=account, name="ours", base_url=endpoint.url, model="small")
        _, whole = page(f"/models/{provider.pk}/try", {})
        answer, part = page(f"/models/{provider.pk}/try", {}, headers={"HX-Request": "true"})
    assert whole.css_first("h1").text() == "ours"
    assert part.css_first("h1") is None
    for shown in (whole, part):
        assert "The model answered." in shown.body.text()
        assert [option.attributes["value"] for option in shown.css("datalist option")] == ["small", "large"]
    assert "HX-Request" in answer["Vary"]


def test_a_failure_is_told_with_a_way_forward(page, account, settings):
    with serving(answering("401 Unauthorized", '{"error": {"message": "no"}}')) as endpoint:
        settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(endpoint.url).port)]
        provider = LLMProvider.objects.create(account=account, name="ours", base_url=endpoint.url, model="small")
        answer, shown = page(f"/models/{provider.pk}/try", {})
    assert answer.status_code == 200
    assert shown.css_first("#trial .error")
    assert "try again" in shown.css_first("#trial").text()


def test_another_one_answers_and_the_one_that_did_is_deleted(page, account, provider, public):
    other = LLMProvider.objects.create(account=account, name="other", base_url=public[1], position=1)
    page(f"/models/{other.pk}/use", {})
    assert list(LLMProvider.objects.for_account(account).filter(is_active=True)) == [other]
    page(f"/models/{other.pk}/delete", {})
    assert list(LLMProvider.objects.for_account(account).filter(is_active=True)) == [provider]


def test_a_member_keeps_an_own_key_and_changes_nothing_else(client, account, bob, provider):
    client.force_login(bob)
    shown = client.get(f"/models?account={account.pk}").content.decode()
    assert "Add a provider" not in shown
    assert "sk-…wxyz" not in shown
    own = f"/models/{provider.pk}/own-key?account={account.pk}"
    client.post(own, {"api_key": "sk-the-key-of-bob-himself-6789"})
    client.post(own, {"api_key": "мой ключ"})
    assert UserLLMConfig.objects.get(account=account, user=bob).shown_key == "sk-…6789"
    assert "your own key sk-…6789" in client.get(f"/models?account={account.pk}").content.decode()
    for path in ("", "/try", "/use", "/delete"):
        assert client.post(f"/models/{provider.pk}{path}?account={account.pk}", {}).status_code == 403
    provider.refresh_from_db()


def test_a_viewer_looks_only(client, account, bob, provider):
    Membership.objects.filter(user=bob).update(role="viewer")
    client.force_login(bob)
    assert "ours" in client.get(f"/models?account={account.pk}").content.decode()
    own = f"/models/{provider.pk}/own-key?account={account.pk}"
    assert client.post(own, {"api_key": KEY}).status_code == 403


def test_another_accounts_provider_is_not_there(client, charlie, provider):
    client.force_login(charlie)
    for path in ("", "/try", "/use", "/delete", "/own-key"):
        assert client.post(f"/models/{provider.pk}{path}", {"api_key": KEY}).status_code == 404
    assert "ours" not in client.get("/models").content.decode()


def test_an_account_may_keep_to_its_own(page, account, settings):
    settings.CHAT = settings.CHAT | {"provider": "openai", "model": "everybodys"}
    _, before = page("/models")
    assert "everybodys" in before.body.text()
    page("/models/own-only", {"only": "on"})
    assert Account.objects.get(pk=account.pk).own_models_only
    _, after = page("/models")
    assert "everybodys" not in after.body.text()
    assert "keeps to its own" in after.body.text()


@pytest.mark.parametrize(
    ("status", "moves", "told"),
    [
        ("running", True, "250 of 1,000"),
        ("waiting", True, "250 of 1,000"),
        ("failed", False, "failed"),
        ("refused", False, "worse"),
        ("done", False, "Moved to"),
        ("cancelled", False, ""),
    ],
)
def test_how_far_a_move_to_another_model_is(page, account, status, moves, told):
    model = EmbeddingModel.objects.create(provider="local", name="next", dimensions=64, status="building")
    Reindexing.objects.create(
        account=account, model=model, status=status, total=1000, done=250, finished_at=None if moves else timezone.now()
    )
    for path in ("/models", "/models/move"):
        _, shown = page(path)
        assert told in shown.css_first("#move").text()
        assert ("hx-get" in shown.css_first("#move").attributes) == moves


def test_the_page_asks_the_database_little(page, account, django_assert_max_num_queries):
    for number in range(20):
        LLMProvider.objects.create(account=account, name=f"n{number}", base_url="https://a.example/v1", position=number)
    page("/models")
    with django_assert_max_num_queries(12):
        page("/models")
