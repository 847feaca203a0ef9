"""What an instrument, a profile and a stage say of every practice, worked out once for all assessments."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from app.scoring.priorities import Rating, default_feasibility, default_importance
from app.scoring.profile import ScoringProfile
from app.scoring.types import Instrument


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What assessments with this instrument, this profile, this stage and so many seats are scored on.

    What is said of practices stands in order of number, shape (practices,). Compared by identity: `sheet_of` mostly
    gives the same one for the same, which makes it a cheap key.
    """

    instrument: Instrument
    profile: ScoringProfile
    stage: str | None
    seats: int
    """Number of respondent seats."""
    quorum: int
    """Fewer voters on a practice than this are a low response."""
    codes: tuple[str, ...]
    weights: tuple[int, ...]
    """0 to 100."""
    expected: tuple[int | None, ...]
    """Least levels in this stage."""
    importance: tuple[Rating, ...]
    """Ratings where the team gives none; likewise `feasibility`."""
    feasibility: tuple[Rating, ...]
    target: Fraction
    """Readiness from which the gated band begins."""


@lru_cache(maxsize=1024)
def sheet_of(instrument: Instrument, profile: ScoringProfile, stage: str | None, seats: int) -> Sheet:
    """The sheet for all of these."""
    codes = tuple(practice.code for practice in instrument.practices)
    expected = tuple(profile.expected_level(stage, code) for code in codes)
    return Sheet(
        instrument,
        profile,
        stage,
        seats,
        profile.quorum(seats),
        codes,
        tuple(profile.weight(code) for code in codes),
        expected,
        tuple(default_importance(level, profile) for level in expected),
        tuple(default_feasibility(profile) for _ in codes),
        profile.established_from,
    )
