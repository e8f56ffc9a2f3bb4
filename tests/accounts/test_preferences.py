"""The language that pages are in: the user's own choice, else the browser's; the API's is English."""

from __future__ import annotations

import re

import pytest

from accounts.models import UserSettings

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def several_languages(settings):
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("ar", "العربية")]


@pytest.fixture
def page(alice, client):
    client.force_login(alice)

    def page(path="/account/usage", **headers):
        answer = client.get(path, headers=headers)
        return answer, re.search(r"<html lang=\"([^\"]+)\"( dir=\"rtl\")?", answer.content.decode())

    return page


def test_the_browser_is_asked_where_the_user_never_chose(page):
    answer, shown = page(**{"accept-language": "de-CH, en;q=0.5"})
    assert (shown[1], answer["Content-Language"]) == ("de", "de")
    assert "Accept-Language" in answer["Vary"]
    assert page(**{"accept-language": "fi"})[1][1] == "en"


def test_what_the_user_chose_goes_before_the_browser(page, alice):
    UserSettings.objects.create(user=alice, language="de-AT")
    assert page(**{"accept-language": "en"})[1][1] == "de"
    assert page("/account/profile", **{"accept-language": "en"})[1][1] == "de"
    UserSettings.objects.filter(user=alice).update(language="ar")
    assert page()[1][2] == ' dir="rtl"'


def test_a_language_that_pages_do_not_have_is_english(page, alice):
    UserSettings.objects.create(user=alice, language="fi")
    assert page(**{"accept-language": "de"})[1][1] == "en"


def test_one_page_does_not_change_the_language_of_the_next(page, alice, client):
    UserSettings.objects.create(user=alice, language="de")
    page()
    client.logout()
    assert b'<html lang="en"' in client.get("/sign-in").content


def test_the_api_is_in_english(client):
    answer = client.post(
        "/api/v1/auth/login",
        {},
        content_type="application/json",
        headers={"accept-language": "de", "host": "localhost"},
    )
    assert answer.json()["error"]["details"]["email"] == ["This field is required."]
