"""Mail is written in the language of who gets it; who chose none gets that of who caused it."""

from __future__ import annotations

import json

import pytest

from accounts import notices
from accounts.models import OutgoingMail, UserSettings
from doculume.crypto import decrypt
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db

GERMAN = {"Accept-Language": "de"}


def mail_to(email: str) -> tuple[str, str]:
    row = OutgoingMail.objects.filter(to=email).latest("created_at")
    return row.subject, json.loads(decrypt(row.content))["text"]


def test_an_invitation_to_somebody_unknown_is_in_the_language_of_the_page(page):
    page("/account/members/invite", {"email": "dana@example.com", "role": "viewer"}, headers=GERMAN)
    subject, text = mail_to("dana@example.com")
    assert subject == "Sie sind zu Alice eingeladen"
    assert "in der Rolle Leser" in text


def test_an_invitation_is_in_the_language_that_the_invited_chose(page, charlie):
    UserSettings.objects.create(user=charlie, language="en")
    page("/account/members/invite", {"email": charlie.email, "role": "viewer"}, headers=GERMAN)
    assert mail_to(charlie.email)[0] == "You are invited to Alice"
    UserSettings.objects.filter(user=charlie).update(language="de-AT")
    page("/account/members/invite", {"email": charlie.email, "role": "viewer"})
    assert mail_to(charlie.email)[0] == "Sie sind zu Alice eingeladen"


def test_a_notice_that_a_program_caused_is_in_the_language_of_the_user(as_alice, alice):
    UserSettings.objects.create(user=alice, language="de")
    new = "a much better one, 2026"
    body = {"current_password": PASSWORD, "password": new, "password_confirmation": new}
    assert as_alice.patch("/api/v1/password", body).status_code == 200
    subject, text = mail_to(alice.email)
    assert subject == "In Ihrem Konto hat sich etwas geändert"
    assert "Ihr Passwort wurde geändert." in text


def test_a_plain_sentence_is_sent_as_it_is(alice):
    notices.notify(alice, "Something that nobody translated.")
    assert "Something that nobody translated." in mail_to(alice.email)[1]
