"""Who gets what of each route, written down: the API's in `ROUTES`, the pages' in `PAGES`.

A new route fails the tests until it stands here. It needs a line with its methods and who may call them, a maker in
`THINGS` if there is an id in its path, and a body in `BODIES` only if `{}` is refused before its rights are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Account, User
from chat.models import Conversation
from knowledge import uploads

# Alice owns the account, Mem is a member of it and Vera a viewer; each acts in it. Charlie (stranger) and Stan (staff)
# do not belong to it and act in accounts of their own, with ids of Alice's things. `key` is a chatbot key.
WHO = ("anonymous", "stranger", "viewer", "member", "owner", "staff", "key")


def row(text: str) -> dict[str, str]:
    return dict(zip(WHO, text.split(), strict=True))


# fmt: off
# A status, or `ok`: let in, whatever the view then says of what was sent (2xx, 3xx to within, 400, 402, 409, 415, 422).
#                   anonymous  stranger  viewer  member  owner  staff  key
SIGNED_IN  = row("  401        ok        ok      ok      ok     ok     401  ")
WRITES     = row("  401        ok        403     ok      ok     ok     401  ")
OF_ACCOUNT = row("  401        404       ok      ok      ok     404    401  ")
CHANGES    = row("  401        404       403     ok      ok     404    401  ")
OF_USER    = row("  401        404       404     404     ok     404    401  ")
STAFF      = row("  401        403       403     403     403    ok     401  ")
KEY_ONLY   = row("  401        401       401     401     401    401    401  ")
# No credential is looked at: everybody gets the same.
PUBLIC     = row("  same       same      same    same    same   same   same ")
# fmt: on

ROUTES: dict[str, dict[str, dict[str, str]]] = {
    "api-register": {"post": PUBLIC},
    "api-login": {"post": PUBLIC},
    "api-refresh": {"post": PUBLIC},
    "api-logout": {"post": SIGNED_IN},
    "api-me": {"get": SIGNED_IN, "put": SIGNED_IN, "patch": SIGNED_IN},
    "api-settings-user": {"get": SIGNED_IN, "put": SIGNED_IN},
    "api-settings-admin": {"get": STAFF, "put": STAFF},
    "api-documents": {"get": SIGNED_IN},
    "api-document-upload": {"post": WRITES},
    "api-document": {"get": OF_ACCOUNT, "delete": CHANGES},
    "api-document-retry": {"post": CHANGES},
    # A viewer reads and asks. What they asked is theirs, so they may delete it.
    "api-ask": {"post": SIGNED_IN},
    "api-conversations": {"get": SIGNED_IN},
    "api-conversation": {"get": OF_USER, "delete": OF_USER},
}

# fmt: off
# Pages: `in` is the way to the sign-in page.
#                   anonymous  stranger  viewer  member  owner  staff  key
PAGE         = row("in         ok        ok      ok      ok     ok     in   ")
PAGE_MANAGER = row("in         ok        403     403     ok     ok     in   ")
PAGE_ONE     = row("in         404       ok      ok      ok     404    in   ")
PAGE_OF_USER = row("in         404       404     404     ok     404    in   ")
OPEN_PAGE    = row("ok         ok        ok      ok      ok     ok     ok   ")
# A view of REST framework's: a bad bearer is a 401 also where none is needed.
REFERENCE    = row("ok         ok        ok      ok      ok     ok     401  ")
# A made-up link out of a mail.
DEAD_LINK    = row("404        404       404     404     404    404    404  ")
SIGNS_OUT    = row("in         in        in      in      in     in     in   ")
# fmt: on

PAGES: dict[str, dict[str, dict[str, str]]] = {
    "sign-in": {"get": OPEN_PAGE, "post": OPEN_PAGE},
    "sign-out": {"post": SIGNS_OUT},
    "register": {"get": OPEN_PAGE, "post": OPEN_PAGE},
    "account_confirm_email": {"get": DEAD_LINK, "post": DEAD_LINK},
    "home": {"get": PAGE},
    "conversation-page": {"get": PAGE_OF_USER},
    "document-page": {"get": PAGE_ONE},
    "document-file": {"get": PAGE_ONE},
    "favicon": {"get": OPEN_PAGE, "post": OPEN_PAGE},
    "livez": {"get": OPEN_PAGE},
    "readyz": {"get": OPEN_PAGE},
    "schema": {"get": REFERENCE},
    "docs": {"get": REFERENCE},
    "redoc": {"get": REFERENCE},
}


def _document(account: Account, alice: User) -> dict[str, Any]:
    return {"pk": uploads.accept(account, alice, SimpleUploadedFile("a.txt", b"Open at nine."), name="a.txt").id}


def _conversation(account: Account, alice: User) -> dict[str, Any]:
    return {"pk": Conversation.objects.create(account=account, user=alice).id}


# For routes with an id in their path: makes the thing, Alice's, and gives what `reverse` needs.
THINGS: dict[str, Callable[[Account, User], dict[str, Any]]] = {
    "api-document": _document,
    "api-document-retry": _document,
    "api-conversation": _conversation,
    "conversation-page": _conversation,
    "document-page": _document,
    "document-file": _document,
    "account_confirm_email": lambda account, alice: {"key": "made-up"},
}

BODIES: dict[str, dict[str, Any]] = {}
