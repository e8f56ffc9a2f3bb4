"""The side column: what there is, in the product's words, of which everybody sees what they may."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# Icons are names of Material Symbols, which unfold brings along.
GROUPS: list[tuple[str, list[tuple[str, str, str]]]] = [
    (
        "People and accounts",
        [
            ("accounts.user", "People", "person"),
            ("accounts.account", "Accounts", "apartment"),
            ("accounts.membership", "Memberships", "group"),
            ("accounts.invitation", "Invitations", "mail"),
            ("accounts.plan", "Plans", "sell"),
            ("auth.group", "Staff groups", "badge"),
            ("accounts.tokenfamily", "Sign-ins of programs", "terminal"),
            ("usersessions.usersession", "Sign-ins of browsers", "devices"),
            ("mfa.authenticator", "Second factors", "lock"),
            ("account.emailaddress", "E-mail addresses", "alternate_email"),
            ("socialaccount.socialaccount", "Foreign sign-ins", "link"),
            ("accounts.apitoken", "API tokens", "key"),
        ],
    ),
    (
        "Knowledge",
        [
            ("knowledge.collection", "Collections", "folder"),
            ("knowledge.document", "Documents", "description"),
            ("knowledge.entry", "Entries", "article"),
            ("knowledge.chunk", "Chunks", "segment"),
            ("knowledge.ingestionjob", "Ingestion jobs", "pending_actions"),
            ("knowledge.entryimport", "Imports", "upload_file"),
            ("knowledge.goldenquestion", "Golden questions", "help"),
            ("knowledge.evaluationrun", "Evaluations", "query_stats"),
        ],
    ),
    (
        "Conversations",
        [
            ("chat.conversation", "Conversations", "forum"),
            ("chat.message", "Messages", "chat"),
        ],
    ),
    (
        "Integrations",
        [
            ("integrations.integration", "Integrations", "power"),
            ("integrations.chatbotkey", "Chatbot keys", "vpn_key"),
            ("integrations.chatbotsettings", "Support addresses", "support"),
            ("integrations.integrationevent", "Events", "ads_click"),
        ],
    ),
    (
        "Models",
        [
            ("llm_settings.embeddingmodel", "Embedding models", "hub"),
            ("knowledge.reindexing", "Moves between models", "sync_alt"),
            ("llm_settings.llmprovider", "Providers", "smart_toy"),
            ("llm_settings.userllmconfig", "Keys of users", "key_vertical"),
        ],
    ),
    (
        "Operations",
        [
            ("accounts.sitesettings", "Settings", "settings"),
            ("accounts.auditevent", "Audit", "history"),
            ("accounts.outgoingmail", "Outgoing mail", "outbox"),
        ],
    ),
]


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """As unfold wants its navigation."""
    shown: list[dict[str, Any]] = [
        {"title": title, "items": [item for line in lines if (item := _item(request, *line))]}
        for title, lines in GROUPS
    ]
    if may_see_system(request):
        shown[-1]["items"].insert(0, _link("System", reverse("admin:system"), "monitor_heart"))
    shown.insert(0, {"title": "", "items": [_link("Overview", reverse("admin:index"), "home")]})
    return [group for group in shown if group["items"]]


def own_links(request: HttpRequest) -> list[dict[str, Any]]:
    return [{"title": "Security", "link": reverse("account-security")}]


def may_see_system(request: HttpRequest) -> bool:
    """It tells about the machine and all accounts together: for who may see what holds for the whole deployment."""
    return request.user.has_perm("accounts.view_sitesettings") or may_mend_system(request)


def may_mend_system(request: HttpRequest) -> bool:
    return request.user.has_perm("accounts.change_sitesettings")


def _item(request: HttpRequest, label: str, title: str, icon: str) -> dict[str, Any] | None:
    registered = admin.site._registry.get(apps.get_model(label))
    if registered is None or not registered.has_module_permission(request):
        return None
    if not registered.has_view_or_change_permission(request):
        return None
    return _link(title, reverse(f"admin:{label.replace('.', '_')}_changelist"), icon)


def _link(title: str, link: str, icon: str) -> dict[str, Any]:
    return {"title": title, "link": link, "icon": icon, "permission": None}
