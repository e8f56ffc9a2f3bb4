"""The whole platform with the small model behind it, and one person's words to it over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.contract.sse import read, text_of
from tests.doculume.conftest import data_folder
from tests.doculume.test_platform import Run, free_port
from tests.llm.small_model import Endpoint

PASSWORD = "Quiet-harbor-31-lamps"
# A model on a busy machine reads fifty tokens a second.
PATIENCE = 420.0
SIGNED_IN = 300.0


@dataclass
class Answer:
    """What a stream said. `events`: as `tests.contract.sse` reads them."""

    question: str
    events: list[dict[str, Any]]
    seconds: float

    @property
    def text(self) -> str:
        return text_of(self.events)

    @property
    def deltas(self) -> int:
        return sum(event["type"] == "text_delta" for event in self.events)

    @property
    def end(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def files(self) -> set[str]:
        """The names of the documents that it cites."""
        return {event["citation"]["fileName"] for event in self.events if event["type"] == "citation"}

    @property
    def conversation(self) -> str:
        return self.events[0]["conversation_id"]

    @property
    def tokens_a_second(self) -> float:
        timings = self.end["timings"]
        seconds = (timings["total"] - timings["first_token"]) / 1000
        return (self.end["usage"]["completion_tokens"] - 1) / seconds if seconds > 0 else 0.0


@dataclass
class Person:
    """Someone who signed in at the platform, and what they were answered."""

    run: Run
    email: str
    answers: list[Answer] = field(default_factory=list)
    token: str = ""
    signed_in: float = -SIGNED_IN

    def client(self) -> httpx2.Client:
        """Signed in anew now and then: a token lives no longer than some answers take together."""
        if time.monotonic() - self.signed_in > SIGNED_IN:
            self._sign_in()
        bearer = {"Authorization": f"Bearer {self.token}"}
        return httpx2.Client(base_url=f"{self.run.url}/api/v1", headers=bearer, timeout=PATIENCE, trust_env=False)

    def _sign_in(self) -> None:
        sent = {"email": self.email, "password": PASSWORD}
        answer = httpx2.post(f"{self.run.url}/api/v1/auth/login", json=sent, timeout=60, trust_env=False)
        assert answer.status_code == 200, answer.text
        self.token, self.signed_in = answer.json()["access_token"], time.monotonic()

    def call(self, method: str, path: str, **sent: Any) -> Any:
        with self.client() as client:
            answer = client.request(method, path, **sent)
        assert answer.status_code < 400, answer.text
        return answer.json()

    def ask(self, question: str, **sent: Any) -> Answer:
        began = time.monotonic()
        body = {"question": question, "stream": True, "temperature": 0, "max_tokens": 80, "top_k": 3} | sent
        with self.client() as client:
            events = read(client.post("/chat/ask", json=body).text)
        self.answers.append(Answer(question, events, time.monotonic() - began))
        return self.answers[-1]

    def upload(self, folder: Path) -> None:
        """Every file of the folder, and waits until they can be found."""
        for path in sorted(folder.iterdir()):
            self.call("POST", "/documents/upload", files={"file": (path.name, path.read_bytes())})
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            found = self.call("GET", "/documents/")
            if {one["status"] for one in found["items"]} <= {"ready", "failed"}:
                break
            time.sleep(3)
        assert {one["status"] for one in found["items"]} == {"ready"}, json.dumps(found)

    def messages(self, conversation: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/chat/conversations/{conversation}")["messages"]
        return found


@contextmanager
def platform(endpoint: Endpoint) -> Iterator[Person]:
    """The product, started as a person does, with that endpoint for the model of a newly registered one's account."""
    with data_folder() as folder:
        run = Run(
            folder,
            free_port(),
            DOCULUME_PRIVATE_HOSTS=endpoint.host,
            DOCULUME_REWRITE_SECONDS="120",
            DOCULUME_LLM_BASE_URL="",
        )
        try:
            run.until_ready()
            person = Person(run, "reader@example.org")
            sent = {"email": person.email, "password": PASSWORD, "full_name": "A Reader"}
            registered = httpx2.post(f"{run.url}/api/v1/auth/register", json=sent, timeout=60, trust_env=False)
            assert registered.status_code == 201, registered.text
            yield person
        finally:
            run.interrupt() if run.process.poll() is None else None
