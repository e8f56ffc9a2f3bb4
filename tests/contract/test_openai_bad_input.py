"""Bad input of every kind at the door for OpenAI's clients, refused in the shape that they know."""

from __future__ import annotations

import re

import pytest

from integrations.openai_door import views
from tests.contract.bad_input import BODIES, send
from tests.contract.openai_door import ASKED, COMPLETIONS, MODELS, PATHS, SAID, refused

pytestmark = pytest.mark.django_db
WRONG = [
    7,
    -1,
    1.5,
    True,
    "",
    "x",
    "nan",
    "x" * 100_000,
    [],
    ["x"],
    [None],
    {},
    {"$ne": ""},
    {"type": ["text"]},
    [[[]]],
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_bad_bodies(as_alice, body, slash):
    assert refused(send(as_alice, "post", COMPLETIONS + slash, BODIES[body]), 400)["code"] == "invalid_request"


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x"])
def test_another_content_type(as_alice, content_type):
    response = send(as_alice, "post", COMPLETIONS, b"some text", content_type)
    assert refused(response, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_another_method(as_alice, path, method):
    if method != PATHS[path]:
        response = getattr(as_alice, method)(path)
        assert refused(response, 405)["code"] == "method_not_allowed"
        assert response["Allow"]


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/embeddings", "/v1/models/a/b", "/v1/chat", "/v1/%00", "/v1/\xff"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_path(as_alice, path, method):
    assert refused(getattr(as_alice, method)(path), 404)["code"] == "not_found"


@pytest.mark.parametrize("path", PATHS)
def test_nobody(anonymous, path):
    response = getattr(anonymous, PATHS[path])(path)
    assert refused(response, 401)["code"] == "invalid_api_key"
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("model", ["x", "integration:x", "integration:", "{}", "0" * 32, "a" * 5000, "%00", "\u202e"])
def test_an_unknown_model(as_alice, model):
    assert refused(as_alice.get(f"{MODELS}/{model}"), 404)["code"] == "model_not_found"


@pytest.mark.parametrize(
    "field",
    [
        "model", "messages", "stream", "stream_options", "temperature", "max_tokens", "max_completion_tokens", "n",
        "stop", "response_format", "tool_choice", "function_call",
    ],
)  # fmt: skip
def test_wrong_values_never_crash(as_alice, field):
    for wrong in WRONG:
        # An unknown model, so that what is right answers nothing.
        response = as_alice.post(COMPLETIONS, {**ASKED, "model": "x", field: wrong})
        error = refused(response, 400, 404)
        assert re.match(r"\w*", error["param"])[0] == (field if response.status_code == 400 else "model"), wrong


@pytest.mark.parametrize("place", ["message", "role", "content", "part", "type", "text"])
def test_wrong_messages_never_crash(as_alice, place):
    for wrong in WRONG:
        part = {"type": "text", "text": "When?"} | ({place: wrong} if place in ("type", "text") else {})
        message = {"role": "user", "content": [wrong if place == "part" else part]}
        message |= {place: wrong} if place in ("role", "content") else {}
        sent = {"model": "x", "messages": [wrong if place == "message" else message]}
        error = refused(as_alice.post(COMPLETIONS, sent), 400, 404)
        assert error["param"].startswith(("messages", "model")), wrong


@pytest.mark.parametrize("wrong", [7, None, "x", [{}], {"a": [1]}])
def test_what_has_no_effect_is_not_even_looked_at(as_alice, wrong):
    names = ("top_p", "seed", "user", "metadata", "tools", "functions", "logit_bias", "store", "of_nobody")
    response = as_alice.post(COMPLETIONS, {**ASKED, "model": "x"} | dict.fromkeys(names, wrong))
    assert refused(response, 404)["code"] == "model_not_found"


def test_more_than_a_thousand_messages(as_alice):
    response = as_alice.post(COMPLETIONS, {**ASKED, "messages": SAID * 1_001})
    assert refused(response, 400)["param"] == "messages"


def test_a_crash(as_alice, monkeypatch):
    monkeypatch.setattr(views, "offered", lambda account: 1 / 0)
    error = refused(as_alice.get(MODELS), 500)
    assert (error["type"], error["code"]) == ("server_error", "server_error")
