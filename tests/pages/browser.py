"""A real browser against a real server: the platform's own ASGI application on a port of this machine."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn
from django.db import connection
from playwright.sync_api import Browser, Page, sync_playwright

from doculume.asgi import application
from knowledge import tasks
from tests.cast import PASSWORD

CHROMIUM = os.environ.get("DOCULUME_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
FLAGS = [*QUIET.split(), "--disable-sync", "--no-sandbox"]


@contextmanager
def serving() -> Iterator[str]:
    """The platform's address, for as long as the block runs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@contextmanager
def working(monkeypatch) -> Iterator[None]:
    """A worker: what is hinted at is ingested in a thread of its own, one at a time."""

    def work(job_id: str) -> None:
        try:
            tasks.ingest_entry(job_id)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(tasks.ingest_entry, "apply_async", lambda args, **_: pool.submit(work, *args))
        yield


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, forgiven: str = "") -> Iterator[Callable[..., Visit]]:
    """Makes visits to the platform. At the end nothing went wrong on any page of theirs, but for troubles with the
    words that are `forgiven`, and none fetched anything from elsewhere."""
    visits: list[Visit] = []
    with serving() as address:

        def make(**options) -> Visit:
            visits.append(Visit(browser, address, **options))
            return visits[-1]

        yield make
        for one in visits:
            one.context.close()
    troubles = [text for one in visits for text in one.troubles if not forgiven or forgiven not in text]
    foreign = [url for one in visits for url in one.foreign]
    assert troubles == [], troubles
    assert foreign == [], foreign


class Visit:
    """A page of a signed-in user, and what went wrong on it."""

    def __init__(self, browser: Browser, address: str, **options) -> None:
        self.address = address
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
        self.troubles: list[str] = []
        self.foreign: list[str] = []
        self.context.on("page", self._watch)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda line: self.troubles.append(line.text) if line.type in ("error", "warning") else None)
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.foreign.append(url)

    def sign_in(self, user) -> Page:
        self.page.goto(f"{self.address}/sign-in")
        self.page.get_by_label("Email").fill(user.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.locator("#first-steps").wait_for()
        return self.page

    def ask(self, text: str):
        """Ask, wait for the end, and give the answer's element."""
        answers = self.page.locator(".from-assistant")
        before = answers.count()
        self.page.get_by_label("Your question").fill(text)
        self.page.keyboard.press("Enter")
        # Not for the button that stops: an answer may be over before it can be seen.
        answers.nth(before).wait_for()
        self.page.locator("#send").wait_for()
        return answers.last
