"""The pages of models in a real browser: a provider is added, asked without a reload, and made the one that answers."""

from __future__ import annotations

import os

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from llm_settings.models import LLMProvider
from tests.contract.test_llm_settings import offering
from tests.llm_settings.endpoints import serving
from tests.pages import browser as driving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

KEY = "sk-a-very-secret-key-wxyz"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_provider_from_its_address_to_its_first_word(visit, alice, settings, scheme):
    here = visit(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = here.sign_in(alice)
    with serving(offering("small", "large")) as endpoint:
        settings.PRIVATE_HOSTS = [("127.0.0.1", httpx2.URL(endpoint.url).port)]
        page.goto(f"{here.address}/models")
        page.get_by_role("link", name="Add a provider").click()
        page.get_by_label("Name").fill("ours")
        page.get_by_label("Address").fill(endpoint.url)
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Add it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("ours")
        page.get_by_role("button", name="Ask it for a word").click()
        expect(page.locator("#trial")).to_contain_text("answered")
        assert page.locator("datalist option").count() == 2
        assert KEY not in page.content()
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert found == []
    LLMProvider.objects.create(
        account=alice.personal_account, name="other", base_url="https://a.example/v1", position=1
    )
    page.goto(f"{here.address}/models")
    page.get_by_role("button", name="Let other answer").click()
    expect(page.get_by_text("other answers from now on.")).to_be_visible()
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
