"""Makes profiles, inputs and results, each from the few values that a test is about."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

from app.instruments.shipped import shipped_profiles
from app.scoring import (
    AssessmentInput,
    Instrument,
    Practice,
    ScoringProfile,
    Seat,
    read_input,
    to_builtins,
)
from app.scoring import assess as assess_input

#: A vote as a request has it: 0, 1, 2, "dont_know" or "not_applicable".
Vote: TypeAlias = int | str
#: The votes on one practice by seat; None where a seat has not voted.
Row: TypeAlias = Sequence[Vote | None]

DK: Vote = "dont_know"
NA: Vote = "not_applicable"
CODES = [f"P{number}" for number in range(1, 10)]
INSTRUMENT = Instrument("fa9", "1.0.0", "0" * 64, tuple(Practice(code, int(code[1:])) for code in CODES))
DEFAULT_DOCUMENT: dict[str, Any] = shipped_profiles()[0].document
DEFAULT_PROFILE = ScoringProfile.from_document(DEFAULT_DOCUMENT)


def profile(**sections: object) -> ScoringProfile:
    """Make the default profile with some sections of its document replaced."""
    return ScoringProfile.from_document({**deepcopy(DEFAULT_DOCUMENT), **sections})


def weighted(weights: Mapping[str, int], default: int = 1) -> ScoringProfile:
    """Make the default profile with other weights."""
    return profile(weights={"default": default, "practices": weights})


def inputs(
    rows: Sequence[Row] = (),
    *,
    seats: int | tuple[Seat, ...] | None = None,
    levels: Iterable[Vote | None] = (),
    **fields: Any,
) -> AssessmentInput:
    """Make an input of the nine practices.

    Args:
        rows: the votes, one row a practice.
        seats: the seats or their number. Without it there are as many as the longest row has votes.
        levels: the consensus, one level a practice; None for a practice without one.
        fields: other arguments of `read_input`, which win over those that follow from the above.
    """
    if not isinstance(seats, tuple):
        count = max((len(row) for row in rows), default=0) if seats is None else seats
        seats = tuple(Seat(f"s{seat}") for seat in range(count))
    votes = {
        code: {f"s{seat}": vote for seat, vote in enumerate(row) if vote is not None}
        for code, row in zip(CODES, rows, strict=False)
    }
    consensus = {code: (level, "as agreed") for code, level in zip(CODES, levels, strict=False) if level is not None}
    derived = {"instrument": INSTRUMENT, "profile": DEFAULT_PROFILE, "seats": seats}
    return read_input(**{**derived, "votes": votes, "consensus": consensus, **fields})


def assess(
    rows: Sequence[Row] = (),
    *,
    seats: int | tuple[Seat, ...] | None = None,
    levels: Iterable[Vote | None] = (),
    **fields: Any,
) -> dict[str, Any]:
    """Assess such an input, and return the result as JSON values."""
    return to_builtins(assess_input(inputs(rows, seats=seats, levels=levels, **fields)))
