from __future__ import annotations

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connections
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import deletion, invitations, members, suspension, tasks
from accounts.invitations import ForSomebodyElse, InvitationGone, TooManyInvitations
from accounts.members import AlreadyMember, RoleForbids
from accounts.models import Account, AuditEvent, Invitation, Membership, OutgoingMail, SiteSettings, User
from doculume.crypto import decrypt
from doculume.errors import InvalidRequest
from tests.cast import PASSWORD, make_user

pytestmark = pytest.mark.django_db

REQUEST = RequestFactory(SERVER_NAME="localhost").get("/")
LINK = re.compile(r"http://localhost/invitations/([\w-]{43})\b")


@pytest.fixture
def shared(alice) -> Account:
    return Account.objects.create_shared("Workshop", alice)


@pytest.fixture
def owner(shared) -> Membership:
    return Membership.objects.get(account=shared)


def invite(owner, email="dana@example.com", role="member"):
    """Invite, and read the link's token in the mail."""
    invitations.invite(owner, email, role, REQUEST)
    return LINK.search(mail_to(email.strip().lower()))[1]


def mail_to(email: str) -> str:
    return json.loads(decrypt(OutgoingMail.objects.filter(to=email).latest("created_at").content))["text"]


def test_the_mail_says_who_invites_to_what_and_has_a_link_that_is_kept_nowhere_else(owner, alice):
    token = invite(owner, "  Dana@Example.com ")
    text = mail_to("dana@example.com")
    for word in ("Alice (alice@example.com)", '"Workshop"', "in the role Member"):
        assert word in text
    row = Invitation.objects.get()
    assert (row.email, row.role, row.invited_by) == ("dana@example.com", "member", alice)
    assert invitations.find(token) == row
    assert token not in str(Invitation.objects.values()) + str(AuditEvent.objects.values())
    assert AuditEvent.objects.get(action="member_invited").target == "dana@example.com"


def test_a_name_that_reads_like_a_link_is_no_advertisement(owner, alice, shared):
    Account.objects.update(name="Win at casino.example")
    User.objects.update(full_name="http://evil.example/ <b>")
    owner.refresh_from_db()
    invite(owner)
    text = mail_to("dana@example.com")
    assert "evil" not in text
    assert "casino" not in text
    assert "alice@example.com invites you to DocuLume. You would join an account" in text


@pytest.mark.parametrize("registered", [True, False])
def test_the_answer_is_the_same_whether_the_address_has_a_user_or_not(owner, registered):
    if registered:
        make_user("Dana")
    browser = Client()
    browser.force_login(owner.user)
    answer = browser.post(f"/account/members/invite?account={owner.account_id}", {"email": "dana@example.com"})
    assert (answer.status_code, answer["Location"]) == (302, f"/account/members?account={owner.account_id}")
    page = browser.get(answer["Location"]).content.decode()
    assert "dana@example.com is invited." in page


def test_roles_bound_who_invites_to_what(owner, shared):
    people = {
        role: Membership(account=shared, user=make_user(role), role=role) for role in ("admin", "member", "viewer")
    }
    for role in ("member", "viewer"):
        with pytest.raises(RoleForbids):
            invitations.invite(people[role], "dana@example.com", "viewer", REQUEST)
    with pytest.raises(RoleForbids):
        invitations.invite(people["admin"], "dana@example.com", "owner", REQUEST)
    for role in ("emperor", ""):
        with pytest.raises(RoleForbids):
            invitations.invite(owner, "dana@example.com", role, REQUEST)
    assert invitations.invite(people["admin"], "dana@example.com", "admin", REQUEST).role == "admin"


@pytest.mark.parametrize(
    "email", ["", "no address", "a@b", "x" * 250 + "@example.com", "a\x00@example.com", "a@b.c\nd"]
)
def test_what_is_no_address_is_bad_input(owner, email):
    with pytest.raises(InvalidRequest):
        invitations.invite(owner, email, "member", REQUEST)
    assert not OutgoingMail.objects.exists()


def test_who_is_in_already_is_not_invited(owner):
    with pytest.raises(AlreadyMember):
        invitations.invite(owner, owner.user.email, "viewer", REQUEST)


def test_inviting_again_replaces_the_old_link(owner):
    first, second = invite(owner, role="viewer"), invite(owner, role="admin")
    with pytest.raises(InvitationGone):
        invitations.find(first)
    assert invitations.find(second).role == "admin"
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert invitations.find(invite(owner)).role == "member"  # one that ran out does not stand in the way


def test_accepting_joins_once_and_confirms_the_address(owner, shared):
    token, dana = invite(owner, role="viewer"), make_user("Dana")
    found = invitations.find(token)
    assert not EmailAddress.objects.filter(user=dana, verified=True).exists()
    membership = invitations.accept(found, dana)
    assert (membership.account, membership.user, membership.role) == (shared, dana, "viewer")
    assert EmailAddress.objects.get(user=dana).verified
    assert AuditEvent.objects.get(action="member_joined").actor == "dana@example.com"
    for attempt in (lambda: invitations.accept(found, dana), lambda: invitations.find(token)):
        with pytest.raises(InvitationGone):
            attempt()


def test_it_is_for_its_address_only(owner, charlie):
    with pytest.raises(ForSomebodyElse):
        invitations.accept(invitations.find(invite(owner)), charlie)
    assert Invitation.objects.open().count() == 1


def test_who_came_in_another_way_keeps_their_role(owner, shared):
    token, dana = invite(owner, role="owner"), make_user("Dana")
    Membership.objects.create(account=shared, user=dana, role="viewer")
    assert invitations.accept(invitations.find(token), dana).role == "viewer"
    assert Invitation.objects.open().count() == 0


def test_revoked_expired_made_up_and_of_a_deleted_account_are_alike(owner, shared):
    revoked, expired, orphaned = (invite(owner, f"{name}@example.com") for name in "abc")
    invitations.revoke(owner, invitations.find(revoked))
    Invitation.objects.filter(email="b@example.com").update(expires_at=timezone.now())
    Account.objects.update(deleted_at=timezone.now())
    said = set()
    for token in (revoked, expired, orphaned, "made-up", "", "\x00"):
        with pytest.raises(InvitationGone) as refused:
            invitations.find(token)
        said.add(str(refused.value))
    assert len(said) == 1
    assert not invitations.is_invited("c@example.com")


@pytest.mark.parametrize("end", [suspension.suspend, deletion.delete_user])
def test_what_somebody_offered_ends_with_them(owner, shared, charlie, end):
    members.add(shared, charlie, "admin")
    theirs = invite(Membership.objects.get(account=shared, user=charlie), "erin@example.com")
    owners = invite(owner)
    end(charlie)
    with pytest.raises(InvitationGone):
        invitations.find(theirs)
    assert invitations.find(owners)


def test_an_account_has_so_many_open_and_so_many_an_hour(owner, monkeypatch):
    for number in range(invitations.MOST_AN_HOUR):
        invite(owner, f"{number}@example.com")
    with pytest.raises(TooManyInvitations) as refused:
        invite(owner, "0@example.com")
    assert 3500 < refused.value.retry_after <= 3600
    assert invitations.is_invited("0@example.com")  # what was refused replaced nothing
    Invitation.objects.update(created_at=timezone.now() - timedelta(hours=1))
    invite(owner, "0@example.com")
    monkeypatch.setattr(invitations, "MOST_OPEN", invitations.MOST_AN_HOUR)
    with pytest.raises(TooManyInvitations, match="can be open"):
        invite(owner, "another@example.com")
    invite(owner, "0@example.com")


def test_old_ones_are_forgotten(owner):
    invite(owner, "old@example.com")
    invite(owner, "new@example.com")
    Invitation.objects.filter(email="old@example.com").update(expires_at=timezone.now() - timedelta(days=31))
    tasks.forget_old_invitations()
    assert [row.email for row in Invitation.objects.all()] == ["new@example.com"]


@pytest.mark.django_db(transaction=True)
def test_of_parallel_acceptances_one_joins():
    shared = Account.objects.create_shared("Workshop", make_user("Alice"))
    found = invitations.find(invite(Membership.objects.get(account=shared)))
    dana = make_user("Dana")

    def accept(_: int) -> str:
        try:
            return invitations.accept(found, dana).role
        except InvitationGone:
            return "gone"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(accept, range(8))) == ["gone"] * 7 + ["member"]
    assert Membership.objects.filter(account=shared, user=dana).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_parallel_invitations_as_many_pass_as_may():
    owner = Membership.objects.get(account=Account.objects.create_shared("Workshop", make_user("Alice")))
    for number in range(invitations.MOST_AN_HOUR - 3):
        Invitation.objects.create(account=owner.account, email=f"{number}@example.com", digest=str(number))

    def send(number: int) -> bool:
        try:
            invitations.invite(owner, f"new{number}@example.com", "viewer", REQUEST)
            return True
        except TooManyInvitations:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(send, range(10))) == 3


# The link's page


def followed(owner, email="dana@example.com", browser=None, **options) -> Client:
    browser = browser or Client()
    answer = browser.get(f"/invitations/{invite(owner, email, **options)}")
    assert (answer.status_code, answer["Location"]) == (302, "/invitation")
    assert answer["Referrer-Policy"] == "strict-origin"
    return browser


def test_the_token_leaves_the_address_and_lies_nowhere_in_clear(owner):
    token = invite(owner)
    browser = Client()
    browser.get(f"/invitations/{token}")
    assert token not in str(browser.session.items())
    page = browser.get("/invitation").content.decode()
    assert token not in page
    assert "Workshop" in page


def test_a_crash_at_the_link_does_not_log_the_token(owner, monkeypatch, caplog):
    token = invite(owner)

    def crash(*args):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(invitations, "find", crash)
    with caplog.at_level(logging.DEBUG):
        assert Client(raise_request_exception=False).get(f"/invitations/{token}").status_code == 500
    assert "on purpose" in caplog.text
    assert token not in "".join(record.getMessage() for record in caplog.records)


def test_the_right_person_accepts_with_a_button(owner, shared):
    dana, browser = make_user("Dana"), Client()
    browser.force_login(dana)
    followed(owner, browser=browser)
    page = browser.get("/invitation").content.decode()
    assert "Accept and join" in page
    assert not Membership.objects.filter(user=dana, account=shared).exists()  # looking is not accepting
    answer = browser.post("/invitation")
    assert answer["Location"] == f"/?account={shared.pk}"
    assert browser.get(answer["Location"]).context["membership"].role == "member"
    assert browser.get("/invitation").status_code == 404


def test_somebody_else_is_told_and_goes_on_after_signing_out(owner, charlie):
    browser = Client()
    browser.force_login(charlie)
    followed(owner, browser=browser)
    page = browser.get("/invitation").content.decode()
    assert "You are signed in as charlie@example.com, but the invitation is for dana@example.com" in page
    assert "Accept and join" not in page
    assert browser.post("/invitation").status_code == 403
    answer = browser.post("/invitation/sign-out")
    assert (answer.status_code, answer["Location"]) == (302, "/invitation")
    page = browser.get("/invitation")
    assert not page.wsgi_request.user.is_authenticated
    assert "/sign-in?next=/invitation" in page.content.decode()


def test_signing_in_comes_back(owner):
    make_user("Dana")
    browser = followed(owner)
    answer = browser.post("/sign-in", {"username": "dana@example.com", "password": PASSWORD, "next": "/invitation"})
    assert answer["Location"] == "/invitation"
    assert "Accept and join" in browser.get("/invitation").content.decode()


def test_who_follows_no_link_sees_no_invitation(owner, alice):
    invite(owner)
    dana, browser = make_user("Dana"), Client()
    browser.force_login(dana)
    for answer in (browser.get("/invitation"), browser.post("/invitation"), browser.get("/invitations/made-up")):
        assert answer.status_code == 404
        assert "Workshop" not in answer.content.decode()


# Registering


@pytest.fixture
def site(db) -> SiteSettings:
    return SiteSettings.objects.current()


def change(site, **values):
    SiteSettings.objects.filter(pk=site.pk).update(**values)


def test_registering_by_invitation_joins_and_confirms(owner, shared, site):
    change(site, registration="invite_only", email_confirmation_required=True)
    assert Client().get("/register").status_code == 403
    browser = followed(owner)
    page = browser.get("/register").content.decode()
    assert 'value="dana@example.com"' in page
    assert "Workshop" in page
    answer = browser.post("/register", {"email": "mallory@example.com", "password": PASSWORD, "full_name": "Dana"})
    assert answer["Location"] == f"/?account={shared.pk}"
    dana = User.objects.get(email="dana@example.com")  # whatever address was sent
    assert not User.objects.filter(email="mallory@example.com").exists()
    assert EmailAddress.objects.get(user=dana).verified
    assert browser.get(answer["Location"]).context["account"] == shared


def test_an_invitation_opens_no_closed_registration(owner, site):
    browser = followed(owner)
    change(site, registration="closed")
    answer = browser.post("/register", {"email": "dana@example.com", "password": PASSWORD})
    assert answer.status_code == 403
    assert "Registration is closed" in answer.content.decode()
    assert not User.objects.filter(email="dana@example.com").exists()


def test_terms_must_be_accepted_where_they_are_required(site):
    change(site, terms_required=True, terms_url="https://example.com/terms")
    browser, fields = Client(), {"email": "dana@example.com", "password": PASSWORD}
    page = browser.get("/register").content.decode()
    assert 'href="https://example.com/terms"' in page
    refused = browser.post("/register", fields)
    assert list(refused.context["form"].errors) == ["terms_of_service"]
    assert not User.objects.exists()
    assert browser.post("/register", fields | {"terms_of_service": "on"}).status_code == 302
    assert User.objects.get().terms_accepted_at is not None


def test_where_addresses_are_confirmed_the_page_hides_whether_one_was_taken(site, alice):
    change(site, email_confirmation_required=True)
    pages = []
    for email in ("alice@example.com", "dana@example.com"):
        answer = Client().post("/register", {"email": email, "password": PASSWORD, "full_name": "Same"})
        assert answer.status_code == 200
        assert "_auth_user_id" not in answer.wsgi_request.session
        page = re.sub(r'name="csrf-token" content="\w+"|value="\w{64}"', "", answer.content.decode())
        pages.append(page.replace(email, "EMAIL"))
    assert pages[0] == pages[1]
    assert "Look into your mail" in pages[0]
    assert set(OutgoingMail.objects.values_list("to", flat=True)) == {"alice@example.com", "dana@example.com"}
