"""Putting the cosines of any model on one scale.

Models differ in what a cosine means: for multilingual-e5-small two unrelated texts have .73 and for
all-MiniLM-L6-v2 .0. A model that nobody has measured is asked about a few pairs of question and passage, of
which it is known that they belong together, and the scale is drawn through what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from llm_settings.providers.base import Scale, Vectors

# What the points of the scale stand for; see docs/decisions/0010-local-models.md for how they were found.
UNRELATED, THRESHOLD, RELEVANT, SAME = 0.0, 0.4, 0.7, 1.0
# Where the threshold lies between the unrelated and the relevant: .64 of the way for multilingual-e5-small, .55
# for all-MiniLM-L6-v2.
SHARE = 0.6

PAIRS = [
    ("Who painted the ceiling of the chapel?", "The frescoes on the chapel's ceiling are the work of a Florentine."),
    ("How long does the warranty last?", "Repairs are free of charge for twenty-four months after the purchase."),
    ("boiling point of ethanol", "At sea level ethanol boils at 78.4 degrees Celsius, well below water."),
    ("When was the bridge opened to traffic?", "In May 1937 the first cars crossed the newly finished bridge."),
    ("Which vitamins does spinach contain?", "Spinach is rich in vitamins A, C and K and in folate."),
    ("How do I reset my password?", "Choose “Forgot your password?” on the sign-in page to get a new one."),
    ("What do pandas eat?", "Bamboo makes up nearly all of the giant panda's diet."),
    ("Why did the company close its factory?", "Falling demand made the firm shut down its plant last year."),
]


def similarity(cosine: float, scale: Scale) -> float:
    cosines, similarities = zip(*scale, strict=True)
    return float(np.interp(cosine, cosines, similarities))


def cosine(wanted: float, scale: Scale) -> float:
    cosines, similarities = zip(*scale, strict=True)
    return float(np.interp(wanted, similarities, cosines))


def probe(embed_query: Callable[[str], Vectors], embed_passages: Callable[[Sequence[str]], Vectors]) -> Scale:
    questions, answers = zip(*PAIRS, strict=True)
    asked = np.stack([embed_query(question) for question in questions])
    cosines = asked @ embed_passages(answers).T
    same = float(np.median((asked * embed_passages(questions)).sum(axis=1)))
    relevant = float(np.median(np.diag(cosines)))
    unrelated = float(np.median(cosines[~np.eye(len(PAIRS), dtype=bool)]))
    return _rising(unrelated, relevant, same)


def _rising(unrelated: float, relevant: float, same: float) -> Scale:
    """However poor the model: each point at least a little above the one before."""
    relevant = max(relevant, unrelated + 0.02)
    threshold = unrelated + SHARE * (relevant - unrelated)
    points = [(unrelated, UNRELATED), (threshold, THRESHOLD), (relevant, RELEVANT)]
    return [*points, (max(same, relevant + 0.01), SAME)]
