"""A follow-up is searched for with what it refers to: rewritten by a model, or with the questions before it."""

from __future__ import annotations

import time

import pytest
from asgiref.sync import async_to_sync

from chat.follow_ups import leans, rewritten, usable, with_context
from llm_settings.providers.openai import OpenAIChatModel
from tests.llm_settings.endpoints import DONE, answering, said, serving, streaming

HISTORY = [
    {"role": "user", "content": "How long is the warranty of the Aurora heater?"},
    {"role": "assistant", "content": "42 months. [1]"},
]


@pytest.mark.parametrize(
    "question",
    ["And the Borealis?", "How often must it be cleaned?", "Why?", "What about cleaning?", "Wie lange hält er davon?",
     "¿Cuánto cuesta eso en total para una casa?", "它的价格是多少呢？", "Combien coûtent celles de la maison ?"],
)  # fmt: skip
def test_questions_that_lean(question):
    assert leans(question)


@pytest.mark.parametrize(
    "question",
    ["How long is the warranty of the Borealis heater?", "Wie lange gilt die Garantie der Heizung Borealis?",
     "北京总部的办公室每天几点开门营业？", "Quelle est la durée de la garantie du chauffage Borealis ?"],
)  # fmt: skip
def test_questions_that_stand_alone(question):
    assert not leans(question)
    assert with_context(question, HISTORY, len) == question


def test_a_follow_up_bears_what_was_asked_before():
    assert with_context("And the Borealis?", [], len) == "And the Borealis?"
    asked = with_context("And the Borealis?", HISTORY, len)
    assert asked.startswith("And the Borealis?")
    assert "warranty" in asked
    assert with_context("它的价格是多少？", [{"role": "user", "content": "北京办公室"}], len).endswith("北京办公室")


def rewrite_by(behavior):
    with serving(behavior) as endpoint:
        model = OpenAIChatModel(endpoint.url, "", "test-model")
        started = time.monotonic()
        found = async_to_sync(rewritten)(model, "And the Borealis?", HISTORY)
        return found, time.monotonic() - started, endpoint.requests


def test_a_model_rewrites_it_from_the_conversation():
    found, _, (request,) = rewrite_by(
        streaming(said("How long is the warranty "), said("of the Borealis?", "stop"), DONE)
    )
    assert found == "How long is the warranty of the Borealis?"
    assert "Aurora heater" in request.body["messages"][-1]["content"]


@pytest.mark.parametrize(
    "behavior",
    [
        answering("500 Internal Server Error", "{}"),
        streaming(said("\n \n", "stop"), DONE),
        streaming(said("x" * 600, "stop"), DONE),
    ],
)
def test_what_fails_or_makes_no_sense_is_nothing(behavior):
    assert rewrite_by(behavior)[0] is None


def test_a_slow_model_is_not_waited_for(settings):
    settings.REWRITE_SECONDS = 0.3
    found, seconds, _ = rewrite_by(streaming(said("How "), 3, said("long?", "stop"), DONE))
    assert found is None
    assert seconds < 2


def test_only_the_first_line_counts():
    assert usable('\n"How long is it?"\nBecause…') == "How long is it?"
