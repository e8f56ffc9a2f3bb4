"""Who gets what of each route, written down: the API's in `ROUTES`, the pages' in `PAGES`.

A new route fails the tests until it stands here. It needs a line with its methods and who may call them, a maker in
`THINGS` if there is an id in its path, and a body in `BODIES` only if `{}` is refused before its rights are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts import api_tokens
from accounts.models import Account, Invitation, Membership, User
from chat.models import AskedQuestion, Conversation, Message
from doculume.ids import new_id
from integrations import keys
from integrations.models import Integration
from knowledge import entries, uploads
from knowledge.importing import accepting
from knowledge.models import Collection
from llm_settings.models import LLMProvider, UserLLMConfig

# Alice owns the account, Mem is a member of it and Vera a viewer; each acts in it. Charlie (stranger) and Stan (staff)
# do not belong to it and act in accounts of their own, with ids of Alice's things. `key` is a live
# chatbot key of Alice's account, whose plan has chatbots.
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
MANAGES    = row("  401        ok        403     403     ok     ok     401  ")
MANAGED    = row("  401        404       403     403     ok     404    401  ")
OF_USER    = row("  401        404       404     404     ok     404    401  ")
STAFF      = row("  401        403       403     403     403    ok     401  ")
KEY_ONLY   = row("  401        401       401     401     401    401    ok   ")
# The key is not bound to the integration: it is as if there were none.
OPENED     = row("  401        404       ok      ok      ok     404    404  ")
DOOR_ONLY  = row("  401        401       401     401     401    401    404  ")
SESSION    = row("  401        401       401     401     401    401    403  ")
# No credential is looked at: everybody gets the same.
PUBLIC     = row("  same       same      same    same    same   same   same ")
# fmt: on

ROUTES: dict[str, dict[str, dict[str, str]]] = {
    "api-register": {"post": PUBLIC},
    "api-login": {"post": PUBLIC},
    "api-refresh": {"post": PUBLIC},
    "api-logout": {"post": SIGNED_IN},
    "api-me": {"get": SIGNED_IN, "put": SIGNED_IN, "patch": SIGNED_IN},
    "api-key": {"post": SIGNED_IN},
    "api-users": {"post": PUBLIC},
    "api-auth": {"post": PUBLIC},
    "api-current-user": {"get": SIGNED_IN, "delete": SIGNED_IN},
    "api-password": {"patch": SIGNED_IN},
    "api-accounts": {"get": SIGNED_IN},
    "api-settings-user": {"get": SIGNED_IN, "put": SIGNED_IN},
    "api-settings-admin": {"get": STAFF, "put": STAFF},
    "api-settings-llm": {"get": SIGNED_IN, "patch": MANAGES},
    "api-settings-llm-provider": {"post": MANAGES},
    "api-settings-llm-named": {"delete": MANAGED},
    "api-settings-llm-test": {"post": MANAGES},
    "api-llm-providers": {"post": MANAGES},
    "api-llm-provider": {"get": OF_ACCOUNT},
    # A viewer asks too, with a key of their own if they like.
    "api-user-llm-configs": {"post": SIGNED_IN},
    "api-user-llm-config": {"get": OF_USER},
    "api-documents": {"get": SIGNED_IN},
    "api-document-upload": {"post": WRITES},
    "api-document": {"get": OF_ACCOUNT, "delete": CHANGES},
    "api-document-retry": {"post": CHANGES},
    "api-collections": {"get": SIGNED_IN, "post": WRITES},
    "api-collection": {"get": OF_ACCOUNT, "put": CHANGES, "patch": CHANGES, "delete": CHANGES},
    "api-entries": {"get": OF_ACCOUNT, "post": CHANGES},
    "api-entry": {"get": OF_ACCOUNT, "put": CHANGES, "patch": CHANGES, "delete": CHANGES},
    "api-entry-upsert": {"put": CHANGES},
    "api-entry-batch": {"post": CHANGES},
    "api-entry-by-source": {"delete": CHANGES},
    "api-integrations": {"get": SIGNED_IN, "post": WRITES},
    "api-integration": {"get": OF_ACCOUNT, "put": CHANGES, "patch": CHANGES, "delete": CHANGES},
    "api-integration-search": {"get": OPENED, "post": OPENED},
    "api-integration-summarise": {"get": OPENED, "post": OPENED},
    "api-integration-chat": {"post": OPENED},
    "api-integration-events": {"post": OPENED},
    "api-integration-sessions": {"post": DOOR_ONLY},
    "api-integration-widget": {"get": DOOR_ONLY},
    "api-integration-conversation": {"get": SESSION},
    "openai-models": {"get": SIGNED_IN},
    "openai-model": {"get": OF_ACCOUNT},
    "openai-chat-completions": {"post": SIGNED_IN},
    "api-ask-question": {"post": KEY_ONLY},
    "api-support-emails": {"post": KEY_ONLY},
    # A viewer reads and asks. What they asked is theirs, so they may delete it.
    "api-ask": {"post": SIGNED_IN},
    "api-conversations": {"get": SIGNED_IN, "post": SIGNED_IN},
    "api-conversation": {"get": OF_USER, "delete": OF_USER},
    "api-message-stream": {"get": OF_USER},
    "api-conversation-messages": {"get": OF_USER},
    "api-conversation-export": {"get": OF_USER},
    "api-messages": {"post": SIGNED_IN},
    "api-message-attachments": {"get": OF_USER},
    "api-attachments": {"post": WRITES},
    "api-chats": {"get": SIGNED_IN, "post": SIGNED_IN},
    "api-chat": {"get": OF_USER, "delete": OF_USER},
    "api-chat-messages": {"get": OF_USER, "post": OF_USER},
}

# fmt: off
# Pages: `in` is the way to the sign-in page.
#                   anonymous  stranger  viewer  member  owner  staff  key
PAGE         = row("in         ok        ok      ok      ok     ok     in   ")
# About who is signed in, whichever account is shown; an account that is named all the same is passed over.
OWN          = row("in         ok        ok      ok      ok     ok     in   ")
OWN_THING    = row("in         404       404     404     404    404    in   ")
PAGE_MANAGER = row("in         ok        403     403     ok     ok     in   ")
PAGE_OWNER   = row("in         ok        403     403     ok     ok     in   ")
PAGE_CHANGES = row("in         404       403     403     ok     404    in   ")
PAGE_WRITER  = row("in         ok        403     ok      ok     ok     in   ")
PAGE_WRITES  = row("in         404       403     ok      ok     404    in   ")
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
    # Off until the deployment names an issuer.
    "foreign-sign-in": {"post": DEAD_LINK},
    "openid_connect_callback": {"get": DEAD_LINK},
    "mfa_authenticate": {"get": OWN, "post": OWN},
    "account_reset_password": {"get": OPEN_PAGE, "post": OPEN_PAGE},
    "reset-password-key": {"get": DEAD_LINK, "post": DEAD_LINK},
    "account": {"get": OWN},
    "account-profile": {"get": OWN, "post": OWN},
    "account-email": {"get": OWN, "post": OWN},
    "account-email-resend": {"post": OWN},
    "account-delete-me": {"get": OWN, "post": OWN},
    "account_reauthenticate": {"get": OWN, "post": OWN},
    "account-security": {"get": OWN},
    "account-password": {"get": OWN, "post": OWN},
    "account-two-factor": {"get": OWN, "post": OWN},
    "account-two-factor-off": {"get": OWN, "post": OWN},
    "account-recovery-codes": {"get": OWN, "post": OWN},
    "account-end-sign-in": {"post": OWN_THING},
    "account-end-others": {"post": OWN},
    "account-tokens": {"get": OWN, "post": OWN},
    # Leads to being asked for the password first; whose token it is comes after that.
    "account-token-revoke": {"post": OWN},
    "invitation-link": {"get": DEAD_LINK},
    "invitation": {"get": DEAD_LINK, "post": DEAD_LINK},
    "invitation-sign-out": {"post": OPEN_PAGE},
    "account-new": {"get": PAGE, "post": PAGE},
    # Strangers and staff have an account of their own to show, of which they are the owner.
    "account-members": {"get": PAGE},
    "member-invite": {"post": PAGE_MANAGER},
    "member-role": {"post": PAGE_CHANGES},
    "member-remove": {"post": PAGE_CHANGES},
    "member-hand-over": {"post": PAGE_CHANGES},
    "account-leave": {"post": PAGE},
    "invitation-revoke": {"post": PAGE_CHANGES},
    "invitation-resend": {"post": PAGE_CHANGES},
    "account-settings": {"get": PAGE_MANAGER, "post": PAGE_MANAGER},
    "account-delete": {"post": PAGE_OWNER},
    "account-usage": {"get": PAGE},
    "account-audit": {"get": PAGE_OWNER},
    "home": {"get": PAGE},
    "conversation-page": {"get": PAGE_OF_USER},
    "conversations": {"get": PAGE},
    # Of what is chosen, what is another's is as if it were not there.
    "conversations-several": {"post": PAGE},
    "conversation": {"get": PAGE_OF_USER},
    "conversation-rename": {"post": PAGE_OF_USER},
    "conversation-delete": {"post": PAGE_OF_USER},
    "conversation-export": {"get": PAGE_OF_USER},
    "documents": {"get": PAGE},
    "documents-moving": {"get": PAGE},
    "documents-upload": {"post": PAGE_WRITER},
    "documents-several": {"post": PAGE_WRITER},
    "document-retry": {"post": PAGE_WRITES},
    "document-delete": {"post": PAGE_WRITES},
    "document-page": {"get": PAGE_ONE},
    "document-file": {"get": PAGE_ONE},
    "collections": {"get": PAGE, "post": PAGE_WRITER},
    "collection": {"get": PAGE_ONE},
    "collection-rename": {"post": PAGE_WRITES},
    "collection-retry": {"post": PAGE_WRITES},
    "entry-retry": {"post": PAGE_WRITES},
    "collection-delete": {"post": PAGE_WRITES},
    "entry-imports": {"get": PAGE_ONE, "post": PAGE_WRITES},
    "entry-import": {"get": PAGE_ONE, "post": PAGE_WRITES},
    "entry-import-cancel": {"post": PAGE_WRITES},
    "entry-import-refused": {"get": PAGE_ONE},
    "entry-new": {"get": PAGE_ONE, "post": PAGE_WRITES},
    "entry": {"get": PAGE_ONE, "post": PAGE_WRITES},
    "entry-delete": {"post": PAGE_WRITES},
    "source-file": {"get": DEAD_LINK},
    "integrations": {"get": PAGE},
    "integration-new": {"get": PAGE, "post": PAGE_WRITER},
    "integration": {"get": PAGE_ONE, "post": PAGE_WRITES},
    "integration-delete": {"post": PAGE_WRITES},
    "integration-embed": {"get": PAGE_ONE, "post": PAGE_WRITES},
    "integration-embed-key": {"post": PAGE_CHANGES},
    "integration-preview": {"get": PAGE_CHANGES},
    "chatbot-keys": {"get": PAGE_MANAGER, "post": PAGE_MANAGER},
    "chatbot-key-rotate": {"post": PAGE_CHANGES},
    "chatbot-key-revoke": {"post": PAGE_CHANGES},
    "chatbot-key-identity": {"post": PAGE_CHANGES},
    "chatbot-support": {"post": PAGE_MANAGER},
    "visitor-conversations": {"get": PAGE_MANAGER},
    "visitor-conversations-several": {"post": PAGE_MANAGER},
    "visitor-conversation": {"get": PAGE_CHANGES},
    "visitor-conversation-delete": {"post": PAGE_CHANGES},
    "visitor-conversation-export": {"get": PAGE_CHANGES},
    "models": {"get": PAGE},
    "models-move": {"get": PAGE},
    "models-own-only": {"post": PAGE_MANAGER},
    "model-provider-new": {"get": PAGE_MANAGER, "post": PAGE_MANAGER},
    "model-provider": {"get": PAGE_CHANGES, "post": PAGE_CHANGES},
    "model-provider-try": {"post": PAGE_CHANGES},
    "model-provider-use": {"post": PAGE_CHANGES},
    "model-provider-delete": {"post": PAGE_CHANGES},
    "model-own-key": {"post": PAGE_WRITES},
    "insights": {"get": PAGE_MANAGER},
    "insights-download": {"get": PAGE_MANAGER},
    # A viewer asks too.
    "playground": {"get": PAGE, "post": PAGE},
    "missing-answer": {"get": PAGE_CHANGES, "post": PAGE_CHANGES},
    "question-dismiss": {"post": PAGE_CHANGES},
    "question-again": {"post": PAGE_CHANGES},
    "favicon": {"get": OPEN_PAGE, "post": OPEN_PAGE},
    "words": {"get": OPEN_PAGE},
    "livez": {"get": OPEN_PAGE},
    "readyz": {"get": OPEN_PAGE},
    "schema": {"get": REFERENCE},
    "docs": {"get": REFERENCE},
    "redoc": {"get": REFERENCE},
}


def _document(account: Account, alice: User) -> dict[str, Any]:
    return {"pk": uploads.accept(account, alice, SimpleUploadedFile("a.txt", b"Open at nine."), name="a.txt").id}


def _collection(account: Account, alice: User) -> dict[str, Any]:
    return {"pk": Collection.objects.create(account=account, name="Hers").id}


def _entries(account: Account, alice: User) -> dict[str, Any]:
    return {"collection": _collection(account, alice)["pk"]}


def _entry(account: Account, alice: User) -> dict[str, Any]:
    collection = Collection.objects.create(account=account, name="Hers")
    return {"collection": collection.id, "pk": entries.add(account, collection, {"raw_text": "Open at nine."}).id}


def _entry_import(account: Account, alice: User) -> dict[str, Any]:
    collection = Collection.objects.create(account=account, name="Hers")
    file = SimpleUploadedFile("a.csv", b"id,text\n1,Open at nine.\n")
    return {"collection": collection.id, "pk": accepting.accept(account, alice, collection, file, name="a.csv").id}


def _entry_by_source(account: Account, alice: User) -> dict[str, Any]:
    collection, source = Collection.objects.create(account=account, name="Hers"), {"source_type": "w", "source_id": "a"}
    entries.add(account, collection, {"raw_text": "Open at nine.", **source})
    return {"collection": collection.id, **source}


def _integration(account: Account, alice: User) -> dict[str, Any]:
    return {"pk": Integration.objects.create(account=account, type="custom", name="Hers").id}


def _chatbot_key(account: Account, alice: User) -> dict[str, Any]:
    return {"pk": keys.create(account, "Hers").id}


def _visitor_conversation(account: Account, alice: User) -> dict[str, Any]:
    made = Conversation.objects.create(account=account, integration_id=_integration(account, alice)["pk"], visitor="v")
    return {"pk": made.id}


def _conversation(account: Account, alice: User) -> dict[str, Any]:
    return {"pk": Conversation.objects.create(account=account, user=alice).id}


def _answer(account: Account, alice: User) -> dict[str, Any]:
    conversation = Conversation.objects.create(account=account, user=alice)
    said = Message.objects.create(account=account, conversation=conversation, role="assistant", content="At nine.")
    return {"pk": said.id}


def _message(account: Account, alice: User) -> dict[str, Any]:
    conversation = Conversation.objects.create(account=account, user=alice)
    return {"pk": Message.objects.create(account=account, conversation=conversation, role="user", content="When?").id}


def _question(account: Account, alice: User) -> dict[str, Any]:
    return {"pk": AskedQuestion.objects.create(account=account, text="When?", outcome="unanswered").id}


def _provider(account: Account, alice: User) -> LLMProvider:
    return LLMProvider.objects.create(account=account, name=new_id().hex, base_url="https://models.example.com/v1")


def _own_key(account: Account, alice: User) -> dict[str, Any]:
    provider = _provider(account, alice)
    UserLLMConfig.objects.create(account=account, user=alice, provider=provider, encrypted_key="x", shown_key="…")
    return {"user_id": alice.uuid, "provider_id": provider.pk}


def _member(account: Account, alice: User) -> dict[str, Any]:
    user = User.objects.create_user(f"{new_id().hex}@example.com")
    return {"pk": Membership.objects.create(account=account, user=user, role="viewer").pk}


def _invitation(account: Account, alice: User) -> dict[str, Any]:
    email = f"{new_id().hex}@example.com"
    return {"pk": Invitation.objects.create(account=account, email=email, digest=new_id().hex, invited_by=alice).pk}


# For routes with an id in their path: makes the thing, Alice's, and gives what `reverse` needs.
THINGS: dict[str, Callable[[Account, User], dict[str, Any]]] = {
    "api-settings-llm-named": lambda account, alice: {"name": _provider(account, alice).name},
    "api-llm-provider": lambda account, alice: {"pk": _provider(account, alice).pk},
    "api-user-llm-config": _own_key,
    "api-document": _document,
    "api-document-retry": _document,
    "api-collection": _collection,
    "api-entries": _entries,
    "api-entry": _entry,
    "api-entry-upsert": _entries,
    "api-entry-batch": _entries,
    "api-entry-by-source": _entry_by_source,
    "api-integration": _integration,
    "api-integration-search": _integration,
    "api-integration-summarise": _integration,
    "api-integration-chat": _integration,
    "api-integration-events": _integration,
    "api-integration-sessions": _integration,
    "api-integration-widget": _integration,
    "api-integration-conversation": lambda account, alice: {
        **_integration(account, alice),
        "conversation": _conversation(account, alice)["pk"],
    },
    "openai-model": lambda account, alice: {"model": _integration(account, alice)["pk"]},
    "api-conversation": _conversation,
    "api-message-stream": _answer,
    "api-conversation-messages": _conversation,
    "api-conversation-export": _conversation,
    "api-message-attachments": _message,
    "api-chat": _conversation,
    "api-chat-messages": _conversation,
    "conversation-page": _conversation,
    "conversation": _conversation,
    "conversation-rename": _conversation,
    "conversation-delete": _conversation,
    "conversation-export": _conversation,
    "visitor-conversation": _visitor_conversation,
    "visitor-conversation-delete": _visitor_conversation,
    "visitor-conversation-export": _visitor_conversation,
    "model-provider": lambda account, alice: {"pk": _provider(account, alice).pk},
    "model-provider-try": lambda account, alice: {"pk": _provider(account, alice).pk},
    "model-provider-use": lambda account, alice: {"pk": _provider(account, alice).pk},
    "model-provider-delete": lambda account, alice: {"pk": _provider(account, alice).pk},
    "model-own-key": lambda account, alice: {"pk": _provider(account, alice).pk},
    "document-page": _document,
    "document-retry": _document,
    "document-delete": _document,
    "document-file": _document,
    "collection": _entries,
    "collection-rename": _entries,
    "collection-retry": _entries,
    "entry-retry": _entry,
    "collection-delete": _entries,
    "entry-imports": _entries,
    "entry-import": _entry_import,
    "entry-import-cancel": _entry_import,
    "entry-import-refused": _entry_import,
    "entry-new": _entries,
    "entry": _entry,
    "entry-delete": _entry,
    "missing-answer": _question,
    "question-dismiss": _question,
    "question-again": _question,
    "member-role": _member,
    "member-remove": _member,
    "member-hand-over": _member,
    "invitation-revoke": _invitation,
    "invitation-resend": _invitation,
    "integration": _integration,
    "integration-delete": _integration,
    "integration-embed": _integration,
    "integration-embed-key": _integration,
    "integration-preview": _integration,
    "chatbot-key-rotate": _chatbot_key,
    "chatbot-key-revoke": _chatbot_key,
    "chatbot-key-identity": _chatbot_key,
    "words": lambda account, alice: {"version": "made-up", "language": "de"},
    "source-file": lambda account, alice: {"signed": "made-up", "filename": "a.pdf"},
    "invitation-link": lambda account, alice: {"token": "made-up"},
    "account_confirm_email": lambda account, alice: {"key": "made-up"},
    "reset-password-key": lambda account, alice: {"uidb64": "MQ", "token": "made-up"},
    "account-token-revoke": lambda account, alice: {"pk": api_tokens.create(alice, account, "Hers")[0].pk},
}

BODIES: dict[str, dict[str, Any]] = {
    "member-invite": {"email": "dana@example.com", "role": "member"},
    "member-role": {"role": "member"},
}
