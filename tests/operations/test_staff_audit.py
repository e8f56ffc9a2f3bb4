"""What staff do in the admin is written down."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import ApiToken, AuditEvent
from chat.models import Conversation, Message

pytestmark = pytest.mark.django_db


def test_each_opening_of_a_conversation_is_written_down(filled, root, account):
    conversation, message = Conversation.objects.first(), Message.objects.first()
    root.get(reverse("admin:chat_conversation_changelist"))
    root.get(reverse("admin:chat_message_changelist"))
    assert not AuditEvent.objects.filter(action="conversation_read").exists()
    root.get(reverse("admin:chat_conversation_change", args=[conversation.pk]))
    root.get(reverse("admin:chat_message_change", args=[message.pk]))
    read = list(AuditEvent.objects.filter(action="conversation_read"))
    assert {event.target for event in read} == {f"conversation {conversation.pk}"}
    assert [(event.actor, event.account) for event in read] == [("root@example.com", account)] * 2


def test_lists_show_nothing_of_what_was_said(filled, root):
    message = Message.objects.exclude(content="").first()
    shown = root.get(reverse("admin:chat_message_changelist")).content.decode()
    assert message.content not in shown


@pytest.mark.parametrize("how", ["one", "many"])
def test_an_api_token_that_is_deleted_is_written_down_as_revoked(filled, root, how):
    token = ApiToken.objects.first()
    if how == "one":
        root.post(reverse("admin:accounts_apitoken_delete", args=[token.pk]), {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [str(token.pk)], "post": "yes"}
        root.post(reverse("admin:accounts_apitoken_changelist"), chosen)
    assert not ApiToken.objects.filter(pk=token.pk).exists()
    event = AuditEvent.objects.get(action="api_token_revoked")
    assert (event.actor, event.details["because"]) == ("root@example.com", "deleted by staff")
