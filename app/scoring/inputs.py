"""The input of scoring, in order of practice number and seat id, and its digest (scoring spec 1.3, 1.4, 10)."""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import blake2b, sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from app.scoring.profile import ScoringProfile
from app.scoring.signal import Coverage
from app.scoring.types import (
    DONT_KNOW,
    NO_VOTE,
    PERSPECTIVES,
    SPEC,
    STAGES,
    WIRE_VOTES,
    Consensus,
    Instrument,
    Seat,
    Subject,
    parse_vote,
)

_encode: Final = msgspec.json.Encoder().encode


class AssessmentInput(Struct, frozen=True, kw_only=True):
    """Everything that a result is computed from.

    Practices are in order of number, and seats in order of id. Build it directly from values that the database has
    checked. `read_input` checks and orders the values of a request.

    Args:
        instrument: the frozen instrument version.
        profile: the frozen scoring profile.
        seats: the respondent seats that count, shape (seats,).
        votes: shape (practices, seats), as `app.scoring.types` numbers them: the vote of each seat that counts, which
            is a revealed one, or while votes are sealed one of the present round.
        consensus: shape (practices,); None where none is recorded.
        left_unscored: shape (practices,); True where the team explicitly leaves the practice unscored.
        importance: shape (practices,), 1 to 5; None where it is not rated.
        feasibility: as importance.
        stage: stage of implementation, or None.
        as_of: the day that the result is asked for, or None. No figure uses it yet; the result and the digest carry it.
        has_administration_record: whether the administration is recorded.
        subject: ids and names for the readers of the result. No figure and no digest depends on it.
        sealed: whether votes are still sealed.
        coverages: by the key of the metric, the figure that counts. No score depends on it. While votes are sealed it
            is not looked at.
        digest_key: a secret of the tenant. Set it where the reader of the result may not see the votes: without a key
            the reader could try combinations of votes until the digest matches.
    """

    instrument: Instrument
    profile: ScoringProfile
    seats: tuple[Seat, ...]
    votes: tuple[bytes, ...]
    consensus: tuple[Consensus | None, ...]
    left_unscored: tuple[bool, ...]
    importance: tuple[int | None, ...]
    feasibility: tuple[int | None, ...]
    stage: str | None = None
    as_of: date | None = None
    has_administration_record: bool = False
    subject: Subject = Subject()
    sealed: bool = False
    coverages: Mapping[str, Coverage] = {}
    digest_key: bytes | None = None


def read_input(
    *,
    instrument: Instrument,
    profile: ScoringProfile,
    seats: Sequence[Seat] = (),
    votes: Mapping[str, Mapping[str, int | str]] | None = None,
    consensus: Mapping[str, tuple[int | str, str | None]] | None = None,
    left_unscored: Mapping[str, str] | None = None,
    importance: Mapping[str, int] | None = None,
    feasibility: Mapping[str, int] | None = None,
    stage: str | None = None,
    **carried: Any,
) -> AssessmentInput:
    """Check and order an input that is given as mappings by practice code, with votes as in JSON.

    Args:
        votes: vote by practice code and seat id: 0, 1, 2, "dont_know" or "not_applicable".
        consensus: value and note by practice code: 0, 1, 2 or "not_applicable".
        left_unscored: note by practice code.
        importance: 1 to 5 by practice code.
        feasibility: as importance.
        carried: `as_of`, `has_administration_record`, `subject`, `sealed`, `coverages` and `digest_key` of
            `AssessmentInput`.
    Raises:
        ValueError: an unknown practice, seat, stage or perspective, or a value out of range.
    """
    votes, consensus, left_unscored = votes or {}, consensus or {}, left_unscored or {}
    importance, feasibility = importance or {}, feasibility or {}
    if stage is not None and stage not in STAGES:
        raise ValueError(f"unknown stage {stage!r}")
    codes = instrument.codes
    by_practice = {"votes": votes, "consensus": consensus, "left_unscored": left_unscored}
    _check_practices(codes, **by_practice, importance=importance, feasibility=feasibility)
    ordered = _order_seats(seats)
    if empty := [code for code, note in left_unscored.items() if not note.strip()]:
        raise ValueError(f"leaving {empty[0]} unscored needs a note")
    return AssessmentInput(
        instrument=instrument,
        profile=profile,
        seats=ordered,
        votes=tuple([_read_votes(code, votes.get(code, {}), ordered) for code in codes]),
        consensus=tuple([_read_consensus(code, *consensus[code]) if code in consensus else None for code in codes]),
        left_unscored=tuple([code in left_unscored for code in codes]),
        importance=_read_ratings("importance", importance, codes),
        feasibility=_read_ratings("feasibility", feasibility, codes),
        stage=stage,
        **carried,
    )


def _check_practices(codes: Sequence[str], **by_practice: Mapping[str, object]) -> None:
    for name, values in by_practice.items():
        if unknown := values.keys() - set(codes):
            raise ValueError(f"{name} of unknown practice {min(unknown)!r}")


def _order_seats(seats: Sequence[Seat]) -> tuple[Seat, ...]:
    if len({seat.id for seat in seats}) != len(seats):
        raise ValueError("seat ids must differ")
    for seat in seats:
        if seat.perspective is not None and seat.perspective not in PERSPECTIVES:
            raise ValueError(f"unknown perspective {seat.perspective!r}")
    return tuple(sorted(seats, key=lambda seat: seat.id))


def _read_votes(code: str, votes: Mapping[str, int | str], seats: Sequence[Seat]) -> bytes:
    if unknown := votes.keys() - {seat.id for seat in seats}:
        raise ValueError(f"vote on {code} from unknown seat {min(unknown)!r}")
    try:
        return bytes([parse_vote(votes[seat.id]) if seat.id in votes else NO_VOTE for seat in seats])
    except ValueError:
        raise ValueError(f"a vote on {code} must be 0, 1, 2, dont_know or not_applicable") from None


def _read_consensus(code: str, value: int | str, note: str | None) -> Consensus:
    try:
        parsed = parse_vote(value)
    except ValueError:
        parsed = DONT_KNOW
    if parsed == DONT_KNOW:
        raise ValueError(f"the consensus on {code} must be 0, 1, 2 or not_applicable")
    return Consensus(parsed, note)


def _read_ratings(name: str, ratings: Mapping[str, int], codes: Sequence[str]) -> tuple[int | None, ...]:
    for code, value in ratings.items():
        if type(value) is not int or not 1 <= value <= 5:
            raise ValueError(f"{name} of {code} must be an integer from 1 to 5")
    return tuple([ratings.get(code) for code in codes])


class CanonicalInput(Struct, frozen=True):
    """The canonical form of an input: its fields in alphabetical order, so that its JSON is that of RFC 8785.

    It holds no floats. Figures of metrics are named only where there are any, so that digests made without them stay.
    Of a note it holds only whether there is one. While votes are sealed it holds nothing that comes from respondents or
    from decisions of the team, so that nobody can find votes by comparing digests.
    """

    as_of: date | None
    consensus: list[tuple[int | str | None, bool] | None] | None
    feasibility: tuple[int | None, ...]
    has_administration_record: bool
    importance: tuple[int | None, ...]
    instrument: tuple[str, str, str]
    left_unscored: tuple[bool, ...] | None
    practices: list[tuple[str, int]]
    profile: tuple[str, str, str]
    sealed: bool
    seats: list[tuple[str, str | None]]
    signals: list[tuple[str, int | None, int | None, date | None, date | None]] | msgspec.UnsetType
    spec: str
    stage: str | None
    votes: list[list[int | str | None]] | None


def canonical_input(assessment: AssessmentInput) -> bytes:
    """Encode the canonical form of an input.

    Returns:
        RFC 8785 JSON. The bytes do not depend on the order of seats, votes and practices in the request.
    Raises:
        ValueError: a lone surrogate in a name or an id.
    Source:
        scoring spec 1.3 and 10.
    """
    instrument, profile = assessment.instrument, assessment.profile
    consensus = left_unscored = votes = None
    signals: Any = msgspec.UNSET
    if not assessment.sealed:
        consensus = [None if one is None else (WIRE_VOTES[one.value], one.has_note) for one in assessment.consensus]
        left_unscored = assessment.left_unscored
        signals = _list_coverages(assessment) or msgspec.UNSET
        votes = [[WIRE_VOTES[vote] for vote in row] for row in assessment.votes]
    return _encode(
        CanonicalInput(
            assessment.as_of,
            consensus,
            assessment.feasibility,
            assessment.has_administration_record,
            assessment.importance,
            (instrument.key, instrument.version, instrument.content_hash),
            left_unscored,
            [(practice.code, practice.number) for practice in instrument.practices],
            (profile.key, profile.version, profile.content_hash),
            assessment.sealed,
            [(seat.id, seat.perspective) for seat in assessment.seats],
            signals,
            SPEC,
            assessment.stage,
            votes,
        )
    )


def _list_coverages(assessment: AssessmentInput) -> list[tuple[str, int | None, int | None, date | None, date | None]]:
    """Return the figures that a signal rests on, by metric; a figure without its stored id."""
    counted = {metric for practice in assessment.instrument.practices for metric in practice.signal_metrics}
    return [(metric, *one[:4]) for metric, one in sorted(assessment.coverages.items()) if metric in counted]


def hash_input(assessment: AssessmentInput) -> str:
    """Compute the digest of the canonical input, 64 hexadecimal digits: SHA-256, or BLAKE2b with a key."""
    if assessment.digest_key is None:
        return sha256(canonical_input(assessment)).hexdigest()
    return blake2b(
        canonical_input(assessment), key=assessment.digest_key[:64], digest_size=32, person=b"input"
    ).hexdigest()


def count_voters(votes: Sequence[bytes]) -> int:
    """Count the seats that voted on at least one practice; votes of shape (practices, seats)."""
    if votes and all(NO_VOTE not in row for row in votes):
        return len(votes[0])
    return sum([min(column) != NO_VOTE for column in zip(*votes, strict=True)])
