"""The pages of integrations: what is on them, and that each form does what it says."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership
from integrations.models import Integration, IntegrationEvent
from knowledge.models import Collection

pytestmark = pytest.mark.django_db


@pytest.fixture
def articles(account) -> Collection:
    return Collection.objects.create(account=account, name="Articles")


@pytest.fixture
def bot(account, articles) -> Integration:
    made = Integration.objects.create(account=account, type="chatbot", name="Support Bot", persona="sales-assistant")
    made.connect([articles.id])
    return made


def sent(articles, **more):
    common = {"name": "Support Bot", "collection_ids": [str(articles.id)], "persona": "custom"}
    return {**common, "results_display": "results", **more}


def test_an_account_without_any_is_told_what_they_are_for(page):
    assert "No integrations yet" in page("/integrations")[1].body.text()


@pytest.mark.parametrize("kind", ["chatbot", "search_box", "custom"])
def test_an_integration_of_each_type_is_made(page, account, articles, kind):
    domains = "Example.com\n\n *.shop.example.com \nexample.com"
    answer, _ = page(f"/integrations/new?type={kind}", sent(articles, allowed_domains=domains, label="Find"))
    made = Integration.objects.get(account=account)
    assert answer.url == f"/integrations/{made.id}?account={account.id}"
    assert (made.type, made.is_active, made.collection_ids) == (kind, True, [articles.id])
    assert made.allowed_domains == ["example.com", "*.shop.example.com"]
    assert (made.label == "Find") == (kind == "custom")
    assert "Support Bot" in page("/integrations")[1].css_first("table").text()


def test_it_is_changed_and_switched_off(page, account, articles, bot):
    form = page(f"/integrations/{bot.id}")[1].css_first("form.card")
    assert form.css_first("[name=name]").attributes["value"] == "Support Bot"
    assert form.css_first("[name=persona] [selected]").attributes["value"] == "sales-assistant"
    assert "checked" in form.css_first("[name=collection_ids]").attributes
    assert form.css_first("[name=placeholder]") is None
    other = Collection.objects.create(account=account, name="Other")
    changed = sent(articles, name="Bot", collection_ids=[str(other.id)], instructions="Be brief.", welcome_message="")
    assert page(f"/integrations/{bot.id}", changed)[0].status_code == 302
    bot = Integration.objects.get(pk=bot.pk)
    assert (bot.name, bot.instructions, bot.welcome_message, bot.is_active) == ("Bot", "Be brief.", None, False)
    assert bot.collection_ids == [other.id]
    assert "Inactive" in page("/integrations")[1].css_first("table").text()


def test_it_is_deleted(page, account, bot):
    page(f"/integrations/{bot.id}/delete", {})
    assert not Integration.objects.filter(account=account).exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"collection_ids": []}, "collection_ids"),
        ({"collection_ids": ["01a20508-2dc6-75f5-9a63-1f2e8fb51e90"]}, "collection_ids"),
        ({"allowed_domains": "https://example.com/page"}, "allowed_domains"),
        ({"allowed_domains": "\n".join(f"a{n}.example" for n in range(1000))}, "allowed_domains"),
        ({"persona": "pirate"}, "persona"),
        ({"instructions": "x" * 10_001}, "instructions"),
        ({"name": "a\x00b"}, "name"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_field(page, account, articles, wrong, field):
    answer, shown = page("/integrations/new?type=chatbot", sent(articles, **wrong))
    assert answer.status_code == 200
    assert not Integration.objects.filter(account=account).exists()
    assert shown.css_first(f"#id_{field}_error, .error") is not None
    assert list(answer.context["form"].errors) == [field]


def test_the_collections_of_others_cannot_be_chosen(page, account, charlie):
    theirs = Collection.objects.create(account=charlie.personal_account, name="Theirs")
    mine = Collection.objects.create(account=account, name="Mine")
    answer, shown = page("/integrations/new?type=chatbot", sent(mine, collection_ids=[str(theirs.id)]))
    assert list(answer.context["form"].errors) == ["collection_ids"]
    assert "Theirs" not in shown.body.text()


def test_an_unknown_type_is_a_404(page):
    assert page("/integrations/new?type=toaster")[0].status_code == 404


def test_without_collections_one_is_sent_to_make_some(page):
    assert "nothing to answer from" in page("/integrations/new")[1].body.text()


def test_a_viewer_sees_and_changes_nothing(client, account, charlie, articles, bot):
    Membership.objects.create(account=account, user=charlie, role=Membership.Role.VIEWER)
    client.force_login(charlie)
    shown = client.get(f"/integrations/{bot.id}?account={account.id}").content.decode()
    assert "Support Bot" in shown
    assert '<fieldset class="plain stack" disabled>' in shown
    assert client.post(f"/integrations/{bot.id}?account={account.id}", sent(articles, name="X")).status_code == 403


def test_names_are_text(page, account, articles):
    page("/integrations/new?type=chatbot", sent(articles, name="<script>alert(1)</script>"))
    for path in ("/integrations", f"/integrations/{Integration.objects.get().id}"):
        assert b"<script>alert(1)" not in page(path)[0].content


def test_what_visitors_did_is_counted(page, account, bot):
    for kind in ("click", "click", "thumbs_up"):
        IntegrationEvent.objects.create(account=account, integration=bot, event_type=kind)
    assert "2 clicks, 1 helpful, 0 not" in page("/integrations")[1].css_first("table").text()


def test_a_long_list_costs_no_more_queries_than_a_short_one(page, account, articles, bot):
    page("/integrations")
    with CaptureQueriesContext(
        connection,
    ) as few:
        page("/integrations")
    for number in range(20):
        Integration.objects.create(account=account, type="custom", name=f"N{number}").connect([articles.id])
    with CaptureQueriesContext(connection) as many:
        page("/integrations")
    assert len(many) == len(few)
