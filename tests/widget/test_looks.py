"""Pictures of the widget, for people to look at: in `var/looks`, in each scheme, size and direction."""

from __future__ import annotations

import pytest
from django.conf import settings

from tests.pages import browser as driving
from tests.widget.test_chat_in_browser import PHONE
from tests.widget.test_search_in_browser import over

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]
SIZES = {"phone": PHONE, "desktop": {}}


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_its_screen(shop, size, scheme, language):
    folder = settings.BASE_DIR / "var" / "looks"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{size}-{scheme}-{language}"
    visitor = shop.visitor(color_scheme=scheme, **SIZES[size])
    chat = shop.page(visitor, lang=language)
    chat.locator(".launcher").click()
    chat.locator("textarea").fill("How long do customers have to request a refund?")
    chat.keyboard.press("Enter")
    chat.locator(".thumbs").wait_for()
    chat.locator("summary").first.click()
    chat.wait_for_timeout(300)
    chat.screenshot(path=folder / f"chat-{name}.png")
    search = over(shop, context=visitor, path="/search", head=shop.snippet(shop.search_box), lang=language)
    search.keyboard.type("refund")
    search.get_by_role("option").first.wait_for()
    search.screenshot(path=folder / f"search-{name}.png")
    width = visitor.pages[0].viewport_size["width"]
    for page in (chat, search):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for part in page.locator("dialog *:visible").all():
            box = part.bounding_box()
            assert box is None or box["x"] + box["width"] <= width + 1
