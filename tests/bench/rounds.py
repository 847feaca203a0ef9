"""Rounds: everything that is compared takes its turn in each, and what counts is the median of the rounds' ratios."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from statistics import median
from typing import Any

from tests.bench.load import Sample
from tests.bench.place import log

Line = tuple[str, ...]
HEAD: Line = ("figure", "hold", "aim", "measured", "least - most", "by CPU", "to pgbench", "p50 ms", "bytes")
#: The side of a figure that has a column in place of a line: the same SQL and nothing around it.
PGBENCH = "pgbench"


@dataclass
class Figure:
    """One thing measured on several sides.

    Args:
        sides: what measures each, by its name; the first is judged against the others.
        goals: the ratio to a side below which no change may bring it, and the one worth work.
        body_bytes: of an answer, by side; a side without answers just like the judged one.
    """

    name: str
    sides: Mapping[str, Callable[[], Sample]]
    goals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    body_bytes: Mapping[str, int] = field(default_factory=dict)
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    @property
    def own(self) -> list[Sample]:
        """What the judged side gave, a round each."""
        return next(iter(self.samples.values()))

    @property
    def others(self) -> list[str]:
        """The sides it is judged against."""
        return list(self.samples)[1:]

    def ratios(self, other: str) -> list[float]:
        """Return the ratio of the judged side's answers a second to the other's, for each round."""
        return [mine.rate / its.rate for mine, its in zip(self.own, self.samples[other], strict=True)]

    def by_cpu(self, other: str) -> list[float]:
        """Return the ratio of the other's CPU time per answer to the judged side's, for each round: less noisy."""
        pairs = zip(self.own, self.samples[other], strict=True)
        return [its.cpu_us / mine.cpu_us for mine, its in pairs if mine.cpu_us and its.cpu_us]

    def p50(self) -> float:
        """Return the milliseconds that an answer of the judged side takes under the load."""
        return median(one.p50_ms for one in self.own)


def run(figures: Sequence[Figure], rounds: int) -> None:
    """Measure; every second round goes the other way round, so that no place in the order is always the better one."""
    for figure in figures:
        figure.samples = {side: [] for side in figure.sides}
    for number in range(rounds):
        log(f"round {number + 1} of {rounds}")
        for figure in _turned(figures, number):
            for side in _turned(list(figure.sides), number):
                figure.samples[side].append(figure.sides[side]())


def _turned(things: Sequence[Any], number: int) -> Sequence[Any]:
    return things if number % 2 == 0 else list(reversed(things))


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, least and most."""
    return median(values), min(values), max(values)


def lines(figures: Sequence[Figure]) -> list[Line]:
    """Return one line for each comparison."""
    made: list[Line] = []
    for figure in figures:
        bare = f"{median(figure.ratios(PGBENCH)):.2f}" if PGBENCH in figure.samples else ""
        for other in figure.others:
            if other == PGBENCH:
                continue
            hold, aim = (f">= {one:g}" for one in figure.goals[other]) if other in figure.goals else ("", "")
            middle, least, most = spread(figure.ratios(other))
            cpu = f"{median(found):.2f}" if (found := figure.by_cpu(other)) else ""
            size = " / ".join(f"{figure.body_bytes[side]:,}" for side in ("ours", other) if side in figure.body_bytes)
            about = f"{middle:.2f}", f"{least:.2f} - {most:.2f}", cpu, bare, f"{figure.p50():.2f}", size
            made.append((f"{figure.name} / {other}", hold, aim, *about))
    return made


def as_json(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Return the same for scripts. Rates hold for this machine at this hour: only their ratios mean something."""
    return [
        {
            "figure": figure.name,
            "body_bytes": figure.body_bytes,
            "ratios": {
                other: {
                    "goals": figure.goals.get(other),
                    "by_rate": spread(figure.ratios(other)),
                    "by_cpu": spread(found) if (found := figure.by_cpu(other)) else None,
                }
                for other in figure.others
            },
            "sides": {
                side: {
                    name: median(values)
                    for name in ("rate", "p50_ms", "p99_ms", "cpu_us")
                    if (values := [value for one in samples if (value := getattr(one, name)) is not None])
                }
                for side, samples in figure.samples.items()
            },
        }
        for figure in figures
    ]


def busiest(figures: Sequence[Figure]) -> float:
    """Return the largest share of time in which the load was busy. At 1 it would measure itself."""
    return max(one.busy for figure in figures for samples in figure.samples.values() for one in samples)


def markdown(head: Line, rows: Sequence[Line]) -> str:
    """Return a Markdown table of the columns that hold something: the first to the left, the others to the right."""
    columns = list(zip_longest(head, *rows, fillvalue=""))
    filled = [column for column in columns if any(column[1:])]
    widths = [max(map(len, column)) for column in filled]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    first, *rest = (
        [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in zip(*filled, strict=True)
    )
    return "".join(f"| {' | '.join(row)} |\n" for row in [first, rule, *rest])
