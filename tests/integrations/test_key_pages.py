"""The pages of chatbot keys and of embedding: what is on them, and that each form does what it says."""

from __future__ import annotations

import re

import pytest

from accounts.models import AuditEvent, Membership, Plan
from accounts.plans import put_on
from accounts.tokens import CredentialRefused
from doculume.crypto import decrypt
from integrations import keys
from integrations.models import ChatbotKey, ChatbotSettings, Integration
from knowledge.models import Collection
from tests.cast import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(account) -> Integration:
    put_on(account, Plan.objects.get(name="pro"))
    made = Integration.objects.create(account=account, type="chatbot", name="Support Bot")
    made.connect([Collection.objects.create(account=account, name="Articles").id])
    return made


class TestKeys:
    def test_a_key_is_made_shown_rotated_and_revoked(self, page, account, bot):
        sent = {
            "name": "Shop",
            "integrations": [str(bot.id)],
            "origins": "https://Shop.example.com/\nhttps://b.example",
        }
        assert page("/integrations/keys", sent)[0].status_code == 302
        key = ChatbotKey.objects.get(account=account)
        assert (key.name, key.is_bound) == ("Shop", True)
        assert key.allowed_origins == ["https://shop.example.com", "https://b.example"]
        text = keys.text_of(key)
        shown = page("/integrations/keys")[1]
        assert shown.css_first(f"#key-{key.id}").attributes["value"] == text
        assert "Support Bot" in shown.css_first(".rows").text()
        page(f"/integrations/keys/{key.id}/rotate", {})
        with pytest.raises(CredentialRefused):
            keys.key_of(text)
        text = keys.text_of(ChatbotKey.objects.get(account=account))
        assert text in page("/integrations/keys")[0].content.decode()
        page(f"/integrations/keys/{key.id}/revoke", {})
        with pytest.raises(CredentialRefused):
            keys.key_of(text)
        assert "There is none yet" in page("/integrations/keys")[1].body.text()
        said = list(
            AuditEvent.objects.filter(action__startswith="chatbot").order_by("id").values_list("action", "actor")
        )
        assert said == [
            ("chatbot_key_created", "alice@example.com"),
            ("chatbot_key_rotated", "alice@example.com"),
            ("chatbot_key_revoked", "alice@example.com"),
        ]

    def test_without_integrations_it_asks_everything(self, page, account):
        page("/integrations/keys", {"name": "All"})
        assert ChatbotKey.objects.get(account=account).is_bound is False
        assert "asks all that the account knows" in page("/integrations/keys")[1].body.text()

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"name": ""}, "name"),
            ({"origins": "example.com"}, "origins"),
            ({"origins": "https://*.example.com"}, "origins"),
            ({"origins": "\n".join(f"https://a{n}.example" for n in range(51))}, "origins"),
            ({"integrations": ["01a20508-2dc6-75f5-9a63-1f2e8fb51e90"]}, "integrations"),
        ],
    )
    def test_what_cannot_be_kept_is_said_at_its_field(self, page, account, wrong, field):
        answer, _ = page("/integrations/keys", {"name": "Shop", **wrong})
        assert list(answer.context["form"].errors) == [field]
        assert not ChatbotKey.objects.filter(account=account).exists()

    def test_the_integration_of_another_account_cannot_be_chosen(self, page, account, charlie):
        theirs = Integration.objects.create(account=charlie.personal_account, type="custom", name="Theirs")
        answer, _ = page("/integrations/keys", {"name": "Shop", "integrations": [str(theirs.id)]})
        assert list(answer.context["form"].errors) == ["integrations"]

    def test_too_many_are_told(self, page, account, monkeypatch):
        monkeypatch.setattr(keys, "MOST_OF_AN_ACCOUNT", 1)
        page("/integrations/keys", {"name": "One"})
        answer, shown = page("/integrations/keys", {"name": "Two"})
        assert answer.status_code == 409
        assert "chatbot keys" in shown.css_first(".error").text()

    def test_a_plan_without_chatbots_is_told(self, page, account, bot):
        assert "not part of your plan" not in page("/integrations/keys")[1].body.text()
        put_on(account, Plan.objects.get(name="free"))
        assert "not part of your plan" in page("/integrations/keys")[1].body.text()

    @pytest.mark.parametrize("role", ["member", "viewer"])
    def test_only_those_who_manage_see_keys(self, client, account, bot, role):
        key = keys.create(account, "Shop", integrations=[bot])
        user = make_user("Someone")
        Membership.objects.create(account=account, user=user, role=role)
        client.force_login(user)
        for path in ("/integrations/keys", f"/integrations/{bot.id}/preview"):
            assert client.get(f"{path}?account={account.id}").status_code == 403
        for path in ("/integrations", f"/integrations/{bot.id}", f"/integrations/{bot.id}/embed"):
            answer = client.get(f"{path}?account={account.id}")
            assert answer.status_code == 200
            assert keys.text_of(key) not in answer.content.decode()

    def test_the_support_inbox_is_set_and_emptied(self, page, account):
        assert page("/integrations/support", {"support_email": "support@example.com"})[0].status_code == 302
        assert ChatbotSettings.objects.get(account=account).support_email == "support@example.com"
        assert "support@example.com" in page("/integrations/keys")[0].content.decode()
        page("/integrations/support", {"support_email": ""})
        assert ChatbotSettings.objects.get(account=account).support_email == ""
        answer, _ = page("/integrations/support", {"support_email": "nobody"})
        assert list(answer.context["support"].errors) == ["support_email"]


class TestEmbed:
    def test_a_key_is_made_where_it_is_needed_and_stands_in_the_line_to_paste(self, page, account, bot):
        address = f"/integrations/{bot.id}/embed"
        assert page(address)[1].css_first("#snippet") is None
        keys.create(account, "All")
        assert page(address)[1].css_first("#snippet") is None
        page(f"{address}/key", {})
        key = ChatbotKey.objects.get(account=account, is_bound=True)
        assert keys.bound(key).integration_ids == [bot.id]
        line = page(address)[1].css_first("#snippet").attributes["value"]
        source = "http://testserver/static/widget/widget.js"
        expected = f'<script src="{source}" data-key="{keys.text_of(key)}" data-integration="{bot.id}" async></script>'
        assert line == expected

    def test_how_it_looks_is_kept(self, page, account, bot):
        form = {"theme": "dark", "color": "#AB12cd", "position": "bottom-left", "language": "nl", "text_ask": "Vraag!"}
        assert page(f"/integrations/{bot.id}/embed", form)[0].status_code == 302
        bot.refresh_from_db()
        assert bot.appearance == {
            "theme": "dark",
            "color": "#ab12cd",
            "position": "bottom-left",
            "language": "nl",
            "texts": {"ask": "Vraag!"},
        }
        shown = page(f"/integrations/{bot.id}/embed")[1]
        assert shown.css_first("[name=text_ask]").attributes["value"] == "Vraag!"
        assert shown.css_first("[name=theme] [selected]").attributes["value"] == "dark"

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"theme": "pink"}, "theme"),
            ({"color": "red"}, "color"),
            ({"color": "#12345"}, "color"),
            ({"color": "#123456;background:url(//evil.example)"}, "color"),
            ({"position": "top"}, "position"),
            ({"language": "xx"}, "language"),
            ({"text_note": "x" * 301}, "text_note"),
        ],
    )
    def test_what_cannot_be_kept_is_said_at_its_field(self, page, bot, wrong, field):
        form = {"theme": "auto", "color": "#112233", "position": "bottom-right", "language": "auto"} | wrong
        answer, _ = page(f"/integrations/{bot.id}/embed", form)
        assert list(answer.context["form"].errors) == [field]
        bot.refresh_from_db()
        assert bot.appearance == {}

    def test_it_says_what_keeps_it_from_being_shown(self, page, account, bot):
        text = page(f"/integrations/{bot.id}/embed")[1].body.text()
        assert "No domain is allowed" in text
        assert "inactive" not in text
        Integration.objects.filter(pk=bot.pk).update(is_active=False, allowed_domains=["example.com"])
        text = page(f"/integrations/{bot.id}/embed")[1].body.text()
        assert "No domain is allowed" not in text
        assert "inactive" in text

    def test_the_preview_may_be_framed_by_our_own_pages_only(self, page, account, bot):
        keys.create(account, "Shop", integrations=[bot])
        answer, shown = page(f"/integrations/{bot.id}/preview")
        assert answer["X-Frame-Options"] == "SAMEORIGIN"
        assert re.search(r"frame-ancestors 'self'(;|$)", answer["Content-Security-Policy"])
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        tag = shown.css_first("script").attributes
        assert (tag["src"], tag["data-integration"]) == ("/static/widget/widget.js", str(bot.id))
        frame = page(f"/integrations/{bot.id}/embed")[1].css_first("iframe").attributes
        assert frame["src"].startswith(f"/integrations/{bot.id}/preview")
        assert "allow-top-navigation" not in frame["sandbox"]

    def test_a_look_can_be_tried_and_nothing_else(self, page, account, bot):
        keys.create(account, "Shop", integrations=[bot])
        tried = "?theme=dark&color=%23AABBCC&position=%22onload%3Dx&language=de&integration=x&key=y"
        tag = page(f"/integrations/{bot.id}/preview{tried}")[1].css_first("script").attributes
        assert (tag["data-theme"], tag["data-color"], tag["data-position"]) == ("dark", "#aabbcc", "bottom-right")
        assert (tag["data-language"], tag["data-integration"]) == ("de", str(bot.id))
        assert Integration.objects.get(pk=bot.pk).appearance == {}


def test_what_visitors_are_signed_with_is_shown_once(page, account, bot):
    key = keys.create(account, "Shop", integrations=[bot])
    where = f"/integrations/keys/{key.id}/identity"
    secret = page(where, {"make": "1"})[1].css_first("#identity-secret").attributes["value"]
    key.refresh_from_db()
    assert decrypt(key.identity_secret) == secret
    assert secret.encode() not in page("/integrations/keys")[0].content
    page(where, {"required": "on"})
    assert ChatbotKey.objects.get(id=key.id).requires_identity
    page(where, {})
    assert not ChatbotKey.objects.get(id=key.id).requires_identity
    told = AuditEvent.objects.filter(account=account, action="chatbot_key_changed").order_by("created_at", "id")
    assert [event.details["because"] for event in told] == [
        "identity secret",
        "identity required",
        "identity not required",
    ]
