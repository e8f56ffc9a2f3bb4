"""A person who reads German gets everything done without an English word."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership, UserSettings
from doculume.words import address_of
from knowledge.models import Document
from tests.cast import make_user
from tests.contract.matrix import THINGS

pytestmark = pytest.mark.django_db

GERMAN = {"Accept-Language": "de-CH,de;q=0.9,en;q=0.5"}


def words(page) -> str:
    return " ".join(page.body.text(separator=" ").split())


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/", "Fragen Sie Ihre Dokumente"),
        ("/documents", "Noch keine Dokumente"),
        ("/collections", "Noch keine Sammlungen"),
        ("/integrations", "Noch keine Integrationen"),
        ("/insights", "Noch hat niemand etwas gefragt"),
        ("/account/members", "Jemanden einladen"),
        ("/account/usage", "Davon ist nichts mehr übrig."),
        ("/account/settings", "Das ist ein persönliches Konto"),
        ("/account/audit", "Sicherheitsereignisse"),
        ("/account/profile", "Ihr Profil"),
        ("/account/security", "Zwei-Faktor-Authentifizierung"),
        ("/nowhere", "Hier ist nichts"),
    ],
)
def test_each_area_speaks_german(page, address, sentence, account):
    if address == "/account/usage":
        account.plan.answers_per_month = 0
        account.plan.entries = 0
        account.plan.save()
    answer, shown = page(address, headers=GERMAN)
    assert shown.css_first("html").attributes["lang"] == "de"
    assert sentence in words(shown)
    assert answer["Content-Language"] == "de"


def test_the_language_that_was_chosen_comes_before_the_browsers(page, alice):
    UserSettings.objects.create(user=alice, language="de")
    assert "Ihr Profil" in words(page("/account/profile", headers={"Accept-Language": "en"})[1])
    UserSettings.objects.update(language="en")
    assert "Your profile" in words(page("/account/profile", headers=GERMAN)[1])


def test_a_refusal_is_told_in_german_with_its_numbers(page):
    answer, shown = page("/accounts/new", {"name": "x" * 300}, headers=GERMAN)
    assert answer.status_code == 400
    assert "Geben Sie einen Namen mit höchstens 200 Zeichen ein." in shown.css_first("[role=alert]").text()


def test_a_wrong_password_is_told_in_german(alice):
    answer = Client(headers=GERMAN).post("/sign-in", {"username": alice.email, "password": "not it"})
    assert "E-Mail-Adresse oder Passwort ist falsch." in answer.content.decode()


def test_why_a_document_failed_is_told_in_german(page, account, alice):
    pk = THINGS["document-page"](account, alice)["pk"]
    reason = "The file is damaged or not what its name says. Open and save it again, then upload it."
    Document.objects.filter(pk=pk).update(status="failed", error_code="corrupt", error_message=reason)
    shown = words(page(reverse("document-page", args=[pk]), headers=GERMAN)[1])
    assert "Die Datei ist beschädigt oder nicht das, was ihr Name sagt." in shown
    assert "damaged" not in shown


def test_roles_days_and_numbers_are_written_as_in_german(page, account):
    Membership.objects.create(account=account, user=make_user("Vera"), role="viewer")
    shown = page("/account/members", headers=GERMAN)[1]
    assert "Leser" in words(shown)
    about = page("/account/settings", headers=GERMAN)[1].css_first(".desk-head p").text()
    assert f"angelegt am {account.created_at.day}. " in about


def test_a_german_page_brings_the_scripts_their_words_and_an_english_one_none(page):
    sources = [node.attributes["src"] for node in page("/", headers=GERMAN)[1].css("script[src]")]
    assert sources[0] == address_of("de")
    assert not [one for one in page("/")[1].css("script[src]") if one.attributes["src"].startswith("/words/")]
