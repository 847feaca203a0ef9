"""Builders shared by the scoring tests."""

import json
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.instruments.shipped import shipped_profiles
from app.scoring import (
    Instrument,
    Practice,
    ScoringProfile,
    Seat,
    assess,
    read_input,
    to_builtins,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "fa9.json"
DEFAULT_PROFILE_DOCUMENT = shipped_profiles()[0].document
CODES = [f"P{number}" for number in range(1, 10)]
INSTRUMENT = Instrument("fa9", "1.0.0", "0" * 64, tuple(Practice(code, int(code[1:])) for code in CODES))
PROFILE = ScoringProfile.from_document(DEFAULT_PROFILE_DOCUMENT)


def _profile(**changes):
    """The default profile with some sections of its document replaced."""
    return ScoringProfile.from_document({**deepcopy(DEFAULT_PROFILE_DOCUMENT), **changes})


def _weighted(weights, default=1):
    return _profile(weights={"default": default, "practices": weights})


def _by_practice(rows):
    """Votes by practice and seat from one list per practice; None is an absent vote."""
    return {
        code: {f"s{seat}": vote for seat, vote in enumerate(row) if vote is not None}
        for code, row in zip(CODES, rows, strict=False)
    }


def _given(rows=(), *, seats=None, levels=None, **changes):
    """An input from votes, or from one consensus level, per practice; seats are theirs or as many as asked for."""
    if not isinstance(seats, tuple):
        count = max((len(row) for row in rows), default=0) if seats is None else seats
        seats = tuple(Seat(f"s{seat}") for seat in range(count))
    consensus = {
        code: (level, "as agreed") for code, level in zip(CODES, levels or (), strict=False) if level is not None
    }
    return read_input(
        **{
            "instrument": INSTRUMENT,
            "profile": PROFILE,
            "seats": seats,
            "votes": _by_practice(rows),
            "consensus": consensus,
            **changes,
        }
    )


def _assess(rows=(), **changes):
    return to_builtins(assess(_given(rows, **changes)))


@pytest.fixture(scope="session")
def golden():
    """The worked values of the specification."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def make():
    """Builders: profile, weighted, given, assess, and the nine-practice instrument."""
    return SimpleNamespace(
        codes=CODES,
        instrument=INSTRUMENT,
        default=PROFILE,
        profile=_profile,
        weighted=_weighted,
        given=_given,
        assess=_assess,
    )


@pytest.fixture(scope="session")
def golden_rows(golden):
    """The golden votes, one list per practice."""
    return [list(row) for row in zip(*golden["votes"].values(), strict=True)]
