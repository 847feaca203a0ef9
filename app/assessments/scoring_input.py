"""Build the scoring input of an assessment from one statement and two cached documents."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import col

from app.assessments.models import (
    AdministrationRecord,
    Assessment,
    AssessmentState,
    Consensus,
    Participant,
    PracticeRating,
    Vote,
)
from app.assessments.reference_data import load_instrument, load_profile
from app.assessments.seat_rules import CastVote, SeatFacts, counted_votes, sealed_votes
from app.assessments.votes.schemas import on_wire
from app.db.statement import Read, Reader, Row, from_json
from app.principal import SeatKind
from app.programs.models import Implementation, Program
from app.scoring import DONT_KNOW, NO_VOTE, NOT_APPLICABLE, AssessmentInput, Seat, Subject, parse_vote
from app.scoring import Consensus as Agreed
from app.scoring import ScoringProfile as Profile
from app.tree.models import Organization


def _of(table: Any) -> Any:
    return and_(table.tenant_id == col(Assessment.tenant_id), table.assessment_id == col(Assessment.id))


_IS_SEALED = or_(
    col(Assessment.state) == literal_column(f"'{AssessmentState.COLLECTING}'", Text),
    and_(
        col(Assessment.state) == literal_column(f"'{AssessmentState.VOID}'", Text),
        col(Assessment.revealed_round) < col(Assessment.round),
    ),
)
# The same rule as `seat_rules.takes_part`.
_TAKES_PART = and_(
    col(Participant.seat) == literal_column(f"'{SeatKind.RESPONDENT}'", Text),
    or_(
        col(Participant.withdrawn_at).is_(None),
        case(
            (_IS_SEALED, col(Participant.withdrawn_round) == col(Assessment.round)),
            else_=col(Participant.counted_round) >= col(Participant.first_round),
        ),
    ),
)
_SEATS = (
    select(
        func.array_agg(col(Participant.id), type_=ARRAY(Uuid())).label("keys"),
        func.array_agg(aggregate_order_by(cast(col(Participant.id), Text), col(Participant.id))).label("ids"),
        func.array_agg(aggregate_order_by(col(Participant.perspective), col(Participant.id))).label("perspectives"),
        func.min(case((col(Participant.withdrawn_at).is_not(None), col(Participant.counted_round)))).label(
            "withdrawn_count_until"
        ),
    )
    .where(_of(Participant), _TAKES_PART)
    .correlate(Assessment)
    .lateral("seats")
)
# If every seat voted on every practice, once and through its first claim, the letters of the votes in order suffice.
_VOTES = (
    select(
        func.array_agg(aggregate_order_by(col(Vote.practice).distinct(), col(Vote.practice))).label("practices"),
        func.string_agg(
            func.left(col(Vote.value), literal_column("1")),
            aggregate_order_by(literal_column("''", Text), col(Vote.practice), col(Vote.participant_id)),
        ).label("letters"),
        func.min(col(Vote.round)).label("first_round"),
        func.max(col(Vote.round)).label("last_round"),
        func.max(col(Vote.claim)).label("last_claim"),
    )
    .where(_of(Vote), col(Vote.participant_id) == any_(_SEATS.c["keys"]))
    .correlate(Assessment, _SEATS)
    .lateral("ballots")
)
# Every vote of a respondent's seat, and what counting needs to know of the seat.
_ONE_BY_ONE = Read(
    select(
        col(Vote.practice),
        cast(col(Vote.participant_id), Text).label("seat"),
        col(Vote.value),
        col(Vote.round),
        col(Vote.claim),
        col(Vote.deferred),
        col(Participant.first_round),
        col(Participant.withdrawn_at).is_not(None).label("is_withdrawn"),
        col(Participant.withdrawn_round),
        col(Participant.counted_round),
    )
    .join(
        Participant,
        and_(col(Participant.tenant_id) == col(Vote.tenant_id), col(Participant.id) == col(Vote.participant_id)),
    )
    .where(
        col(Vote.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(Vote.assessment_id) == bindparam("id", type_=Uuid()),
    )
)
_CONSENSUS = (
    select(func.json_agg(func.json_build_array(col(Consensus.practice), col(Consensus.value), col(Consensus.note))))
    .where(_of(Consensus))
    .correlate(Assessment)
    .scalar_subquery()
)
_RATINGS = (
    select(
        func.json_agg(
            func.json_build_array(
                col(PracticeRating.practice),
                col(PracticeRating.importance),
                col(PracticeRating.feasibility),
                col(PracticeRating.left_unscored),
            )
        )
    )
    .where(_of(PracticeRating))
    .correlate(Assessment)
    .scalar_subquery()
)
_SCORED = Read(
    select(
        col(Assessment.id),
        col(Assessment.version),
        col(Assessment.state),
        col(Assessment.stage),
        col(Assessment.round),
        col(Assessment.revealed_round),
        col(Assessment.title),
        col(Assessment.organization_id),
        col(Organization.name).label("organization_name"),
        col(Program.id).label("program_id"),
        col(Program.name).label("program_name"),
        col(Assessment.instrument_version_id),
        col(Assessment.scoring_profile_id),
        col(Organization.path),
        col(Organization.effective_timezone).label("timezone"),
        _SEATS.c.ids,
        _SEATS.c.perspectives,
        _SEATS.c.withdrawn_count_until,
        _VOTES.c.practices,
        _VOTES.c.letters,
        _VOTES.c.first_round,
        _VOTES.c.last_round,
        _VOTES.c.last_claim,
        _CONSENSUS.label("consensus"),
        _RATINGS.label("ratings"),
        exists().where(_of(AdministrationRecord)).label("has_administration_record"),
    )
    .select_from(Assessment)
    .join(
        Organization,
        and_(
            col(Organization.tenant_id) == col(Assessment.tenant_id),
            col(Organization.id) == col(Assessment.organization_id),
        ),
    )
    .join(
        Implementation,
        and_(
            col(Implementation.tenant_id) == col(Assessment.tenant_id),
            col(Implementation.id) == col(Assessment.implementation_id),
        ),
    )
    .join(
        Program,
        and_(
            col(Program.tenant_id) == col(Implementation.tenant_id), col(Program.id) == col(Implementation.program_id)
        ),
    )
    .join(_SEATS, true())
    .join(_VOTES, true())
    .where(
        col(Assessment.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(Assessment.id) == bindparam("id", type_=Uuid()),
    )
)


async def load_scoring_row(reader: Reader, tenant_id: UUID, assessment_id: UUID) -> Row | None:
    """Load all data that an assessment's score depends on as one row, or None if there is no such assessment."""
    return await reader.fetch_one(_SCORED, tenant_id=tenant_id, id=assessment_id)


def is_sealed(row: Row) -> bool:
    """Return whether the votes of the present round are unrevealed: while collecting, and after voiding in it."""
    state = row["state"]
    if state == AssessmentState.VOID:
        return bool(row["revealed_round"] < row["round"])
    return bool(state == AssessmentState.COLLECTING)


async def build_input(
    reader: Reader,
    tenant_id: UUID,
    row: Row,
    *,
    as_of: date | None,
    profile: Profile | None = None,
    digest_key: bytes | None = None,
) -> AssessmentInput:
    """Return the scoring input of a row.

    Args:
        profile: a profile to use instead of the frozen one, for comparison.
        digest_key: the tenant's secret, if others than the team see the result.
    """
    instrument = await load_instrument(reader, tenant_id, row["instrument_version_id"])
    frozen = profile or await load_profile(reader, tenant_id, row["scoring_profile_id"])
    if instrument is None or frozen is None:
        raise LookupError("an assessment's instrument and profile cannot be gone: foreign keys hold them")
    sealed = is_sealed(row)
    ids = row["ids"] or ()
    ballots = await _ballots(reader, tenant_id, row, ids, sealed=sealed)
    codes, nobody = instrument.scored.codes, _NO_LETTER * len(ids)
    agreed = _agreed(row)
    ratings = {practice: values for practice, *values in from_json(row["ratings"]) or ()}
    importance, feasibility, notes = zip(*[ratings.get(code, _NO_RATING) for code in codes], strict=True)
    return AssessmentInput(
        instrument=instrument.scored,
        profile=frozen,
        seats=tuple(map(Seat, ids, row["perspectives"] or ())),
        votes=tuple([ballots.get(code, nobody).encode("ascii").translate(_VOTE_OF_LETTER) for code in codes]),
        consensus=tuple([agreed.get(code) for code in codes]),
        left_unscored=tuple([note is not None for note in notes]),
        importance=importance,
        feasibility=feasibility,
        stage=row["stage"],
        as_of=as_of,
        has_administration_record=row["has_administration_record"],
        subject=_subject(row),
        sealed=sealed,
        digest_key=digest_key,
    )


def _agreed(row: Row) -> dict[str, Agreed]:
    return {
        practice: Agreed(parse_vote(on_wire(value)), note)
        for practice, value, note in from_json(row["consensus"]) or ()
    }


def _subject(row: Row) -> Subject:
    return Subject(
        str(row["id"]),
        row["title"],
        str(row["organization_id"]),
        row["organization_name"],
        str(row["program_id"]),
        row["program_name"],
    )


Ballot = str
#: A practice's votes in the database: the first letter of each stored value, in order of seats; a dash for none.
_NO_LETTER: Final = "-"
_VOTE_OF_LETTER: Final = bytes.maketrans(b"012dn-", bytes([0, 1, 2, DONT_KNOW, NOT_APPLICABLE, NO_VOTE]))
_NO_RATING: Final = (None, None, None)
#: A stored vote as the letter of a ballot.
_LETTER: Final = {"0": "0", "1": "1", "2": "2", "dont_know": "d", "not_applicable": "n"}


async def _ballots(reader: Reader, tenant_id: UUID, row: Row, ids: Sequence[str], *, sealed: bool) -> dict[str, Ballot]:
    """Return the counted votes by practice, as one letter for each seat.

    While sealed these are the votes of the present round that the count of voters includes.
    """
    practices, letters, count = row["practices"], row["letters"], len(ids)
    if not practices:
        return {}
    last = row["round"] if sealed else row["revealed_round"]
    first = last if sealed else 1
    complete = len(letters) == len(practices) * count and row["last_claim"] == 1
    # A withdrawn seat may have votes that no close counts.
    until = row["withdrawn_count_until"]
    all_count = sealed or until is None or row["last_round"] <= until
    if complete and all_count and first <= row["first_round"] == row["last_round"] <= last:
        return {practice: letters[at * count : (at + 1) * count] for at, practice in enumerate(practices)}
    rows = [tuple(row.values()) for row in await reader.fetch(_ONE_BY_ONE, tenant_id=tenant_id, id=row["id"])]
    votes, taking_part = [CastVote(*row[:6]) for row in rows], frozenset(ids)
    seats = {row[1]: SeatFacts(*row[6:]) for row in rows if row[1] in taking_part}
    chosen = sealed_votes(votes, seats, last) if sealed else counted_votes(votes, seats, last)
    return {
        practice: "".join([_LETTER[cast[seat]] if seat in cast else _NO_LETTER for seat in ids])
        for practice, cast in chosen.items()
    }
