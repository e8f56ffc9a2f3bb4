"""`make screenshots`: every page in light and dark, on a desktop and on a phone, some in German, into var/screenshots.

Not a test, and not collected as one: it is run by its name. `index.html` beside the pictures shows them all.
"""

from __future__ import annotations

import html
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.cast import PASSWORD, make_user
from tests.instance import REPOSITORY
from tests.pages import browser as driving
from tests.pages.every_page import OPENED, SIGNED_OUT, address, addresses
from tests.pages.full_account import Filled, analyzed, fill

pytestmark = [pytest.mark.django_db(transaction=True)]

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

FOLDER = REPOSITORY / "var" / "screenshots"
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
LOOKS = {
    "desktop-light": {"viewport": DESKTOP, "color_scheme": "light"},
    "desktop-dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone-light": {"viewport": PHONE, "color_scheme": "light", "is_mobile": True, "has_touch": True},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark", "is_mobile": True, "has_touch": True},
    "german": {"viewport": DESKTOP, "color_scheme": "light", "locale": "de-DE"},
}
LONGEST = 3000  # pixels of a page that are kept


@pytest.fixture
def filled(account, alice, settings, tmp_path, fresh_limits) -> Filled:
    settings.MEDIA_ROOT = tmp_path
    found = fill(account, alice)
    analyzed()
    return found


def test_take_screenshots(filled, charlie):
    """`SCREENSHOTS=home,documents` in the environment: only these."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    wanted = set(filter(None, os.environ.get("SCREENSHOTS", "").split(",")))
    staff = make_user("Staff")
    staff.is_staff = staff.is_superuser = True
    staff.save()
    owners = Client()
    owners.post("/sign-in", {"username": filled.owner.email, "password": PASSWORD})
    groups = {
        "owner": (filled.owner, addresses(filled, owners) | {"not-found": "/nothing-here"}),
        "empty": (charlie, addresses_of_nothing()),
        "staff": (staff, of_admin()),
        "nobody": (None, {name: address(name, filled) for name in SIGNED_OUT}),
    }
    with driving.serving() as platform, driving.chromium() as browser:
        for look, options in LOOKS.items():
            for group, (user, pages) in groups.items():
                chosen = {name: path for name, path in pages.items() if not wanted or name in wanted}
                if chosen:
                    take(browser, platform, user, chosen, f"{group}-{{}}-{look}.png", **options)
    index()


def addresses_of_nothing() -> dict[str, str]:
    """Pages that teach when there is nothing yet."""
    names = ("home", "documents", "collections", "conversations", "integrations", "insights", "models", "playground")
    return {name: reverse(name) for name in names if name in OPENED}


def of_admin() -> dict[str, str]:
    pages = {"admin": reverse("admin:index")}
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        pages[f"admin-{name}"] = reverse(f"admin:{name}_changelist")
    for route in admin.site.get_urls():
        if str(route.pattern).rstrip("/") in ("system",):
            pages["admin-system"] = f"{reverse('admin:index')}{route.pattern}"
    return pages


def take(browser, platform: str, user, pages: dict[str, str], name: str, **options) -> None:
    visit = driving.Visit(browser, platform, reduced_motion="reduce", **options)
    page = visit.page
    if user is not None:
        page.goto(f"{platform}/sign-in")
        page.locator("input[name=username]").fill(user.email)
        page.locator("input[name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{platform}/")
    for each, path in pages.items():
        page.goto(platform + path)
        page.wait_for_load_state("load")
        page.wait_for_timeout(150)
        height = min(LONGEST, page.evaluate("() => document.documentElement.scrollHeight"))
        clip: Any = {"x": 0, "y": 0, "width": options["viewport"]["width"], "height": max(height, 400)}
        page.screenshot(path=FOLDER / name.format(each), full_page=True, clip=clip)
    visit.context.close()


def index() -> None:
    """All of them on one page, a row a page."""
    rows: dict[str, list[Path]] = {}
    for path in sorted(FOLDER.glob("*.png")):
        look = next(look for look in LOOKS if path.stem.endswith(look))
        rows.setdefault(path.stem.removesuffix(f"-{look}"), []).append(path)
    parts = [
        "<!doctype html><meta charset=utf-8><title>Pages</title><style>img{width:300px;vertical-align:top}</style>"
    ]
    for name, paths in rows.items():
        pictures = "".join(f'<a href="{path.name}"><img loading=lazy src="{path.name}"></a> ' for path in paths)
        parts.append(f"<h2>{html.escape(name)}</h2>{pictures}")
    (FOLDER / "index.html").write_text("\n".join(parts))
