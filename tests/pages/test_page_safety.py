"""What holds for every page: no script or style that the policy would stop, labels, one main, a policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.urls import reverse
from selectolax.lexbor import LexborHTMLParser

from accounts import members
from accounts.models import Account, Invitation
from chat.models import Conversation
from doculume.views import server_error
from tests.cast import make_user

pytestmark = pytest.mark.django_db

STATIC = Path(settings.BASE_DIR) / "static"


ABOUT_ACCOUNTS = ("/account/members", "/account/usage", "/account/settings", "/account/audit", "/accounts/new")


@pytest.fixture
def pages(alices, alice, account, text_file):
    conversation = Conversation.objects.create(account=account, user=alice, title="What <b>opens</b> when?")
    signed_in = ["/", f"/c/{conversation.id}", f"/documents/{text_file.id}", "/nowhere"]
    shared = Account.objects.create_shared("Work<b>shop", alice)
    members.add(shared, make_user("Dana"), "member")
    members.add(shared, make_user("Erin"), "viewer")
    for email in ("new@example.com", "other@example.com"):
        Invitation.objects.create(account=shared, email=email, digest=email, invited_by=alice)
    of_both = [f"{address}?account={one.pk}" for one in (account, shared) for address in ABOUT_ACCOUNTS]
    return [
        *(alices.get(address) for address in signed_in),
        *(Client().get(name) for name in ("/sign-in", "/register", "/invitation", "/invitations/x")),
        *(alices.get(address) for address in of_both),
        alices.post(f"/account/members/invite?account={shared.pk}", {"email": "<b>", "role": "viewer"}),
    ]


def parsed(answer):
    return LexborHTMLParser(answer.content.decode())


def test_no_page_has_script_or_style_of_its_own(pages):
    for answer in pages:
        page = parsed(answer)
        assert not page.css("style, [style], base, iframe")
        for node in page.css("script"):
            assert node.attributes["src"].startswith("/static/")
            assert not (node.text() or "").strip()
        assert not [name for node in page.css("*") for name in node.attributes if name.startswith("on")]
        policy = answer["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "default-src 'self'" in policy


def test_each_page_has_a_title_a_language_a_main_and_names_for_its_fields(pages):
    for answer in pages:
        page = parsed(answer)
        assert page.css_first("html").attributes["lang"] == "en"
        assert page.css_first("title").text().strip() not in ("", "· DocuLume")
        assert len(page.css("main")) == 1
        assert len(page.css("h1")) == 1
        labelled = {node.attributes["for"] for node in page.css("label[for]")}
        for field in page.css("input, textarea, select"):
            hidden = field.attributes.get("type") == "hidden"
            assert hidden or field.attributes.get("id") in labelled or "aria-label" in field.attributes
        for shape in page.css("template"):
            shape.decompose()  # what scripts will fill in has no names yet
        for control in page.css("button, a"):
            assert control.text().strip() or control.attributes.get("aria-label")


def test_ids_are_there_once(pages):
    for answer in pages:
        ids = [node.attributes["id"] for node in parsed(answer).css("[id]")]
        assert len(ids) == len(set(ids))


def test_a_title_is_text(pages):
    assert b"<b>opens</b>" not in pages[1].content
    assert b"What &lt;b&gt;opens&lt;/b&gt; when?" in pages[1].content


def test_signing_out_needs_the_token(alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    refused = browser.post("/sign-out")
    assert refused.status_code == 403
    assert b"open too long" in refused.content
    token = parsed(browser.get("/")).css_first("meta[name=csrf-token]").attributes["content"]
    assert browser.post("/sign-out", {"csrfmiddlewaretoken": token}).status_code == 302


def test_a_conversation_opens_for_its_user_only(alices, bobs, charlies, alice, account):
    conversation = Conversation.objects.create(account=account, user=alice, title="Mine")
    address = reverse("conversation-page", args=[conversation.id])
    assert alices.get(address).status_code == 200
    for answer in (bobs.get(f"{address}?account={account.id}"), bobs.get(address), charlies.get(address)):
        assert answer.status_code == 404
        assert b"Mine" not in answer.content


def test_a_viewer_is_offered_no_upload(bobs, bob, account):
    address = f"/?account={account.id}"
    assert parsed(bobs.get(address)).css("#files")
    bob.memberships.filter(account=account).update(role="viewer")
    assert not parsed(bobs.get(address)).css("#files, label[for=files]")


def test_pages_are_not_kept_by_caches(alices):
    assert "no-store" in alices.get("/")["Cache-Control"]


def test_the_page_of_a_crash_needs_neither_user_nor_database(django_assert_num_queries):
    request = RequestFactory().get("/")
    with django_assert_num_queries(0):
        answer = server_error(request)
    assert answer.status_code == 500
    assert b"Something broke on our side" in answer.content


def test_what_pages_load_exists_and_is_ours(client):
    modules = sorted(STATIC.glob("js/*.js"))
    assert modules
    for path in [*modules, STATIC / "css" / "doculume.css", STATIC / "icon.svg"]:
        assert client.get(f"/static/{path.relative_to(STATIC)}").status_code == 200
    for path in modules:
        source = path.read_text(encoding="utf-8")
        for name in re.findall(r'from "(.+?)"', source):
            assert (path.parent / name).is_file()
        # Text of a model or a document must never be parsed as HTML.
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|DOMParser|srcdoc", source
        )
