"""What one assessment is scored from, checked, and its canonical form (scoring spec 1.3 and 10)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import date
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Final, TypeVar

from app.scoring.canonical import encode_text
from app.scoring.json_text import NULL, text, truth
from app.scoring.profile import ScoringProfile
from app.scoring.sheet import sheet_of
from app.scoring.types import (
    DONT_KNOW,
    LETTERS,
    NO_VOTE,
    NOT_APPLICABLE,
    PERSPECTIVES,
    SPEC,
    STAGES,
    Ballot,
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
        ballots: the same as ballots by practice code, instead: for what a database has checked already. The seats
            then stand in order of their ids, and nothing of the input is checked again.
        consensus: recorded consensus by practice code.
        left_unscored: note by practice code, for practices the team explicitly leaves unscored.
        importance: 1 to 5 by practice code; absent where nobody set it.
        feasibility: 1 to 5 by practice code; absent where nobody set it.
        stage: stage of implementation, or None.
        as_of: the date the result is asked for, or None; carried, and needed by later sections.
        has_administration_record: whether the administration was recorded.
        sealed: whether votes are still sealed.
        digest_key: a secret for the digest of the input, where it goes to people who may not see the votes: these could
            be guessed until a plain digest fits.
    Raises:
        ValueError: an unknown practice, seat, stage or perspective, or a value out of range.
    """

    instrument: Instrument
    profile: ScoringProfile
    seats: tuple[Seat, ...] = ()
    votes: InitVar[Mapping[str, Mapping[str, Vote]] | None] = None
    ballots: Mapping[str, Ballot] = field(default_factory=dict)
    consensus: Mapping[str, Consensus] = field(default_factory=dict)
    left_unscored: Mapping[str, str] = field(default_factory=dict)
    importance: Mapping[str, int] = field(default_factory=dict)
    feasibility: Mapping[str, int] = field(default_factory=dict)
    stage: str | None = None
    as_of: date | None = None
    has_administration_record: bool = False
    sealed: bool = False
    digest_key: bytes | None = field(default=None, repr=False)

    def __post_init__(self, votes: Mapping[str, Mapping[str, Vote]] | None) -> None:
        if self.ballots:
            return
        votes = votes or {}
        self._check(votes)
        object.__setattr__(self, "seats", tuple(sorted(self.seats, key=lambda seat: seat.id)))
        object.__setattr__(self, "ballots", {code: self._ballot(cast) for code, cast in votes.items() if cast})

    def _ballot(self, cast: Mapping[str, Vote]) -> Ballot:
        return "".join([LETTERS[cast[seat.id]] if seat.id in cast else NO_VOTE for seat in self.seats])

    def _check(self, votes: Mapping[str, Mapping[str, Vote]]) -> None:
        if self.stage is not None and self.stage not in STAGES:
            raise ValueError(f"unknown stage {self.stage!r}")
        codes = {practice.code for practice in self.instrument.practices}
        for name in ("votes", "consensus", "left_unscored", "importance", "feasibility"):
            unknown = (votes if name == "votes" else getattr(self, name)).keys() - codes
            if unknown:
                raise ValueError(f"{name} of unknown practice {min(unknown)!r}")
        self._check_seats()
        self._check_votes(votes)
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

    def _check_votes(self, votes: Mapping[str, Mapping[str, Vote]]) -> None:
        seats = {seat.id for seat in self.seats}
        for code, cast in votes.items():
            if not cast.keys() <= seats:
                raise ValueError(f"vote on {code} from unknown seat {min(cast.keys() - seats)!r}")
            for vote in cast.values():
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


def respondents_voted(ballots: Iterable[Ballot]) -> int:
    """How many seats voted on anything."""
    cast = list(ballots)
    if cast and NO_VOTE not in "".join(cast):
        return len(cast[0])
    return sum(column.count(NO_VOTE) < len(column) for column in zip(*cast, strict=True))


def input_digest(given: AssessmentInput) -> str:
    """The digest of an input's canonical form, 64 hexadecimal digits: SHA-256, or with a key BLAKE2b."""
    if given.digest_key is None:
        return sha256(canonical_input(given)).hexdigest()
    return blake2b(canonical_input(given), key=given.digest_key[:64], digest_size=32, person=b"input").hexdigest()


def canonical_input(given: AssessmentInput) -> bytes:
    """The canonical form of an input, whose digest a result carries.

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
    sheet = sheet_of(given.instrument, given.profile, given.stage, len(given.seats))
    consensus = left_unscored = votes = NULL
    if not given.sealed:
        left, ballots, nobody = given.left_unscored, given.ballots, NO_VOTE * sheet.seats
        consensus = _by_practice(given.consensus, sheet.codes, _decision)
        left_unscored = f"[{','.join([truth(code in left) for code in sheet.codes])}]"
        votes = f"[{','.join([_votes_text(ballots.get(code, nobody)) for code in sheet.codes])}]"
    seats = [f"[{encode_text(seat)},{text(perspective)}]" for seat, perspective in given.seats]
    # The keys stand in their canonical order; a test compares the bytes with those of `canonical_json`.
    return (
        f'{{"as_of":{text(given.as_of.isoformat() if given.as_of else None)},"consensus":{consensus},'
        f'"feasibility":{_by_practice(given.feasibility, sheet.codes, str)},'
        f'"has_administration_record":{truth(given.has_administration_record)},'
        f'"importance":{_by_practice(given.importance, sheet.codes, str)},'
        f'"instrument":{_identity(given.instrument)},"left_unscored":{left_unscored},'
        f'"practices":{_practices(given.instrument)},"profile":{_identity(given.profile)},'
        f'"sealed":{truth(given.sealed)},"seats":[{",".join(seats)}],'
        f'"spec":"{SPEC}","stage":{text(given.stage)},"votes":{votes}}}'
    ).encode()


_VOTE_TEXT: Final = {letter: encode_text(vote) for vote, letter in LETTERS.items()} | {NO_VOTE: "null"}


@lru_cache(maxsize=2048)
def _votes_text(ballot: Ballot) -> str:
    return f"[{','.join([_VOTE_TEXT[letter] for letter in ballot])}]"


def _decision(consensus: Consensus) -> str:
    return _decided(consensus.value, has_note(consensus))


@lru_cache(maxsize=16)
def _decided(value: int | str, noted: bool) -> str:
    return encode_text([value, noted])


Said = TypeVar("Said")


def _by_practice(said: Mapping[str, Said], codes: Sequence[str], render: Callable[[Said], str]) -> str:
    if not said:
        return _of_none(len(codes))
    return f"[{','.join([render(said[code]) if code in said else NULL for code in codes])}]"


@lru_cache(maxsize=128)
def _of_none(practices: int) -> str:
    return f"[{','.join([NULL] * practices)}]"


@lru_cache(maxsize=256)
def _identity(item: Instrument | ScoringProfile) -> str:
    return encode_text([item.key, item.version, item.content_hash])


@lru_cache(maxsize=256)
def _practices(instrument: Instrument) -> str:
    return encode_text(instrument.practices)
