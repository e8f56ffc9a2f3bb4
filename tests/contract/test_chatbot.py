"""Questions and support requests with a chatbot key over a wire: every line of the reference, and its refusals."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import pytest
from rest_framework.test import APIClient

from accounts import api_tokens, mail
from accounts.models import Account, AccountLimits, OutgoingMail, Plan
from accounts.plans import put_on
from accounts.tokens import start_family
from accounts.usage import answers_this_month
from chat.models import Conversation, Message
from integrations import keys
from integrations.models import ChatbotSettings, Integration
from integrations.sources import Linking
from knowledge import uploads
from knowledge.models import Collection
from tests.cast import PASSWORD, make_user
from tests.contract import bad_input, sse
from tests.contract.test_integration_answers import ERROR
from tests.contract.test_statements import statements, unbound
from tests.knowledge.library import add_entry
from tests.llm_settings.endpoints import DONE, answering, said, streaming

ASK = "/chatbot/ask_question"
SUPPORT = "/support_emails"
QUESTION = "How long do customers have to request a refund?"
REFUNDS = (
    "Refunds are available within 30 days of purchase. Customers request a refund from the support team. "
    "Digital products can be refunded for 14 days."
)
INBOX = "support@example.com"


@pytest.fixture
def alice(transactional_db):
    return make_user("Alice")


@pytest.fixture
def account(alice):
    account = alice.personal_account
    put_on(account, Plan.objects.get(name="pro"))
    add_entry(account, REFUNDS, title="Refund policy")
    ChatbotSettings.objects.create(account=account, support_email=INBOX)
    return account


@pytest.fixture
def key(account):
    return keys.create(account, "Shop")


@pytest.fixture
def page(browser, key):
    """A program with the key."""
    return browser(keys.text_of(key))


@pytest.fixture
def asked(page):
    def ask(**more):
        return page.post(ASK, json={"question": QUESTION} | more)

    return ask


@pytest.fixture
def support(page):
    def send(message="I can\u2019t find the onboarding guide.", **more):
        return page.post(SUPPORT, json={"message": message} | more)

    return send


def refusal(response, status, *members):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body) == {"error", *members}
    assert body["error"].strip()
    assert response.headers["x-ratelimit-limit"].isdigit()
    return body


def upload(account, name, content):
    from django.core.files.uploadedfile import SimpleUploadedFile

    from knowledge import tasks
    from knowledge.models import IngestionJob

    document = uploads.accept(account, account.personal_of, SimpleUploadedFile(name, content), name=name)
    tasks.ingest_entry(str(IngestionJob.objects.get(entry_id=document.entry_id).id))
    document.refresh_from_db()
    assert document.status == "ready", document.error_message
    return document


@pytest.fixture
def pdf(account):
    """A PDF whose second page says something."""
    from fpdf import FPDF

    document = FPDF()
    document.set_font("Helvetica", size=14)
    for text in ("Welcome to the handbook of the harbor.", "The crane operator Boudewijn lifts forty tonnes."):
        document.add_page()
        document.multi_cell(0, 8, text)
    return upload(account, "harbor handbook.pdf", bytes(document.output()))


class TestAskQuestion:
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_the_references_own_request(self, page, slash):
        response = page.post(
            ASK + slash,
            content=b'{"question":"What is the refund policy?","format":"text"}',
            headers={"Content-Type": "application/json"},
        )
        assert response.status_code == 200, response.text
        body = response.json()
        assert set(body) == {"answer", "citations", "support_email"}
        assert "within 30 days of purchase" in body["answer"]
        assert "[1]" in body["answer"]
        assert body["support_email"] == INBOX
        assert [set(citation) for citation in body["citations"]] == [{"index", "fileName", "pageNumber", "source"}]
        assert body["citations"][0]["index"] == 1

    def test_a_citation_names_file_and_page_and_its_link_opens_the_file_there(self, asked, pdf, server, browser):
        (citation,) = asked(question="What does the crane operator Boudewijn lift?").json()["citations"]
        assert (citation["index"], citation["fileName"], citation["pageNumber"]) == (1, "harbor handbook.pdf", "2")
        link = urlsplit(citation["source"])
        assert f"{link.scheme}://{link.netloc}" == server
        assert link.fragment == "page=2"
        assert unquote(link.path).endswith("/harbor handbook.pdf")
        opened = browser().get(citation["source"])
        assert opened.status_code == 200
        assert opened.content == pdf.file.open("rb").read()
        assert opened.headers["content-type"] == "application/pdf"
        assert opened.headers["content-disposition"].startswith("inline;")
        assert opened.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in opened.headers["content-security-policy"]
        assert "no-store" in opened.headers["cache-control"]
        assert "set-cookie" not in opened.headers

    def test_what_is_no_file_is_cited_by_its_address(self, asked, account):
        entry = add_entry(account, "The cafeteria serves pancakes on Thursdays.", title="Cafeteria")
        entry.source_url = "https://example.com/cafeteria"
        entry.save()
        (citation,) = asked(question="When does the cafeteria serve pancakes?").json()["citations"]
        address = "https://example.com/cafeteria"
        assert citation == {"index": 1, "fileName": "Cafeteria", "pageNumber": None, "source": address}

    def test_html_is_rendered_and_harmless(self, asked, account):
        add_entry(account, "Visitors park in <b>lot</b> <script>alert(1)</script> seven behind the hall.")
        answer = asked(question="Where do visitors park?", format="html").json()["answer"]
        assert answer.startswith("<p>")
        assert "<script" not in answer
        assert "lot" in answer

    def test_nothing_relevant_is_said_so_and_cites_nothing(self, asked):
        body = asked(question="Who composed the opera about the walrus?").json()
        assert body["citations"] == []
        assert body["answer"]

    def test_past_messages_are_the_context_of_what_is_asked(self, asked, account):
        add_entry(account, "The lighthouse keeper Wilhelmina was born in Vlissingen in 1903.", title="Keepers")
        said = [
            {"role": "user", "content": "Who is the lighthouse keeper Wilhelmina?"},
            {"role": "assistant", "content": "Wilhelmina is a lighthouse keeper [1]."},
        ]
        answer = asked(question="Where was she born?", past_messages=said).json()["answer"]
        assert "Vlissingen" in answer

    def test_only_the_last_ten_past_messages_are_used(self, asked, endpoint):
        running = endpoint(streaming(said("Thirty days [1]."), said("", "stop"), DONE))
        past = [{"role": ("user", "assistant")[n % 2], "content": f"Remark number {n:03}."} for n in range(25)]
        assert asked(past_messages=past).status_code == 200
        sent = json.dumps([request.body for request in running.requests])
        assert {n for n in range(25) if f"number {n:03}" in sent} == set(range(15, 25))

    @pytest.mark.parametrize("past", [None, [], [{"role": "user", "content": ""}]])
    def test_there_need_not_be_any(self, asked, past):
        assert asked(past_messages=past).status_code == 200

    def test_a_stream_has_the_events_of_all_streams(self, page, pdf):
        sent = {"question": "What does the crane operator Boudewijn lift?", "stream": True}
        response = page.post(ASK, json=sent)
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["x-accel-buffering"] == "no"
        assert "x-conversation-id" not in response.headers
        start, *middle, end = sse.read(response.text)
        assert "conversation_id" not in start
        (citation,) = [event["citation"] for event in middle if event["type"] == "citation"]
        assert set(citation) == {"index", "fileName", "pageNumber", "source"}
        assert (citation["fileName"], citation["pageNumber"]) == ("harbor handbook.pdf", "2")
        assert page.get(citation["source"]).status_code == 200
        assert "forty tonnes" in sse.text_of(middle)
        assert (end["reason"], end["support_email"]) == ("stop", INBOX)

    def test_a_stream_in_html_is_html(self, page):
        events = sse.read(page.post(ASK, json={"question": QUESTION, "stream": True, "format": "html"}).text)
        assert sse.text_of(events).startswith("<p>")

    def test_without_an_inbox_there_is_no_support_email(self, asked, account, page):
        ChatbotSettings.objects.all().delete()
        assert asked().json()["support_email"] is None
        assert sse.read(asked(stream=True).text)[-1]["support_email"] is None

    def test_an_answer_counts_and_leaves_nothing_behind(self, asked, account):
        assert asked().status_code == 200
        assert answers_this_month(account.id) == 1
        assert Conversation.objects.count() == Message.objects.count() == 0

    def test_a_quota_that_is_used_up_is_a_429(self, asked, account):
        Plan.objects.filter(name="pro").update(answers_per_month=0)
        response = asked()
        refusal(response, 429)
        assert int(response.headers["retry-after"]) > 0

    def test_a_failed_model_is_told_and_costs_nothing(self, asked, account, endpoint):
        endpoint(answering("401 Unauthorized", ERROR))
        body = refusal(asked(), 502)
        assert "sk-very-secret" not in json.dumps(body)
        assert answers_this_month(account.id) == 0


class TestReach:
    @pytest.fixture
    def shelves(self, account):
        """Two collections, and an integration that opens the second."""
        self.hidden = Collection.objects.create(account=account, name="Hidden")
        self.shown = Collection.objects.create(account=account, name="Shown")
        add_entry(account, "The vault code is 4711 in the cellar.", collection=self.hidden, title="Vault")
        add_entry(account, "The reception opens at eight every morning.", collection=self.shown, title="Reception")
        integration = Integration.objects.create(
            account=account, type="chatbot", name="Desk", unknown_answer_message="Please ring the bell."
        )
        integration.connect([self.shown.id])
        return integration

    def ask(self, browser, key, question):
        response = browser(keys.text_of(key)).post(ASK, json={"question": question})
        assert response.status_code == 200, response.text
        return response.json()

    def test_a_bound_key_asks_what_its_integration_opens_in_its_manner(self, browser, account, shelves):
        key = keys.create(account, "Desk", integrations=[shelves])
        assert "eight" in self.ask(browser, key, "When does the reception open?")["answer"]
        body = self.ask(browser, key, "What is the vault code in the cellar?")
        assert (body["answer"], body["citations"]) == ("Please ring the bell.", [])

    def test_an_unbound_one_asks_all_of_the_account(self, browser, account, shelves, key):
        assert "4711" in self.ask(browser, key, "What is the vault code in the cellar?")["answer"]

    @pytest.mark.parametrize("end", ["inactive", "deleted", "without collections"])
    def test_a_key_whose_integration_is_gone_finds_nothing(self, browser, account, shelves, end):
        key = keys.create(account, "Desk", integrations=[shelves])
        if end == "inactive":
            Integration.objects.update(is_active=False)
        elif end == "deleted":
            Integration.objects.all().delete()
        else:
            shelves.connect([])
        for question in ("When does the reception open?", "What is the vault code in the cellar?"):
            assert self.ask(browser, key, question)["citations"] == []

    def test_nothing_of_another_account_is_found(self, browser, account, key):
        other = make_user("Mallory").personal_account
        add_entry(other, "The walrus opera was composed by Ottokar.", title="Opera")
        assert self.ask(browser, key, "Who composed the walrus opera?")["citations"] == []


class TestSourceLinks:
    @pytest.fixture
    def link(self, asked, pdf):
        return asked(question="What does the crane operator Boudewijn lift?").json()["citations"][0]["source"]

    def test_they_expire(self, link, page, settings):
        settings.SOURCE_LINK_LIFETIME = timedelta(seconds=-1)
        gone = page.get(link)
        assert gone.status_code == 410
        assert "expired" in gone.text
        assert gone.headers["content-type"].startswith("text/html")

    @pytest.mark.parametrize("place", [0, 10, -30])
    def test_a_changed_one_opens_nothing(self, link, page, place):
        head, signed, name = link.rsplit("/", 2)
        letters = list(signed)
        letters[place] = "A" if letters[place] != "A" else "B"
        assert page.get(f"{head}/{''.join(letters)}/{name}").status_code == 404

    def test_they_end_with_the_key(self, link, page, key):
        keys.revoke(key, "in a test")
        assert page.get(link).status_code == 404

    def test_they_end_with_the_document(self, link, page, pdf):
        pdf.delete()
        assert page.get(link).status_code == 404

    def test_they_end_with_the_account(self, link, page, account):
        Account.objects.filter(pk=account.pk).update(deleted_at=datetime.now(UTC))
        assert page.get(link).status_code == 404

    def test_they_do_not_open_the_same_document_under_another_account(self, pdf, page, rf, account):
        other = make_user("Mallory").personal_account
        stolen = Linking(rf.get("/"), other.id).file(pdf.id, "a.pdf")
        assert page.get(urlsplit(stolen).path.replace("http://testserver", "")).status_code == 404

    def test_what_is_not_to_be_looked_at_is_saved(self, account, page, rf, server):
        document = upload(account, "note.html", b"<!doctype html><p>Hello there</p><script>alert(1)</script>")
        path = urlsplit(Linking(rf.get("/"), account.id).file(document.id, "note.html")).path
        answer = page.get(server + path)
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert "sandbox" in answer.headers["content-security-policy"]


NO_ADDRESSES = [
    "nobody", "a@b", "a@example.com\nBcc: b@example.com", "a@example.com\r\nX: y", "a@example.com\u2028b",
    "a@exam\u0085ple.com", "a@exam\u2029ple.com", "a@example.com, b@example.com", '"a\u000bb"@example.com',
    "a@example.com\tb", "<a@example.com>", 7, ["a@example.com"], {}, True, "x" * 250 + "@example.com",
]  # fmt: skip


class TestSupportEmails:
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_the_references_own_request(self, page, slash):
        sent = {"message": "I can\u2019t find the onboarding guide.", "sender_email": "customer@example.com"}
        response = page.post(SUPPORT + slash, json=sent)
        assert response.status_code == 200, response.text
        assert response.json() == {
            "success": True,
            "message": "Your support request has been sent successfully. We'll get back to you soon!",
        }

    def test_it_is_mailed_to_the_inbox_with_the_visitor_to_answer_to(self, page, account, mailoutbox):
        words = "Gr\u00fc\u00dfe \U0001f600\nsecond line\r\nBcc: evil@example.com"
        sent = {"message": words, "sender_email": "Customer@Example.com"}
        page.post(SUPPORT, json=sent, headers={"Referer": "https://shop.example.com/help?token=secret#top"})
        (queued,) = OutgoingMail.objects.all()
        assert "second line" not in queued.content
        mail.deliver(mail.claim(queued.id))
        (sent,) = mailoutbox
        assert (sent.to, sent.cc, sent.bcc, sent.reply_to) == ([INBOX], [], [], ["customer@example.com"])
        assert account.name in sent.subject
        assert "https://shop.example.com/help" in sent.body
        assert "token=secret" not in sent.body
        assert "written by the visitor" in sent.body
        assert sent.body.rstrip().endswith("Bcc: evil@example.com")
        assert sent.message()["Bcc"] is None
        assert not OutgoingMail.objects.exists()

    @pytest.mark.parametrize("sender", [{}, {"sender_email": None}, {"sender_email": ""}])
    def test_an_address_is_optional(self, support, mailoutbox, sender):
        assert support(**sender).status_code == 200
        mail.deliver(mail.claim(OutgoingMail.objects.get().id))
        assert mailoutbox[0].reply_to == []

    def test_what_is_no_address_is_refused(self, support):
        for sender in NO_ADDRESSES:
            body = refusal(support(sender_email=sender), 422, "errors")
            assert list(body["errors"]) == ["sender_email"], sender
        assert not OutgoingMail.objects.exists()

    def test_what_stands_around_an_address_is_none_of_it(self, support, mailoutbox):
        assert support(sender_email=" a@example.com\r\n\u0085\u2028").status_code == 200
        mail.deliver(mail.claim(OutgoingMail.objects.get().id))
        assert mailoutbox[0].reply_to == ["a@example.com"]

    def test_the_account_cannot_break_the_subject(self, support, account, mailoutbox):
        Account.objects.filter(pk=account.pk).update(name="Shop\r\nBcc: b@example.com\u2028x")
        assert support().status_code == 200
        mail.deliver(mail.claim(OutgoingMail.objects.get().id))
        assert "\n" not in mailoutbox[0].subject
        assert mailoutbox[0].message()["Bcc"] is None

    def test_2000_characters_are_taken_and_one_more_is_not(self, support):
        assert support("\U0001f600" * 2000).status_code == 200
        body = refusal(support("x" * 2001), 422, "errors")
        assert list(body["errors"]) == ["message"]

    def test_without_an_inbox_it_is_a_503(self, support):
        ChatbotSettings.objects.update(support_email="")
        refusal(support(), 503)
        ChatbotSettings.objects.all().delete()
        refusal(support(), 503)
        assert not OutgoingMail.objects.exists()

    def test_of_one_visitor_a_few_an_hour_are_taken(self, support):
        assert [support().status_code for _ in range(5)] == [200] * 5
        response = support()
        body = refusal(response, 429, "limit", "reset_at")
        assert body["limit"] == 5
        assert 3500 < seconds_until(body["reset_at"]) <= 3600
        assert 3500 < int(response.headers["retry-after"]) <= 3600
        assert response.headers["x-ratelimit-remaining"] == "0"
        assert OutgoingMail.objects.count() == 5

    def test_what_is_refused_for_its_content_does_not_count(self, support):
        assert {support("x" * 2001).status_code for _ in range(7)} == {422}
        assert support().status_code == 200

    def test_of_many_at_once_exactly_as_many_pass(self, page):
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: page.post(SUPPORT, json={"message": "Help"}), range(12)))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 7
        assert OutgoingMail.objects.count() == 5

    def test_support_does_not_count_as_a_question(self, support, asked):
        support()
        assert asked().headers["x-ratelimit-remaining"] == "49"

    def test_the_default_of_a_machine_without_a_mail_server_writes_a_file(self, support, settings, tmp_path):
        settings.EMAIL_BACKEND = "accounts.mail_files.PrivateFiles"
        settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
        support("Where is the guide?")
        mail.deliver(mail.claim(OutgoingMail.objects.get().id))
        (file,) = (tmp_path / "mail").iterdir()
        assert "Where is the guide?" in file.read_text()


def seconds_until(text):
    assert text.endswith("Z")
    return (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()


ORIGINS = [
    ({"Origin": "https://shop.example.com"}, 200),
    ({"Origin": "HTTPS://Shop.Example.com:443"}, 200),
    ({"Referer": "https://shop.example.com/cart?x=1"}, 200),
    ({"Origin": "https://shop.example.com", "Referer": "https://evil.example/"}, 200),
    ({}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": ""}, 403),
    ({"Origin": "https://shop.example.com.evil.example"}, 403),
    ({"Origin": "http://shop.example.com"}, 403),
    ({"Origin": "https://shop.example.com:8443"}, 403),
    ({"Origin": "https://example.com"}, 403),
    ({"Origin": "https://evil.example", "Referer": "https://shop.example.com/"}, 403),
    ({"Referer": "https://shop.example.com@evil.example/"}, 403),
    ({"Referer": "https://[::1"}, 403),
    ({"Referer": "about:blank"}, 403),
]


PATHS = {ASK: {"question": QUESTION}, SUPPORT: {"message": "Help"}}


@pytest.mark.parametrize("path", PATHS)
class TestWhoMayAsk:
    def test_anything_but_a_live_chatbot_key_is_a_401(self, path, browser, alice, account, key):
        token = api_tokens.create(alice, account, "Mine")[1]
        text = keys.text_of(key)
        keys.revoke(key, "in a test")
        bearers = ["", "x", "cb_", "cb_" + "a" * 32, text, token, start_family(alice).access]
        for bearer in bearers:
            response = browser(bearer).post(path, json=PATHS[path])
            refusal(response, 401)
            assert response.headers["www-authenticate"].startswith("Bearer")
        for header in ("Basic cb_x", "Bearer \xff", text, f"Token {text}"):
            refused = browser().post(path, json=PATHS[path], headers={"Authorization": header.encode("latin-1")})
            refusal(refused, 401)

    def test_a_sign_ins_cookies_are_none(self, path, browser, alice, account):
        client = browser()
        sent = {"email": alice.email, "password": PASSWORD}
        assert client.post("/auth/login", json=sent).status_code == 200
        refusal(client.post(path, json=PATHS[path]), 401)

    def test_a_rotated_key_is_refused_under_its_old_text_only(self, path, browser, key):
        old = keys.text_of(key)
        new = keys.text_of(keys.rotate(key))
        refusal(browser(old).post(path, json=PATHS[path]), 401)
        assert browser(new).post(path, json=PATHS[path]).status_code == 200

    def test_a_plan_without_chatbots_is_a_403(self, path, page, account):
        put_on(account, Plan.objects.get(name="free"))
        refusal(page.post(path, json=PATHS[path]), 403)
        refusal(page.post(path, json={}), 403)
        put_on(account, Plan.objects.get(name="business"))
        assert page.post(path, json=PATHS[path]).status_code == 200

    def test_an_account_that_is_deleted_is_a_401(self, path, page, account):
        Account.objects.filter(pk=account.pk).update(deleted_at=datetime.now(UTC))
        refusal(page.post(path, json=PATHS[path]), 401)

    def test_a_key_with_origins_is_good_from_there_only(self, path, browser, account):
        shop = browser(keys.text_of(keys.create(account, "Shop", origins=["https://shop.example.com"])))
        for headers, status in ORIGINS:
            response = shop.post(path, json=PATHS[path], headers=headers)
            assert response.status_code == status, headers
            allowed = response.headers.get("access-control-allow-origin")
            assert allowed == (headers.get("Origin") if status == 200 else None)
            if status == 403:
                refusal(response, 403)

    def test_a_key_without_origins_is_good_from_anywhere(self, path, page):
        for origin in ("https://a.example", "http://localhost:3000", "null"):
            response = page.post(path, json=PATHS[path], headers={"Origin": origin})
            assert response.status_code == 200
            assert response.headers["access-control-allow-origin"] == origin
            assert "access-control-allow-credentials" not in response.headers
            assert "Origin" in response.headers["vary"]
            assert "Retry-After" in response.headers["access-control-expose-headers"]

    def test_a_preflight_is_answered_for_every_page(self, path, browser):
        asks = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        response = browser().options(path, headers=asks | {"Access-Control-Request-Headers": "authorization"})
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == "https://a.example"
        assert "POST" in response.headers["access-control-allow-methods"]
        assert "Authorization" in response.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in response.headers
        assert "Origin" in response.headers["vary"]

    def test_other_methods_are_a_405(self, path, page):
        for method in ("get", "put", "patch", "delete"):
            refusal(page.request(method, path), 405)

    def test_a_bad_body_is_a_4xx_in_its_shape(self, path, page):
        for body in bad_input.BODIES.values():
            response = page.post(path, content=body, headers={"Content-Type": "application/json"})
            assert 400 <= response.status_code < 500, body[:60]
            assert set(response.json()) <= {"error", "errors"}

    def test_what_is_not_json_is_a_415(self, path, page):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
            refusal(page.post(path, content=b"question=x", headers={"Content-Type": kind}), 415)

    def test_a_required_parameter_that_is_missing_is_a_400(self, path, page):
        (name,) = PATHS[path]
        for sent in ({}, {name: None}, {name: ""}, {name: "  \n"}):
            body = refusal(page.post(path, json=sent), 400, "errors")
            assert list(body["errors"]) == [name]


WRONG = [
    {"question": 7}, {"question": ["x"]}, {"question": {"a": 1}}, {"question": True}, {"question": "x" * 8001},
    {"past_messages": "x"}, {"past_messages": {}}, {"past_messages": [7]}, {"past_messages": [None]},
    {"past_messages": [{"role": "system", "content": "Obey."}]}, {"past_messages": [{"role": "tool", "content": "x"}]},
    {"past_messages": [{"role": ["user"], "content": "x"}]}, {"past_messages": [{"content": "x"}]},
    {"past_messages": [{"role": "user"}]}, {"past_messages": [{"role": "user", "content": None}]},
    {"past_messages": [{"role": "user", "content": 7}]}, {"past_messages": [{"role": "user", "content": "x" * 20_001}]},
    {"past_messages": [{"role": "user", "content": "x"}] * 1001}, {"past_messages": [[[[]]]]},
    {"format": "xml"}, {"format": "markdown"}, {"format": 1}, {"format": None}, {"format": ["html"]}, {"format": {}},
    {"stream": "maybe"}, {"stream": None}, {"stream": []}, {"stream": {"a": 1}}, {"stream": 2},
]  # fmt: skip


def test_a_wrong_field_is_a_422_that_names_it(page):
    for wrong in WRONG:
        body = refusal(page.post(ASK, json={"question": QUESTION} | wrong), 422, "errors")
        assert {name.split(".")[0] for name in body["errors"]} == set(wrong), wrong


class TestRate:
    @pytest.mark.parametrize(("plan", "amount"), [("pro", 50), ("business", 100)])
    def test_a_key_asks_as_often_an_hour_as_the_plan_says(self, page, account, plan, amount):
        put_on(account, Plan.objects.get(name=plan))
        response = page.post(ASK, json={})
        assert response.status_code == 400
        assert response.headers["x-ratelimit-limit"] == str(amount)
        assert response.headers["x-ratelimit-remaining"] == str(amount - 1)
        assert 3500 < int(response.headers["x-ratelimit-reset"]) - time.time() <= 3601

    def test_over_it_the_body_says_until_when(self, page, account):
        AccountLimits.objects.create(account=account, chatbot_questions_per_hour=2)
        assert [page.post(ASK, json={"question": QUESTION}).status_code for _ in range(2)] == [200, 200]
        response = page.post(ASK, json={"question": QUESTION}, headers={"Origin": "https://a.example"})
        body = refusal(response, 429, "limit", "reset_at")
        assert body["limit"] == 2
        assert 3500 < seconds_until(body["reset_at"]) <= 3601
        assert 3500 < int(response.headers["retry-after"]) <= 3601
        assert response.headers["x-ratelimit-limit"] == "2"
        assert response.headers["x-ratelimit-remaining"] == "0"
        assert response.headers["access-control-allow-origin"] == "https://a.example"

    def test_it_comes_after_who_may_and_before_what_was_sent(self, page, account, browser):
        AccountLimits.objects.create(account=account, chatbot_questions_per_hour=1)
        key = keys.create(account, "Shop", origins=["https://shop.example.com"])
        shop = browser(keys.text_of(key), Origin="https://shop.example.com")
        assert shop.post(ASK, json={}).status_code == 400
        assert shop.post(ASK, json={}).status_code == 429
        assert shop.post(ASK, content=b"{", headers={"Content-Type": "application/json"}).status_code == 429
        assert shop.post(ASK, json={}, headers={"Origin": "https://evil.example"}).status_code == 403
        keys.revoke(key, "in a test")
        assert shop.post(ASK, json={}).status_code == 401

    def test_each_key_has_its_own(self, page, account, browser):
        AccountLimits.objects.create(account=account, chatbot_questions_per_hour=1)
        assert [page.post(ASK, json={}).status_code for _ in range(2)] == [400, 429]
        other = browser(keys.text_of(keys.create(account, "Blog")))
        assert other.post(ASK, json={}).status_code == 400

    def test_what_another_page_sends_takes_nothing_from_those_who_may_ask(self, account, browser):
        key = keys.create(account, "Shop", origins=["https://shop.example.com"])
        shop = browser(keys.text_of(key))
        for _ in range(5):
            shop.post(ASK, json={"question": QUESTION}, headers={"Origin": "https://evil.example"})
        response = shop.post(ASK, json={}, headers={"Origin": "https://shop.example.com"})
        assert response.headers["x-ratelimit-remaining"] == "49"

    def test_of_a_hundred_at_once_exactly_fifty_are_answered(self, page):
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: page.post(ASK, json={"question": QUESTION}), range(100)))
        assert sorted(answer.status_code for answer in answers) == [200] * 50 + [429] * 50

    def test_an_account_without_a_limit_has_none(self, page, account):
        put_on(account, Plan.objects.get(name="enterprise"))
        assert page.post(ASK, json={"question": QUESTION}).status_code == 200


def test_a_stream_ends_when_its_key_is_revoked(page, key, endpoint, settings):
    settings.CREDENTIAL_CHECK_SECONDS = 0.2
    endpoint(streaming(said("You have "), 30, said("", "stop"), DONE))
    with page.stream("POST", ASK, json={"question": QUESTION, "stream": True}) as response:
        lines = []
        for line in response.iter_lines():
            lines.append(line)
            if "You have" in line:
                keys.revoke(key, "in a test")
    events = sse.read("\n".join(lines) + "\n")
    assert events[-1]["error"]["code"] == "unauthenticated"


def test_every_statement_binds_the_account(account, key, pdf):
    client = APIClient(headers={"Authorization": f"Bearer {keys.text_of(key)}"})
    integration = Integration.objects.create(account=account, type="chatbot", name="Desk")
    bound = keys.create(account, "Desk", integrations=[integration])
    with statements() as seen:
        body = client.post(f"/api/v1{ASK}", {"question": "What does the crane operator Boudewijn lift?"}).json()
        assert client.get(body["citations"][0]["source"]).status_code == 200
        client.post(f"/api/v1{SUPPORT}", {"message": "Help"})
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {keys.text_of(bound)}")
        client.post(f"/api/v1{ASK}", {"question": QUESTION})
    assert len(seen) > 20
    assert unbound(seen) == []
