"""The admin in a real browser: it works under its policy, fits, asks no other host, and axe finds nothing grave."""

from __future__ import annotations

import os
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import AuditEvent, User
from chat.models import Conversation
from knowledge.models import Document
from llm_settings.models import EmbeddingModel
from tests.operations.conftest import filled, no_broker, staff_member  # noqa: F401
from tests.pages.test_in_browser import pytestmark  # noqa: F401

SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 860}}


@pytest.fixture
def root(db) -> User:
    return staff_member("root", is_superuser=True)


def first(model: type[Model]) -> Any:
    return model._base_manager.values_list("pk", flat=True)[0]


def places() -> dict[str, str]:
    return {
        "first": reverse("admin:index"),
        "system": reverse("admin:system"),
        "people": reverse("admin:accounts_user_changelist"),
        "person": reverse("admin:accounts_user_change", args=[first(User)]),
        "documents": reverse("admin:knowledge_document_changelist"),
        "document": reverse("admin:knowledge_document_change", args=[first(Document)]),
        "conversation": reverse("admin:chat_conversation_change", args=[first(Conversation)]),
        "audit": reverse("admin:accounts_auditevent_changelist"),
        "model": reverse("admin:llm_settings_embeddingmodel_change", args=[first(EmbeddingModel)]),
        "sure": reverse("admin:llm_settings_embeddingmodel_move_to", args=[first(EmbeddingModel)]),
        "settings": reverse("admin:accounts_sitesettings_change", args=[1]),
        "delete": reverse("admin:knowledge_document_delete", args=[first(Document)]),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pages_fit_and_axe_finds_nothing(visit, filled, root, size, scheme):  # noqa: F811
    here = visit(viewport=SIZES[size], color_scheme=scheme)
    page = here.sign_in(root)
    problems = {}
    for name, path in places().items():
        page.goto(here.address + path)
        page.wait_for_load_state("networkidle")
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if folder := os.environ.get("DOCULUME_SHOTS"):
            page.screenshot(path=f"{folder}/admin-{size}-{scheme}-{name}.png")
        found = Axe().run(page).response["violations"]
        grave = [one for one in found if one["impact"] in ("serious", "critical")]
        told = [(one["id"], [node["target"] for node in one["nodes"]][:4]) for one in grave]
        if told or wide > 0:
            problems[name] = (wide, told)
    assert problems == {}


def test_staff_find_their_way_by_keyboard(visit, filled, root):  # noqa: F811
    here = visit()
    page = here.sign_in(root)
    page.goto(here.address + reverse("admin:index"))
    page.locator("#nav-sidebar").get_by_role("link", name="Conversations", exact=True).focus()
    page.keyboard.press("Enter")
    conversation = Conversation.objects.first()
    page.get_by_role("link", name=str(conversation), exact=True).click()
    expect(page.locator("#content")).to_contain_text("At nine")
    assert AuditEvent.objects.filter(action="conversation_read").count() == 1


def test_the_system_page_fills_itself(visit, filled, root):  # noqa: F811
    here = visit()
    page = here.sign_in(root)
    page.goto(here.address + reverse("admin:system"))
    expect(page.locator(".system-part", has_text="Workers")).to_contain_text("nothing came back within 2 s")
    expect(page.get_by_role("button", name="Look everything over")).to_be_visible()


def test_the_navigation_opens_by_keyboard_on_a_phone(visit, filled, root):  # noqa: F811
    here = visit(viewport=SIZES["phone"])
    page = here.sign_in(root)
    page.goto(here.address + reverse("admin:index"))
    people = page.locator("#nav-sidebar").get_by_role("link", name="People", exact=True)
    expect(people).to_be_hidden()
    button = page.get_by_role("button", name="Navigation")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(people).to_be_visible()
