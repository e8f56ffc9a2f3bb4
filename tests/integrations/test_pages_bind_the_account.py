"""Every statement of the pages about conversations and insights binds the account."""

from __future__ import annotations

import pytest

from chat.models import AskedQuestion, Conversation, Message
from integrations.models import Integration, IntegrationEvent
from tests.contract.test_statements import statements, unbound


@pytest.mark.django_db(transaction=True)
def test_conversations_and_insights_bind_the_account(page, account, alice):
    site = Integration.objects.create(account=account, type="chatbot", name="Site")
    of_visitor = Conversation.objects.create(account=account, integration_id=site.id, visitor="v", title="When?")
    own = Conversation.objects.create(account=account, user=alice, title="When?")
    for made in (own, of_visitor):
        reply = Message.objects.create(account=account, conversation=made, role="assistant", content="At nine.")
    event = {"account": account, "integration": site, "meta": {"message_id": str(reply.id)}}
    IntegrationEvent.objects.create(**event, event_type="thumbs_down")
    question = AskedQuestion.objects.create(account=account, text="When?", asked="when", outcome="unanswered")
    with statements() as seen:
        for whose, made in (("", own), ("/visitors", of_visitor)):
            for query in ("", "?q=nine", "?q=when&days=7&answered=yes", "?thumb=thumbs_down"):
                assert page(f"/conversations{whose}{query}")[0].status_code == 200
            page(f"/conversations{whose}/{made.id}")
            page(f"/conversations{whose}/{made.id}/export?format=json")
            page(f"/conversations{whose}/several", {"do": "export", "id": [str(made.id)]})
            page(f"/conversations{whose}/{made.id}/rename", {"title": "New"})
            page(f"/conversations{whose}/several", {"do": "delete", "id": [str(made.id)]})
        for path in (
            "",
            f"?integration={site.id}",
            "?integration=none",
            "/download?what=days",
            "/download?what=clicked",
        ):
            assert page(f"/insights{path}")[0].status_code == 200
        page(f"/insights/questions/{question.id}")
    assert len(seen) > 60
    assert unbound(seen) == []
