"""Staff who may only look cannot write, whatever they send; staff who may not even look see nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse

from accounts.models import AuditEvent
from tests.operations.conftest import REGISTERED, browser_of

pytestmark = pytest.mark.django_db

# A POST to these shows what a GET shows, or ends one's own session.
ANSWERED = {"index", "app_list", "login", "logout", "jsi18n", "password_change", "password_change_done"}
ANSWERED |= {"autocomplete", "view_on_site", "search"}
SHOWING = ("_changelist", "_history")


class Forger:
    """A browser of `user` that sends forms nobody showed it, with the token of a page that it was shown."""

    def __init__(self, user) -> None:
        self.browser: Client = browser_of(user, enforce_csrf_checks=True, raise_request_exception=False)
        self.browser.get(reverse("admin:index"))

    def post(self, address: str, fields: dict[str, Any] | None = None) -> int:
        """The status of the answer."""
        token = self.browser.cookies["csrftoken"].value
        sent = {"csrfmiddlewaretoken": token, "post": "yes"} | (fields or {})
        return self.browser.post(address, sent).status_code


def name_of(model, page: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def contents() -> dict[str, list[tuple]]:
    """Of everything that the admin shows, every column; when a session was last seen changes by looking."""
    rows = {}
    for model in REGISTERED:
        names = [f.attname for f in model._meta.concrete_fields if f.attname not in ("last_seen_at", "last_login")]
        rows[model._meta.label] = sorted(model._base_manager.values_list(*names), key=repr)
    return rows


def test_no_forged_form_or_action_of_an_onlooker_changes_anything(filled, onlooker):
    forger, before = Forger(onlooker), contents()
    for model in REGISTERED:
        row = model._base_manager.first()
        fields = {f.name: "1" for f in model._meta.fields if f.editable}
        assert forger.post(reverse(name_of(model, "add")), fields) == 403, model
        assert forger.post(reverse(name_of(model, "change"), args=[row.pk]), fields) == 403, model
        assert forger.post(reverse(name_of(model, "delete"), args=[row.pk])) == 403, model
        registered = admin.site._registry[model]
        for action in {"delete_selected", *(name for _, name, _ in registered._get_base_actions())}:
            chosen = {"action": action, "_selected_action": [str(row.pk)], "index": "0", "select_across": "1"}
            assert forger.post(reverse(name_of(model, "changelist")), chosen) == 403, (model, action)
    assert contents() == before


def addresses(model_rows: dict[Any, Any]) -> dict[str, str]:
    """Every named page of the admin, the object's ones for the rows."""
    found = {}
    for pattern in patterns(get_resolver().url_patterns):
        name = pattern.name
        takes = pattern.pattern.converters
        if not name or "content_type_id" in takes:
            continue
        pk = next((row.pk for model, row in model_rows.items() if _of(model, name)), None)
        try:
            found[name] = reverse(f"admin:{name}", args=[pk] if takes else [])
        except NoReverseMatch:
            found[name] = reverse(f"admin:{name}", kwargs=dict.fromkeys(takes or {"app_label"}, "accounts"))
    return found


def _of(model, name: str) -> bool:
    return name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_") or (
        name == "auth_user_password_change" and model._meta.model_name == "user"
    )


def patterns(all_patterns, inside=False):
    for pattern in all_patterns:
        if hasattr(pattern, "url_patterns"):
            within = inside or getattr(pattern, "namespace", "") == "admin"
            if within or not inside:
                yield from patterns(pattern.url_patterns, within)
        elif inside:
            yield pattern


def test_no_page_or_button_of_the_admin_is_open_to_a_forged_post(filled, onlooker):
    forger = Forger(onlooker)
    rows = {model: model._base_manager.first() for model in REGISTERED}
    before, tried = contents(), 0
    for name, address in addresses(rows).items():
        if name in ANSWERED or name.endswith(SHOWING):
            continue
        assert forger.post(address) in (403, 405), name
        tried += 1
    assert contents() == before
    assert tried > 3 * len(REGISTERED)


def test_what_only_shows_changes_nothing_when_it_is_posted_to(filled, onlooker):
    forger = Forger(onlooker)
    before = contents()
    for model in REGISTERED:
        assert forger.post(reverse(name_of(model, "changelist"))) == 200
        assert forger.post(reverse(name_of(model, "history"), args=[model._base_manager.first().pk])) == 200
    assert contents() == before


def test_without_their_token_nothing_is_heard(filled, onlooker):
    browser = browser_of(onlooker, enforce_csrf_checks=True)
    assert browser.post(reverse("admin:system-invariants")).status_code == 403


def test_an_onlooker_sees_every_list_and_row(filled, onlooker):
    browser = browser_of(onlooker)
    for model in REGISTERED:
        assert browser.get(reverse(name_of(model, "changelist"))).status_code == 200
        page = browser.get(reverse(name_of(model, "change"), args=[model._base_manager.first().pk]))
        assert page.status_code == 200
        assert b'name="_save"' not in page.content
    assert browser.get(reverse("admin:system")).status_code == 200


def test_staff_without_a_permission_see_nothing(filled, newcomer):
    browser = browser_of(newcomer)
    first = browser.get(reverse("admin:index")).content.decode()
    assert "/admin/accounts/" not in first
    assert "/admin/system" not in first
    rows = {model: model._base_manager.first() for model in REGISTERED}
    before = AuditEvent.objects.count()
    for name, address in addresses(rows).items():
        if name in ANSWERED - {"app_list"}:
            continue
        assert browser.get(address).status_code in (403, 404), name
    assert AuditEvent.objects.count() == before


def test_who_is_no_staff_is_sent_to_the_products_sign_in(client, alice):
    assert client.get(reverse("admin:system")).headers["Location"].startswith("/admin/login")
    there = client.get("/admin/login/?next=/admin/system/")
    assert there.headers["Location"].startswith("/sign-in?")
    client.force_login(alice)
    assert client.get("/admin/login/").status_code == 403
