from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.urls import reverse

from accounts import api_tokens, founding, members
from accounts.members import AlreadyMember, LastOwner, RoleForbids, StaysWithItsPerson
from accounts.models import Account, AuditEvent, Invitation, Membership, User
from doculume.errors import DoculumeError, InvalidRequest
from tests.cast import PASSWORD, client_of, make_user

pytestmark = pytest.mark.django_db

OWNER, ADMIN, MEMBER, VIEWER = "owner", "admin", "member", "viewer"
ME = "/api/v1/users/me"


@pytest.fixture
def shared(alice) -> Account:
    """An account of Alice's that is nobody's own."""
    return Account.objects.create_shared("Workshop", alice)


def join(account, name, role) -> Membership:
    return Membership.objects.create(account=account, user=make_user(name), role=role)


def owner_of(account) -> Membership:
    return Membership.objects.filter(account=account, role=OWNER)[0]


def roles(account):
    return dict(Membership.objects.filter(account=account).values_list("user__full_name", "role"))


@pytest.mark.parametrize(
    ("actor", "target", "role", "allowed"),
    [
        (OWNER, MEMBER, OWNER, True),
        (OWNER, OWNER, VIEWER, True),
        (OWNER, ADMIN, MEMBER, True),
        (ADMIN, MEMBER, ADMIN, True),
        (ADMIN, VIEWER, MEMBER, True),
        (ADMIN, MEMBER, OWNER, False),
        (ADMIN, ADMIN, MEMBER, False),
        (ADMIN, OWNER, MEMBER, False),
        (MEMBER, VIEWER, MEMBER, False),
        (MEMBER, MEMBER, VIEWER, False),
        (VIEWER, VIEWER, MEMBER, False),
    ],
)
def test_who_may_give_which_role_to_whom(shared, actor, target, role, allowed):
    acting, acted_on = join(shared, "Dana", actor), join(shared, "Erin", target)
    if allowed:
        members.change_role(acting, acted_on, role)
    else:
        with pytest.raises(RoleForbids):
            members.change_role(acting, acted_on, role)
    assert roles(shared)["Erin"] == (role if allowed else target)


@pytest.mark.parametrize(
    ("actor", "target", "allowed"),
    [
        (OWNER, OWNER, True),
        (OWNER, ADMIN, True),
        (ADMIN, MEMBER, True),
        (ADMIN, VIEWER, True),
        (ADMIN, ADMIN, False),
        (ADMIN, OWNER, False),
        (MEMBER, VIEWER, False),
        (VIEWER, VIEWER, False),
    ],
)
def test_who_may_remove_whom(shared, actor, target, allowed):
    acting, acted_on = join(shared, "Dana", actor), join(shared, "Erin", target)
    if allowed:
        members.remove(acting, acted_on)
    else:
        with pytest.raises(RoleForbids):
            members.remove(acting, acted_on)
    assert ("Erin" in roles(shared)) != allowed


def test_nobody_reaches_into_another_account(shared, charlie):
    theirs, mine = join(shared, "Dana", MEMBER), owner_of(charlie.personal_account)
    for act in (members.remove, lambda a, b: members.change_role(a, b, VIEWER), members.hand_over):
        with pytest.raises(RoleForbids):
            act(mine, theirs)
    assert roles(shared)["Dana"] == MEMBER


def test_a_role_that_was_taken_meanwhile_counts_for_nothing(shared):
    admin, viewer = join(shared, "Dana", ADMIN), join(shared, "Erin", VIEWER)
    Membership.objects.filter(pk=admin.pk).update(role=MEMBER)
    assert admin.role == ADMIN
    with pytest.raises(RoleForbids):
        members.change_role(admin, viewer, MEMBER)
    Membership.objects.filter(pk=admin.pk).delete()
    with pytest.raises(RoleForbids):
        members.remove(admin, viewer)


def test_what_is_no_role_is_bad_input(shared):
    with pytest.raises(InvalidRequest):
        members.change_role(owner_of(shared), join(shared, "Dana", MEMBER), "emperor")


def test_the_last_owner_stays(shared, alice):
    owner = owner_of(shared)
    join(shared, "Dana", ADMIN)
    with pytest.raises(LastOwner):
        members.leave(owner)
    with pytest.raises(LastOwner):
        members.put_role(owner, MEMBER)
    second = join(shared, "Erin", OWNER)
    User.objects.filter(pk=second.user_id).update(is_active=False)
    with pytest.raises(LastOwner):  # who is suspended can do nothing for the account
        members.leave(owner)
    User.objects.filter(pk=second.user_id).update(is_active=True)
    members.leave(owner)
    assert roles(shared) == {"Dana": ADMIN, "Erin": OWNER}


def test_handing_over_leaves_an_admin_behind(shared):
    owner, heir = owner_of(shared), join(shared, "Dana", VIEWER)
    members.hand_over(owner, heir)
    assert roles(shared) == {"Alice": ADMIN, "Dana": OWNER}
    with pytest.raises(RoleForbids):
        members.hand_over(owner, heir)


def test_a_personal_account_stays_with_its_person(account, bob):
    mine, bobs = owner_of(account), Membership.objects.get(account=account, user=bob)
    for attempt in (
        lambda: members.leave(mine),
        lambda: members.put_role(mine, ADMIN),
        lambda: members.put_role(bobs, OWNER),
        lambda: members.hand_over(mine, bobs),
        lambda: members.take_out(mine),
        lambda: members.add(account, make_user("Dana"), OWNER),
    ):
        with pytest.raises(StaysWithItsPerson):
            attempt()
    with pytest.raises(RoleForbids):
        members.change_role(mine, bobs, OWNER)
    members.change_role(mine, bobs, ADMIN)
    with pytest.raises(RoleForbids):
        members.remove(bobs, mine)
    assert roles(account) == {"Alice": OWNER, "Bob": ADMIN}


@pytest.mark.parametrize("how", ["remove", "leave"])
def test_who_is_out_is_refused_at_the_next_request_by_every_credential(shared, bob, how):
    theirs = members.add(shared, bob, MEMBER)
    _, bound = api_tokens.create(bob, shared, "script")
    _, other = api_tokens.create(bob, bob.personal_account, "script")
    by_name, page = client_of(bob, shared), Client()
    page.force_login(bob)
    page.get(f"/?account={shared.pk}")

    def statuses():
        found = [by_name.get("/api/v1/documents").status_code]
        for token in (bound, other):
            found.append(Client().get("/api/v1/documents", headers={"Authorization": f"Bearer {token}"}).status_code)
        return found, page.get("/").context["account"].pk, page.get(f"/?account={shared.pk}").status_code

    assert statuses() == ([200, 200, 200], shared.pk, 200)
    if how == "remove":
        members.remove(owner_of(shared), theirs)
    else:
        members.leave(theirs)
    assert statuses() == ([403, 401, 200], bob.personal_account.pk, 404)
    assert bob.api_tokens.get(account=shared).revoked_because == "left the account"
    members.add(shared, bob, MEMBER)
    assert statuses()[0] == [200, 401, 200]  # what was revoked stays so


def test_who_no_longer_manages_leaves_no_invitations_behind(shared):
    admin = join(shared, "Dana", ADMIN)
    for number, inviter in enumerate([admin.user, admin.user, owner_of(shared).user]):
        email = f"{number}@example.com"
        Invitation.objects.create(account=shared, email=email, digest=str(number), invited_by=inviter)
    members.change_role(owner_of(shared), admin, VIEWER)
    assert [one.email for one in Invitation.objects.open()] == ["2@example.com"]


def test_each_change_is_written_down(shared, alice):
    owner, dana = owner_of(shared), make_user("Dana")
    membership = members.add(shared, dana, VIEWER, actor_name="a test")
    members.change_role(owner, membership, MEMBER)
    members.change_role(owner, membership, MEMBER)  # changes nothing, tells nothing
    members.remove(owner, membership)
    events = AuditEvent.objects.for_account(shared).order_by("id")
    assert [(event.action, event.actor, event.target) for event in events] == [
        ("member_joined", "a test", "dana@example.com"),
        ("role_changed", "alice@example.com", "dana@example.com"),
        ("member_removed", "alice@example.com", "dana@example.com"),
    ]
    assert events[1].details == {"before": "viewer", "after": "member"}


def test_nobody_is_a_member_twice(shared, bob):
    members.add(shared, bob, VIEWER)
    with pytest.raises(AlreadyMember):
        members.add(shared, bob, OWNER)
    assert roles(shared)["Bob"] == VIEWER


def test_shared_accounts_are_not_made_without_end(alice):
    for number in range(founding.MOST_OWNED):
        assert founding.found(alice, f"  Team \t {number} ").name == f"Team {number}"
    with pytest.raises(founding.TooManyAccounts):
        founding.found(alice, "One more")
    for name in ("", "   ", "x" * 201, "a\x00b", "a\u202eb"):
        with pytest.raises(InvalidRequest):
            founding.establish(alice, name)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["demote", "leave", "remove"])
def test_owners_who_act_at_once_leave_one(how):
    owners = [make_user(name) for name in ("Alice", "Dana", "Erin", "Finn")]
    shared = Account.objects.create_shared("Workshop", owners[0])
    rows = [owner_of(shared), *(Membership.objects.create(account=shared, user=one, role=OWNER) for one in owners[1:])]

    def act(place: int) -> str:
        mine, following = rows[place], rows[(place + 1) % len(rows)]
        try:
            if how == "demote":
                members.change_role(mine, following, VIEWER)
            elif how == "leave":
                members.leave(mine)
            else:
                members.remove(mine, following)
            return "done"
        except DoculumeError as error:
            return type(error).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(rows)) as pool:
        said = list(pool.map(act, range(len(rows))))
    left = Membership.objects.filter(account=shared, role=OWNER).count()
    assert left >= 1
    assert said.count("done") == len(rows) - left
    assert set(said) <= {"done", "LastOwner", "RoleForbids"}


def test_commands_make_accounts_and_members(alice, bob, capsys):
    call_command("create_account", "Workshop", "--owner", "ALICE@example.com")
    shared = Account.objects.get(pk=int(capsys.readouterr().out))
    assert (shared.name, roles(shared)) == ("Workshop", {"Alice": OWNER})
    call_command("add_member", bob.email, "--account", str(shared.pk))
    call_command("add_member", bob.email, "--account", str(shared.pk), "--role", "admin")
    assert roles(shared)["Bob"] == ADMIN
    assert "as admin" in capsys.readouterr().out
    with pytest.raises(CommandError, match="needs an owner"):
        call_command("add_member", alice.email, "--account", str(shared.pk), "--role", "viewer")
    with pytest.raises(CommandError, match="No account has the id 999999"):
        call_command("add_member", bob.email, "--account", "999999")
    with pytest.raises(CommandError, match="stays with the person"):
        call_command("add_member", bob.email, "--account", str(alice.personal_account.pk), "--role", "owner")


@pytest.fixture
def staff(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff@example.com", PASSWORD))
    return client


def test_staff_change_members_by_the_same_rules_and_leave_a_trace(staff, shared, bob):
    add = reverse("admin:accounts_membership_add")
    assert staff.post(add, {"user": bob.pk, "account": shared.pk, "role": "viewer"}).status_code == 302
    bobs, alices = Membership.objects.get(account=shared, user=bob), owner_of(shared)
    change = reverse("admin:accounts_membership_change", args=[bobs.pk])
    assert staff.post(change, {"role": "admin"}).status_code == 302
    assert roles(shared)["Bob"] == ADMIN
    refused = staff.post(reverse("admin:accounts_membership_change", args=[alices.pk]), {"role": "viewer"}, follow=True)
    assert "An account needs an owner" in refused.content.decode()
    delete = reverse("admin:accounts_membership_delete", args=[alices.pk])
    assert "An account needs an owner" in staff.post(delete, {"post": "yes"}, follow=True).content.decode()
    action = {"action": "take_out", "_selected_action": [alices.pk, bobs.pk]}
    answer = staff.post(reverse("admin:accounts_membership_changelist"), action, follow=True).content.decode()
    assert "An account needs an owner" in answer
    assert roles(shared) == {"Alice": OWNER}
    events = AuditEvent.objects.for_account(shared).order_by("id")
    assert [event.action for event in events] == ["member_joined", "role_changed", "member_removed"]
    assert {event.actor for event in events} == {"staff@example.com"}


def test_staff_see_and_revoke_invitations(staff, shared, alice):
    row = Invitation.objects.create(account=shared, email="dana@example.com", digest="d" * 64, invited_by=alice)
    for page in ("changelist", "change"):
        address = reverse(f"admin:accounts_invitation_{page}", args=[row.pk] if page == "change" else [])
        assert "d" * 64 not in staff.get(address).content.decode()
    action = {"action": "revoke", "_selected_action": [str(row.pk)]}
    assert staff.post(reverse("admin:accounts_invitation_changelist"), action).status_code == 302
    assert not Invitation.objects.open().exists()
    assert AuditEvent.objects.get(action="invitation_revoked").target == "dana@example.com"
