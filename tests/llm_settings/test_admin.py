"""What staff see of providers and keys."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from llm_settings import configuring
from llm_settings.models import LLMProvider, UserLLMConfig
from tests.cast import make_user

URL = "https://models.example.com/v1"
KEY = "sk-a-very-secret-key-wxyz"

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    stan = make_user("Stan")
    stan.is_staff = stan.is_superuser = True
    stan.save()
    client.force_login(stan)
    return client


@pytest.fixture
def provider(account, alice) -> LLMProvider:
    provider, _ = configuring.save(account, "first", request=None, actor=alice, base_url=URL, api_key=KEY)
    configuring.set_own_key(provider, alice, KEY, request=None, actor=alice)
    configuring.save(account, "second", request=None, actor=alice, base_url=URL)
    return provider


@pytest.mark.parametrize("model", [LLMProvider, UserLLMConfig])
def test_no_key_is_shown_and_none_can_be_set(staff, provider, model):
    row = model.objects.exclude(encrypted_key="").get()
    name = f"admin:llm_settings_{model._meta.model_name}"
    for page in (reverse(f"{name}_changelist") + "?q=first", reverse(f"{name}_change", args=[row.pk])):
        text = staff.get(page).content.decode()
        assert "sk-…wxyz" in text
        assert "secret-key" not in text
        assert row.encrypted_key not in text
    assert staff.get(reverse(f"{name}_add")).status_code == 403
    assert staff.post(reverse(f"{name}_change", args=[row.pk]), {"shown_key": "x"}).status_code == 403


def test_what_staff_delete_is_deleted_as_its_owners_do(staff, provider, account):
    staff.post(reverse("admin:llm_settings_llmprovider_delete", args=[provider.pk]), {"post": "yes"})
    assert not UserLLMConfig.objects.exists()
    assert LLMProvider.objects.get().is_active
    event = AuditEvent.objects.get(action="provider_deleted")
    assert (event.actor, event.account) == ("stan@example.com", account)
