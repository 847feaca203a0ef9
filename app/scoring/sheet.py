"""What an instrument, a profile and a stage say of every practice, worked out once for all assessments."""

from functools import lru_cache
from typing import NamedTuple

from app.scoring.canonical import encode_text
from app.scoring.priorities import Rating, default_feasibility, default_importance
from app.scoring.profile import ScoringProfile
from app.scoring.types import Instrument, Practice


class PracticeRules(NamedTuple):
    """One practice: its weight 0 to 100, the level the stage expects, the ratings where the team gives none."""

    practice: Practice
    weight: int
    expected: int | None
    importance: Rating
    feasibility: Rating
    head: str
    """Its code and number as they begin its rendering."""


@lru_cache(maxsize=256)
def rules_of(instrument: Instrument, profile: ScoringProfile, stage: str | None) -> tuple[PracticeRules, ...]:
    """The rules of every practice of the instrument, in order of number."""
    rules = []
    for practice in instrument.practices:
        expected = profile.expected_level(stage, practice.code)
        rules.append(
            PracticeRules(
                practice,
                profile.weight(practice.code),
                expected,
                default_importance(expected, profile),
                default_feasibility(profile),
                f'"code":{encode_text(practice.code)},"number":{practice.number}',
            )
        )
    return tuple(rules)
