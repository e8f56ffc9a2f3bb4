from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail as outbox
from django.core import signing
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts import confirmation, links
from accounts.confirmation import EmailNotConfirmed, LinkInvalid
from accounts.links import AddressUnknown
from accounts.models import AuditEvent, OutgoingMail, SiteSettings, User
from accounts.registration import EmailTaken
from accounts.tasks import deliver_mail
from tests.cast import PASSWORD, client_of

pytestmark = pytest.mark.django_db

SHOWN = {"password": PASSWORD}


@pytest.fixture
def demanded():
    SiteSettings.objects.update_or_create(pk=1, defaults={"email_confirmation_required": True})


@pytest.fixture
def request_():
    return RequestFactory().get("/")


def delivered():
    """What goes out by now, oldest first."""
    outbox.outbox.clear()
    for row in OutgoingMail.objects.order_by("id"):
        deliver_mail(str(row.id))
    return outbox.outbox


def link_in(message):
    return re.search(r"http://testserver(/\S+)", message.body)[1]


def rows(user):
    return set(EmailAddress.objects.filter(user=user).values_list("email", "primary", "verified"))


def test_a_new_user_has_an_address_that_nobody_confirmed(alice):
    assert rows(alice) == {("alice@example.com", True, False)}
    assert not confirmation.is_confirmed(alice)
    confirmation.count_as_confirmed(alice)
    assert confirmation.is_confirmed(alice)


def test_the_row_follows_the_user_and_is_unconfirmed_again(alice):
    confirmation.count_as_confirmed(alice)
    alice.email = "new@example.com"
    alice.save()
    assert rows(alice) == {("new@example.com", True, False)}
    alice.full_name = "A."
    alice.save()
    assert rows(alice) == {("new@example.com", True, False)}


def test_who_must_confirm_signs_in_only_afterwards(demanded, alice):
    browser = Client()
    fields = {"username": alice.email, "password": PASSWORD}
    answer = browser.post("/sign-in", fields)
    assert answer.status_code == 200
    assert "Confirm your email address first" in answer.content.decode()
    [message] = delivered()
    address = link_in(message)
    page = browser.get(address)
    assert page.status_code == 200
    assert alice.email in page.content.decode()
    # Programs that look into mails follow links; the button is for people.
    assert not confirmation.is_confirmed(alice)
    assert browser.post(address, SHOWN)["Location"] == "/"
    assert confirmation.is_confirmed(alice)
    assert AuditEvent.objects.filter(action="email_confirmed", actor_id=alice.pk).exists()
    assert browser.get("/api/v1/users/me").json()["email"] == alice.email
    assert Client().post("/sign-in", fields)["Location"] == "/"


@pytest.mark.parametrize("typed", [{}, {"password": "the owner's own password"}])
def test_the_owner_of_an_address_does_not_let_in_who_registered_it(demanded, alice, request_, typed):
    confirmation.send_confirmation(request_, alice, alice.email)
    page = Client().post(link_in(delivered()[0]), typed)
    assert page.status_code == 200
    assert "/reset-password" in page.content.decode()
    assert not confirmation.is_confirmed(alice)


def test_who_is_signed_in_confirms_by_the_button_alone(alice, request_):
    confirmation.send_confirmation(request_, alice, alice.email)
    address = link_in(delivered()[0])
    browser = Client()
    browser.force_login(alice)
    assert 'name="password"' not in browser.get(address).content.decode()
    assert browser.post(address)["Location"] == reverse("account-profile")
    assert confirmation.is_confirmed(alice)


def test_the_second_factor_is_asked_for_after_confirming(demanded, alice, request_, totp_of):
    totp_of(alice)
    confirmation.send_confirmation(request_, alice, alice.email)
    browser = Client()
    assert browser.post(link_in(delivered()[0]), SHOWN)["Location"] == "/sign-in/second-step"
    assert browser.get("/api/v1/users/me").status_code == 401


def test_who_has_no_password_signs_in_first(alice, request_):
    alice.set_unusable_password()
    alice.save()
    confirmation.send_confirmation(request_, alice, alice.email)
    address = link_in(delivered()[0])
    assert f"/sign-in?next={address.partition(':')[0]}" in Client().get(address).content.decode()
    assert Client().post(address, {"password": ""}).status_code == 200
    assert not confirmation.is_confirmed(alice)


def test_only_who_knows_the_password_hears_of_it(demanded, alice):
    wrong = Client().post("/sign-in", {"username": alice.email, "password": "wrong"}).content.decode()
    assert "Confirm your email address first" not in wrong
    assert not delivered()


def test_a_link_is_good_once_and_for_three_days(demanded, alice, request_, monkeypatch):
    confirmation.send_confirmation(request_, alice, alice.email)
    address = link_in(delivered()[0])
    now = signing.time.time()
    with monkeypatch.context() as later:
        later.setattr(signing.time, "time", lambda: now + timedelta(days=3, seconds=1).total_seconds())
        assert Client().post(address).status_code == 404
    assert Client().post(address, SHOWN).status_code == 302
    assert Client().post(address).status_code == Client().get(address).status_code == 404


def test_a_link_is_for_the_address_that_it_was_sent_to(alice, request_):
    confirmation.send_confirmation(request_, alice, alice.email)
    address = link_in(delivered()[0])
    EmailAddress.objects.update(email="mallory@example.com")
    assert Client().post(address).status_code == 404


@pytest.mark.parametrize("key", ["x", "a:b:c", "%00", "é"])
def test_made_up_links_are_not_found(key):
    assert Client().get(f"/confirm-email/{key}").status_code == 404
    with pytest.raises(LinkInvalid):
        confirmation.address_of_link(key)


def test_links_are_not_sent_again_and_again(alice, request_):
    for _ in range(3):
        confirmation.send_confirmation(request_, alice, alice.email)
    assert len(delivered()) == 1


def test_a_new_address_takes_the_place_of_the_old_when_it_is_confirmed(demanded, alice, request_):
    confirmation.count_as_confirmed(alice)
    assert confirmation.change_email(request_, alice, "New@example.com") is False
    assert User.objects.get().email == "alice@example.com"
    assert confirmation.is_confirmed(alice)
    assert confirmation.wanted_email(alice) == "new@example.com"
    [message] = delivered()
    assert message.to == ["new@example.com"]
    Client().post(link_in(message), SHOWN)
    alice.refresh_from_db()
    assert alice.email == "new@example.com"
    assert rows(alice) == {("new@example.com", True, True)}
    [notice] = delivered()
    assert notice.to == ["alice@example.com"]
    assert AuditEvent.objects.filter(action="email_changed", target="new@example.com").exists()


def test_where_nothing_must_be_confirmed_it_changes_at_once(alice, charlie, request_):
    assert confirmation.change_email(request_, alice, "new@example.com") is True
    assert User.objects.get(pk=alice.pk).email == "new@example.com"
    with pytest.raises(EmailTaken):
        confirmation.change_email(request_, alice, charlie.email)


def test_whether_an_address_is_taken_does_not_show(demanded, alice, charlie, request_):
    assert confirmation.change_email(request_, alice, charlie.email) is False
    [message] = delivered()
    assert message.to == [charlie.email]
    assert "There is one already" in message.body
    assert "confirm-email" not in message.body
    assert confirmation.wanted_email(alice) == ""


@pytest.mark.parametrize("must_confirm", [True, False])
def test_nobody_sends_mail_to_or_asks_after_many_addresses(alice, client, must_confirm):
    SiteSettings.objects.update_or_create(defaults={"email_confirmation_required": must_confirm})
    confirmation.count_as_confirmed(alice)
    hers = client_of(alice)
    for number in range(10):
        assert hers.patch("/api/v1/users/me", {"email": f"new{number}@example.com"}).status_code == 200
    answer = hers.patch("/api/v1/users/me", {"email": "new10@example.com"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
    assert int(answer["Retry-After"]) > 3000
    assert not OutgoingMail.objects.filter(to="new10@example.com").exists()
    alice.refresh_from_db()
    client.force_login(alice)
    client.post("/account/confirm?next=/account/email", {"password": PASSWORD})
    assert client.post("/account/email", {"email": "new10@example.com"}).status_code == 429
    assert hers.patch("/api/v1/users/me", {"full_name": "Alice B."}).status_code == 200


def test_who_was_slower_does_not_get_the_address(demanded, alice, charlie, request_):
    confirmation.change_email(request_, alice, "new@example.com")
    [message] = delivered()
    charlie.email = "new@example.com"
    charlie.save()
    assert Client().post(link_in(message), SHOWN).status_code == 404
    assert User.objects.get(pk=alice.pk).email == "alice@example.com"


def test_the_api_demands_it_too(demanded, alice):
    sent = {"email": alice.email, "password": PASSWORD}
    answer = Client().post("/api/v1/auth/login", sent, content_type="application/json")
    assert answer.status_code == 403
    confirmation.count_as_confirmed(alice)
    assert Client().post("/api/v1/auth/login", sent, content_type="application/json").status_code == 200


def test_nothing_is_asked_of_whom_nothing_is_demanded(alice, request_):
    confirmation.refuse_unconfirmed(request_, alice)
    SiteSettings.objects.update(email_confirmation_required=True)
    cache.clear()
    with pytest.raises(EmailNotConfirmed):
        confirmation.refuse_unconfirmed(request_, alice)


def test_links_lead_to_the_configured_site_or_to_a_host_that_was_checked(settings, request_):
    assert links.absolute("/x", request_) == "http://testserver/x"
    settings.SITE_URL = "https://docs.example.org"
    assert links.absolute("/x", request_) == links.absolute("/x") == "https://docs.example.org/x"


@pytest.mark.parametrize("hosts", [["*"], [".example.com"]])
def test_a_host_that_anybody_can_send_is_not_believed(settings, hosts):
    settings.ALLOWED_HOSTS = hosts
    with pytest.raises(AddressUnknown):
        links.absolute("/x", RequestFactory().get("/", headers={"host": "evil.example.com"}))
    with pytest.raises(AddressUnknown):
        links.absolute("/x")
