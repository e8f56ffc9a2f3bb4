"""Chatbot keys on the command line and in the admin."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEvent, User
from accounts.tokens import CredentialRefused
from integrations import keys
from integrations.models import ChatbotKey, ChatbotSettings, Integration

pytestmark = pytest.mark.django_db


def made(*arguments: str) -> str:
    out = StringIO()
    call_command("create_chatbot_key", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def integration(account):
    return Integration.objects.create(account=account, type="chatbot", name="Desk")


class TestCommand:
    def test_it_prints_a_key_that_is_good(self, account):
        text = made("Alice@example.com")
        key = keys.key_of(text)
        assert text.startswith("cb_")
        assert (key.account, key.is_bound, key.allowed_origins, key.name) == (account, False, [], "Command line")
        assert AuditEvent.objects.get(action="chatbot_key_created").actor == "manage.py"

    def test_it_may_be_bound_and_have_origins_and_a_name(self, account, integration):
        second = Integration.objects.create(account=account, type="search_box", name="Box")
        key = keys.key_of(
            made(
                *("alice@example.com", "--integration", str(integration.id), "--integration", str(second.id)),
                *("--origin", "https://Example.com/", "--origin", "https://example.com", "--name", "Shop"),
            )
        )
        assert (key.is_bound, key.name, key.allowed_origins) == (True, "Shop", ["https://example.com"])
        assert set(key.integration_ids) == {integration.id, second.id}

    def test_an_account_may_be_named_by_its_id(self, alice):
        shared = Account.objects.create_shared("Team", alice)
        assert keys.key_of(made("--account", str(shared.id))).account == shared

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["nobody@example.com"],
            ["alice@example.com", "--account", "1"],
            ["--account", "999999"],
            ["alice@example.com", "--integration", "x"],
            ["alice@example.com", "--integration", "01a20508-2dc6-75f5-9a63-1f2e8fb51e90"],
            ["alice@example.com", "--origin", "example.com"],
            ["alice@example.com", "--origin", "https://example.com/page"],
        ],
    )
    def test_what_makes_no_sense_is_told_and_makes_nothing(self, alice, arguments):
        with pytest.raises(CommandError):
            made(*arguments)
        assert not ChatbotKey.objects.exists()

    def test_the_integration_of_another_account_is_none(self, account, charlie):
        other = Integration.objects.create(account=charlie.personal_account, type="chatbot", name="Theirs")
        with pytest.raises(CommandError, match="has no integration"):
            made("alice@example.com", "--integration", str(other.id))


class TestAdmin:
    @pytest.fixture
    def staff(self):
        browser = Client()
        browser.force_login(User.objects.create_superuser("staff@example.com", "correct horse battery staple"))
        return browser

    @pytest.fixture
    def key(self, account, integration):
        return keys.create(account, "Shop", integrations=[integration])

    LIST = "admin:integrations_chatbotkey_changelist"

    def test_keys_are_found_and_never_shown(self, staff, key):
        address = reverse("admin:integrations_chatbotkey_change", args=[key.id])
        for query in ("", f"?q={key.last_four}", "?q=Shop", "?q=alice@example.com", "?state=live"):
            assert "Shop" in staff.get(reverse(self.LIST) + query).content.decode()
        assert "Shop" not in staff.get(reverse(self.LIST) + "?state=revoked&q=zzz").content.decode()
        shown = staff.get(address).content.decode()
        assert f"cb_…{key.last_four}" in shown
        assert "Desk" in shown
        assert keys.text_of(key) not in shown
        assert key.encrypted not in shown

    def test_there_is_no_making_and_no_changing(self, staff, key):
        assert staff.get(reverse("admin:integrations_chatbotkey_add")).status_code == 403
        address = reverse("admin:integrations_chatbotkey_change", args=[key.id])
        assert staff.post(address, {"name": "Other"}).status_code == 403

    @pytest.mark.parametrize("action", ["revoke", "rotate"])
    def test_they_are_revoked_and_rotated_with_a_trace(self, staff, key, action):
        text = keys.text_of(key)
        sent = {"action": action, "_selected_action": [str(key.id)]}
        assert staff.post(reverse(self.LIST), sent).status_code == 302
        with pytest.raises(CredentialRefused):
            keys.key_of(text)
        key.refresh_from_db()
        assert (key.revoked_at is None) == (action == "rotate")
        (event,) = AuditEvent.objects.filter(
            action={"revoke": "chatbot_key_revoked", "rotate": "chatbot_key_rotated"}[action]
        )
        assert event.actor == "staff@example.com"
        assert text not in str(event.__dict__)
        assert staff.post(reverse(self.LIST), sent, follow=True).status_code == 200

    def test_the_support_inbox_is_set(self, staff, account):
        sent = {"account": account.pk, "support_email": "support@example.com"}
        assert staff.post(reverse("admin:integrations_chatbotsettings_add"), sent).status_code == 302
        assert ChatbotSettings.objects.get(account=account).support_email == "support@example.com"
        assert "support@" in staff.get(reverse("admin:integrations_chatbotsettings_changelist")).content.decode()
