"""What staff see of integrations."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from integrations.models import Integration, IntegrationEvent
from knowledge.models import Collection

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db) -> Client:
    browser = Client()
    browser.force_login(User.objects.create_superuser("staff@example.com", "correct horse battery staple"))
    return browser


@pytest.fixture
def integration(account):
    made = Integration.objects.create(account=account, type="chatbot", name="Support Bot", project="example.com")
    made.connect([Collection.objects.create(account=account, name="Articles").id])
    IntegrationEvent.objects.create(account=account, integration=made, event_type="click", meta={"url": "/page"})
    return made


def page(name, *arguments):
    return reverse(f"admin:integrations_{name}", args=arguments)


def test_lists_can_be_searched_and_filtered(staff, integration):
    for query in (
        "",
        "?type__exact=chatbot&is_active__exact=1",
        "?q=Support",
        f"?q={integration.id}",
        "?q=example.com",
    ):
        assert "Support Bot" in staff.get(page("integration_changelist") + query).content.decode()
    assert "Support Bot" not in staff.get(page("integration_changelist") + "?type__exact=custom").content.decode()
    for query in ("", f"?integration__id__exact={integration.id}", f"?q={integration.id}", "?event_type__exact=click"):
        assert "/page" in staff.get(page("integrationevent_changelist") + query).content.decode()


def test_an_integration_shows_the_settings_of_its_type_and_can_be_switched_off(staff, integration):
    address = page("integration_change", integration.id)
    shown = staff.get(address).content.decode()
    assert "Articles" in shown
    assert "persona" in shown
    assert 'name="placeholder"' not in shown
    form = {"name": "Renamed", "persona": "custom", "links-TOTAL_FORMS": 0, "links-INITIAL_FORMS": 0}
    response = staff.post(address, form)
    assert response.status_code == 302
    integration.refresh_from_db()
    assert (integration.name, integration.is_active, integration.persona) == ("Renamed", False, "custom")
    assert integration.links.count() == 1


def test_events_are_only_read_and_nothing_is_added(staff, integration):
    event = IntegrationEvent.objects.get()
    address = page("integrationevent_change", event.id)
    assert staff.get(address).status_code == 200
    assert staff.post(address, {"event_type": "thumbs_up"}).status_code == 403
    assert staff.get(page("integrationevent_add")).status_code == 403
    assert staff.get(page("integration_add")).status_code == 403


def test_deleting_an_integration_takes_along_what_was_recorded(staff, integration):
    response = staff.post(page("integration_delete", integration.id), {"post": "yes"})
    assert response.status_code == 302
    assert not IntegrationEvent.objects.exists()
    assert Collection.objects.filter(name="Articles").exists()
