"""What one assessment is scored from, checked, and its canonical form (scoring spec 1.3 and 10)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from app.scoring.canonical import encode_ordered
from app.scoring.profile import ScoringProfile
from app.scoring.types import (
    DONT_KNOW,
    NOT_APPLICABLE,
    PERSPECTIVES,
    SPEC,
    STAGES,
    Consensus,
    Instrument,
    Seat,
    Vote,
)
from app.scoring.votes import has_note

_LEVELS: Final = (0, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentInput:
    """Everything one result is computed from; the order within any of it decides nothing.

    Args:
        instrument: the frozen instrument version.
        profile: the frozen scoring profile.
        seats: the respondent seats that count; withdrawn ones are not passed.
        votes: vote by practice code and seat id: 0, 1, 2, "dont_know" or "not_applicable", of the latest round.
        consensus: recorded consensus by practice code.
        left_unscored: note by practice code, for practices the team explicitly leaves unscored.
        importance: 1 to 5 by practice code; absent where nobody set it.
        feasibility: 1 to 5 by practice code; absent where nobody set it.
        stage: stage of implementation, or None.
        as_of: the date the result is asked for, or None; carried, and needed by later sections.
        has_administration_record: whether the administration was recorded.
        sealed: whether votes are still sealed.
    Raises:
        ValueError: an unknown practice, seat, stage or perspective, or a value out of range.
    """

    instrument: Instrument
    profile: ScoringProfile
    seats: tuple[Seat, ...] = ()
    votes: Mapping[str, Mapping[str, Vote]] = field(default_factory=dict)
    consensus: Mapping[str, Consensus] = field(default_factory=dict)
    left_unscored: Mapping[str, str] = field(default_factory=dict)
    importance: Mapping[str, int] = field(default_factory=dict)
    feasibility: Mapping[str, int] = field(default_factory=dict)
    stage: str | None = None
    as_of: date | None = None
    has_administration_record: bool = False
    sealed: bool = False

    def __post_init__(self) -> None:
        if self.stage is not None and self.stage not in STAGES:
            raise ValueError(f"unknown stage {self.stage!r}")
        codes = {practice.code for practice in self.instrument.practices}
        for name in ("votes", "consensus", "left_unscored", "importance", "feasibility"):
            unknown = getattr(self, name).keys() - codes
            if unknown:
                raise ValueError(f"{name} of unknown practice {min(unknown)!r}")
        self._check_seats()
        self._check_votes()
        self._check_decisions()
        for name in ("importance", "feasibility"):
            for code, value in getattr(self, name).items():
                if type(value) is not int or not 1 <= value <= 5:
                    raise ValueError(f"{name} of {code} must be an integer from 1 to 5")

    def _check_seats(self) -> None:
        if len({seat.id for seat in self.seats}) != len(self.seats):
            raise ValueError("seat ids must differ")
        for seat in self.seats:
            if seat.perspective is not None and seat.perspective not in PERSPECTIVES:
                raise ValueError(f"unknown perspective {seat.perspective!r}")

    def _check_votes(self) -> None:
        seats = {seat.id for seat in self.seats}
        for code, votes in self.votes.items():
            if not votes.keys() <= seats:
                raise ValueError(f"vote on {code} from unknown seat {min(votes.keys() - seats)!r}")
            for vote in votes.values():
                if not (_is_level(vote) or vote in (DONT_KNOW, NOT_APPLICABLE)):
                    raise ValueError(f"a vote on {code} must be 0, 1, 2, {DONT_KNOW} or {NOT_APPLICABLE}")

    def _check_decisions(self) -> None:
        for code, consensus in self.consensus.items():
            if not (_is_level(consensus.value) or consensus.value == NOT_APPLICABLE):
                raise ValueError(f"the consensus on {code} must be 0, 1, 2 or {NOT_APPLICABLE}")
        for code, note in self.left_unscored.items():
            if not note.strip():
                raise ValueError(f"leaving {code} unscored needs a note")


def _is_level(value: int | str) -> bool:
    """Whether a value is a level; True, 1.0 and the like are equal to one and yet are none."""
    return type(value) is int and value in _LEVELS


def respondents_voted(votes: Iterable[Mapping[str, Vote]]) -> int:
    """How many seats voted on anything."""
    return len(set[str]().union(*votes))


def canonical_input(given: AssessmentInput) -> bytes:
    """The canonical form of an input, whose SHA-256 a result carries.

    Practices stand in order of number and seats in order of id; what is said of practices is one list entry for each,
    null where nothing is said, and a practice's votes are one entry for each seat. Notes enter by their presence only.
    While votes are sealed it holds nothing that came from respondents or from the team's decisions on them: neither a
    digest nor anything made of it can be searched for votes.

    Args:
        given: a checked input.
    Returns:
        RFC 8785 bytes; the same for every order of seats, votes and practices.
    Raises:
        ValueError: a lone surrogate in a name or an id.
    Source:
        scoring spec 1.3 and 10.
    """
    codes = [practice.code for practice in given.instrument.practices]
    seats = sorted(given.seats, key=lambda seat: seat.id)
    decided = not given.sealed
    # The keys are written in their canonical order; a test compares the bytes with those of `canonical_json`.
    return encode_ordered(
        {
            "as_of": None if given.as_of is None else given.as_of.isoformat(),
            "consensus": [_decision(given.consensus.get(code)) for code in codes] if decided else None,
            "feasibility": list(map(given.feasibility.get, codes)),
            "has_administration_record": given.has_administration_record,
            "importance": list(map(given.importance.get, codes)),
            "instrument": _identity(given.instrument),
            "left_unscored": [code in given.left_unscored for code in codes] if decided else None,
            "practices": given.instrument.practices,
            "profile": _identity(given.profile),
            "sealed": given.sealed,
            "seats": seats,
            "spec": SPEC,
            "stage": given.stage,
            "votes": _votes(given, [seat.id for seat in seats], codes) if decided else None,
        }
    )


def _votes(given: AssessmentInput, seats: list[str], codes: list[str]) -> list[list[Vote | None]]:
    nobody: Mapping[str, Vote] = {}
    return [list(map(given.votes.get(code, nobody).get, seats)) for code in codes]


def _decision(consensus: Consensus | None) -> list[int | str] | None:
    return None if consensus is None else [consensus.value, has_note(consensus)]


def _identity(item: Instrument | ScoringProfile) -> list[str]:
    return [item.key, item.version, item.content_hash]


def name_of(item: Instrument | ScoringProfile) -> dict[str, str]:
    """What identifies an instrument version or a scoring profile in a result."""
    return {"key": item.key, "version": item.version, "content_hash": item.content_hash}
