"""Build the scoring input of an assessment from one statement, the cached instrument and the cached profile."""

from collections.abc import Collection, Mapping, Sequence
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
    not_,
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
from app.assessments.signals import list_coverages
from app.assessments.votes.schemas import from_stored
from app.db.statement import Read, Reader, Row, from_json
from app.metrics.signals import reported_figures
from app.principal import SeatKind
from app.programs.models import Implementation, Program
from app.scoring import DONT_KNOW, NO_VOTE, NOT_APPLICABLE, AssessmentInput, Coverage, Seat, Subject, parse_vote
from app.scoring import Consensus as ScoringConsensus
from app.scoring import ScoringProfile as Profile
from app.tree.models import Organization


def _belongs_to_assessment(table: Any) -> Any:
    return and_(table.tenant_id == col(Assessment.tenant_id), table.assessment_id == col(Assessment.id))


# The same rule as `is_sealed`.
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
    .where(_belongs_to_assessment(Participant), _TAKES_PART)
    .correlate(Assessment)
    .lateral("seats")
)
# Usually every seat has voted on every practice, once and with its first claim. Then the first letters of the votes, in
# order of practices and seats, are all that scoring needs. Otherwise `_ALL_VOTES` reads the votes row by row.
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
    .where(_belongs_to_assessment(Vote), col(Vote.participant_id) == any_(_SEATS.c["keys"]))
    .correlate(Assessment, _SEATS)
    .lateral("ballots")
)
# All votes of an assessment, each with the facts of its seat that decide whether it counts.
_ALL_VOTES = Read(
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
    .where(_belongs_to_assessment(Consensus))
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
    .where(_belongs_to_assessment(PracticeRating))
    .correlate(Assessment)
    .scalar_subquery()
)
_FIGURES = reported_figures(
    tenant_id=col(Assessment.tenant_id),
    organization_id=col(Assessment.organization_id),
    program_id=col(Program.id),
    frozen_ids=col(Assessment.signal_metric_ids),
    is_revealed=and_(col(Assessment.revealed_round) > literal_column("0"), not_(_IS_SEALED)),
    is_final=col(Assessment.state) == literal_column(f"'{AssessmentState.FINAL}'", Text),
)
_SCORING_ROW = Read(
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
        exists().where(_belongs_to_assessment(AdministrationRecord)).label("has_administration_record"),
        _FIGURES.label("figures"),
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


async def load_scoring_row(
    reader: Reader, tenant_id: UUID, assessment_id: UUID, *, as_of: date | None = None
) -> Row | None:
    """Load all data that the result of an assessment depends on as one row; None if there is no such assessment.

    Args:
        as_of: the last day whose figures of metrics are loaded; None: all.
    """
    return await reader.fetch_one(_SCORING_ROW, tenant_id=tenant_id, id=assessment_id, as_of=as_of)


def is_sealed(row: Row) -> bool:
    """Return whether the votes of the present round are sealed: it is open, or it was voided before its close."""
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
    own_organizations: Collection[UUID] | None = None,
    digest_key: bytes | None = None,
) -> AssessmentInput:
    """Return the scoring input of a row.

    Args:
        row: as `load_scoring_row` returned it.
        as_of: the day that the result is asked for.
        profile: a profile to use instead of the frozen one, for comparison.
        own_organizations: the organizations at which the reader of the result has a role. They decide which small
            numbers the signals of the practices show. None: leave the signals out.
        digest_key: the tenant's secret. Pass it if the result goes to a caller: see `AssessmentInput.digest_key`.
    """
    instrument = await load_instrument(reader, tenant_id, row["instrument_version_id"])
    profile = profile or await load_profile(reader, tenant_id, row["scoring_profile_id"])
    if instrument is None or profile is None:
        raise LookupError("foreign keys keep the instrument and the profile of an assessment from being deleted")
    sealed, ids = is_sealed(row), row["ids"] or ()
    letters = await _count_letters(reader, tenant_id, row, ids, sealed=sealed)
    codes, no_votes = instrument.scored.codes, _NO_LETTER * len(ids)
    consensus = _read_consensus(row)
    ratings = {practice: values for practice, *values in from_json(row["ratings"]) or ()}
    importance, feasibility, notes = zip(*[ratings.get(code, _NO_RATING) for code in codes], strict=True)
    coverages: Mapping[str, Coverage] = {}
    if own_organizations is not None and as_of is not None and row["figures"] is not None:
        coverages = list_coverages(row, profile, as_of, own_organizations)
    return AssessmentInput(
        instrument=instrument.scored,
        profile=profile,
        seats=tuple(map(Seat, ids, row["perspectives"] or ())),
        votes=tuple([letters.get(code, no_votes).encode("ascii").translate(_VOTE_OF_LETTER) for code in codes]),
        consensus=tuple([consensus.get(code) for code in codes]),
        left_unscored=tuple([note is not None for note in notes]),
        importance=importance,
        feasibility=feasibility,
        stage=row["stage"],
        as_of=as_of,
        has_administration_record=row["has_administration_record"],
        subject=_subject(row),
        sealed=sealed,
        coverages=coverages,
        digest_key=digest_key,
    )


def _read_consensus(row: Row) -> dict[str, ScoringConsensus]:
    return {
        practice: ScoringConsensus(parse_vote(from_stored(value)), note)
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


# The votes on a practice are text, one letter for each seat in order: the first letter of the stored vote, or a dash.
_NO_LETTER: Final = "-"
_VOTE_OF_LETTER: Final = bytes.maketrans(b"012dn-", bytes([0, 1, 2, DONT_KNOW, NOT_APPLICABLE, NO_VOTE]))
_NO_RATING: Final = (None, None, None)
_LETTER: Final = {"0": "0", "1": "1", "2": "2", "dont_know": "d", "not_applicable": "n"}


async def _count_letters(
    reader: Reader, tenant_id: UUID, row: Row, ids: Sequence[str], *, sealed: bool
) -> dict[str, str]:
    """Return the letters of the votes that count, by practice.

    While votes are sealed, these are the votes of the present round that the count of voters includes.
    """
    practices, letters, count = row["practices"], row["letters"], len(ids)
    if not practices:
        return {}
    last = row["round"] if sealed else row["revealed_round"]
    first = last if sealed else 1
    complete = len(letters) == len(practices) * count and row["last_claim"] == 1
    # Votes that a withdrawn seat cast after the last reveal before its withdrawal do not count.
    until = row["withdrawn_count_until"]
    all_count = sealed or until is None or row["last_round"] <= until
    if complete and all_count and first <= row["first_round"] == row["last_round"] <= last:
        return {practice: letters[at * count : (at + 1) * count] for at, practice in enumerate(practices)}
    rows = [tuple(row.values()) for row in await reader.fetch(_ALL_VOTES, tenant_id=tenant_id, id=row["id"])]
    votes, taking_part = [CastVote(*row[:6]) for row in rows], frozenset(ids)
    seats = {row[1]: SeatFacts(*row[6:]) for row in rows if row[1] in taking_part}
    chosen = sealed_votes(votes, seats, last) if sealed else counted_votes(votes, seats, last)
    return {
        practice: "".join([_LETTER[cast[seat]] if seat in cast else _NO_LETTER for seat in ids])
        for practice, cast in chosen.items()
    }
