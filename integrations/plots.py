"""Where the bars and lines of plots stand, in units of their own: how large they are shown is for the style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chat.insights import Day
from integrations.trying import Stage

HEIGHT = 120
STEP = 12


@dataclass(frozen=True, slots=True)
class Plot:
    """Days beside each other, and by kind the outlines of all its bars, each standing on those of the kind before."""

    days: list[tuple[Day, int]]
    outlines: dict[str, str]
    width: int
    most: int
    """The number that is as high as the plot."""
    height: int = HEIGHT
    step: int = STEP


def questions(days: list[Day]) -> Plot:
    most = max(1, *(day.asked for day in days))
    outlines: dict[str, str] = {}
    for number, day in enumerate(days):
        ground = HEIGHT
        for kind in ("answered", "unanswered", "failed"):
            if count := getattr(day, kind):
                height = max(1, round(count * HEIGHT / most))
                ground -= height
                bar = f"M{number * STEP + 2} {max(ground, 0)}h8v{height}h-8z"
                outlines[kind] = outlines.get(kind, "") + bar
    places = [(day, number * STEP) for number, day in enumerate(days)]
    return Plot(places, outlines, len(days) * STEP, most)


@dataclass(frozen=True, slots=True)
class Speed:
    """Two lines, with gaps where nothing was answered: each as the points ("x,y x,y") of its unbroken parts."""

    median: list[str]
    p95: list[str]
    width: int
    most_ms: float
    height: int = HEIGHT

    @property
    def most_seconds(self) -> float:
        return self.most_ms / 1000


def speed(days: list[Day]) -> Speed | None:
    """None where nothing was answered at all."""
    known = [day.total_ms for day in days]
    most = max((pair[1] for pair in known if pair), default=0)
    if not most:
        return None
    return Speed(_lines(known, 0, most), _lines(known, 1, most), len(days) * STEP, most)


def _lines(known: Sequence[tuple[float, float] | None], which: int, most: float) -> list[str]:
    lines: list[list[str]] = [[]]
    for number, pair in enumerate(known):
        if pair is None:
            lines.append([])
            continue
        x, y = number * STEP + STEP // 2, round(HEIGHT - pair[which] / most * HEIGHT * 0.96, 1)
        # A line of one day would not be seen.
        lines[-1] += [f"{x - 1},{y}", f"{x + 1},{y}"]
    return [" ".join(line) for line in lines if line]


@dataclass(frozen=True, slots=True)
class Usage:
    """A bar a month (x, y, height), and how high the plan's limit is; `limit_y` is None where there is none."""

    bars: list[tuple[int, int, int]]
    limit_y: int | None
    width: int
    most: int
    height: int = HEIGHT
    step: int = STEP


def usage(answers: Sequence[int], limit: int | None) -> Usage:
    most = max(1, *answers, limit or 0)
    heights = [max(1, round(count * HEIGHT / most)) if count else 0 for count in answers]
    bars = [(number * STEP, HEIGHT - height, height) for number, height in enumerate(heights)]
    return Usage(bars, None if limit is None else HEIGHT - round(limit * HEIGHT / most), len(answers) * STEP, most)


WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Stages one below the other: each with where its bar begins and how long that is."""

    bars: list[tuple[Stage, int, int]]
    took: float
    """Milliseconds, all in all."""
    width: int = WIDTH


def waterfall(stages: Sequence[Stage]) -> Waterfall:
    took = max((stage.end for stage in stages), default=0.0)
    scale = WIDTH / took if took else 0.0
    least = WIDTH // 200  # so that the shortest is still seen
    bars = [
        (stage, min(round(stage.start * scale), WIDTH - least), max(round(stage.took * scale), least))
        for stage in stages
    ]
    return Waterfall(bars, took)
