"""Steps of the assessments: invitations, votes, consensus and administration records."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from uuid import UUID

from app.assessments import service as assessments
from app.assessments import transitions
from app.assessments.consensus import service
from app.assessments.consensus.schemas import (
    AdministrationPut,
    ChecklistAnswer,
    ConsensusPut,
    PracticeRatingPut,
    RolePresent,
)
from app.assessments.models import AssessmentState, Channel, ConsensusMethod
from app.assessments.participants import claim_service
from app.assessments.participants import service as seat_service
from app.assessments.participants.codes import Code, InvitationTerms
from app.assessments.participants.schemas import ParticipantCreate
from app.assessments.schemas import AssessmentCreate, AssessmentPatch, AssessmentTransition
from app.assessments.votes import service as vote_service
from app.assessments.votes.schemas import VotesCast
from app.db.transaction import Tx
from app.demo.sandbox import noon_of
from app.demo.spec import PRACTICES, Answers, PlacesSpec, SeatSpec, SessionSpec
from app.demo.steps import Action, DemoState, Step, ago
from app.principal import Principal, Role, Seat, SeatKind

_DRAFTED, _OPENED, _FIRST_VOTES = 14, 7, 6
_AGAIN = "again"
_TERMS = InvitationTerms(days=30)
_CHECKED = (
    "unit_named",
    "roles_present",
    "administrator_did_not_vote",
    "perspectives_present",
    "evidence_reviewed_first",
    "votes_sealed",
    "disagreements_discussed",
    "consensus_noted",
)
_REVEALED = frozenset({AssessmentState.CONSENSUS, AssessmentState.FINAL})


def steps(sessions: tuple[SessionSpec, ...], places: PlacesSpec) -> Iterator[Step]:
    """Yield all steps of the assessments."""
    return chain.from_iterable(_session(spec, places) for spec in sessions)


def _session(spec: SessionSpec, places: PlacesSpec) -> Iterator[Step]:
    yield _create_assessment(spec)
    for number, seat in enumerate(spec.team):
        yield from _invite(spec, seat, places, number)
    if spec.ends is AssessmentState.DRAFT:
        return
    yield _move(spec, AssessmentState.COLLECTING, "opened", ago(spec.day + _OPENED, "14:00"))
    for number, seat in enumerate(spec.team):
        yield from _cast_votes(spec, seat, number)
    if spec.ends is AssessmentState.VOID:
        yield _move(spec, AssessmentState.VOID, "voided", ago(spec.day, "14:00"), spec.reason)
    if spec.ends not in _REVEALED:
        return
    yield _set_date(spec)
    yield _move(spec, AssessmentState.CONSENSUS, "closed", ago(spec.day, "14:00"))
    if spec.reopened is not None:
        yield from _reopen(spec, spec.reopened)
    yield from _discuss(spec)
    if spec.ends is AssessmentState.FINAL:
        yield _record_administration(spec)
        yield _move(spec, AssessmentState.FINAL, "final", ago(spec.day, "17:00"))


def _create_assessment(spec: SessionSpec) -> Step:
    async def create(tx: Tx, state: DemoState) -> UUID:
        is_window = spec.ends is AssessmentState.COLLECTING
        session = noon_of(state.today) + ago(spec.day, "22:00")
        body = AssessmentCreate(
            implementation_id=state.the("implementations", spec.implementation),
            title=spec.title,
            closes_at=session if is_window else None,
        )
        return await assessments.create(tx, body)

    name = f"assessment/{spec.key}"
    return Step(name, ago(spec.day + _DRAFTED, "15:00"), Role.FACILITATOR, create, ("assessments", spec.key))


def _move(spec: SessionSpec, to: AssessmentState, name: str, at: timedelta, reason: str | None = None) -> Step:
    async def move(tx: Tx, state: DemoState) -> None:
        body = AssessmentTransition(to=to, reason=reason)
        await transitions.transition(tx, state.the("assessments", spec.key), body)

    return Step(f"assessment/{spec.key}/{name}", at, Role.FACILITATOR, move, changes=True)


def _set_date(spec: SessionSpec) -> Step:
    async def date_session(tx: Tx, state: DemoState) -> None:
        body = AssessmentPatch(administered_on=tx.now.date())
        await assessments.patch(tx, state.the("assessments", spec.key), body)

    return Step(f"assessment/{spec.key}/dated", ago(spec.day, "13:30"), Role.FACILITATOR, date_session, changes=True)


def claim_step_name(spec: SessionSpec, seat: SeatSpec) -> str:
    """Return the name of the step that claims a seat and issues its token."""
    return f"seat/{spec.key}/{seat.name}/claimed"


def _invite(spec: SessionSpec, seat: SeatSpec, places: PlacesSpec, number: int) -> Iterator[Step]:
    assert (seat.who is None) != (seat.label is None)  # noqa: S101  # the data files name exactly one
    label = seat.label or places.label_of(seat.who or "")
    name = f"{spec.key}/{seat.name}"

    async def invite(tx: Tx, state: DemoState) -> UUID:
        body = ParticipantCreate(
            seat=seat.seat,
            channel=Channel.PAPER if seat.on_paper else Channel.TOKEN,
            perspective=seat.perspective,
            label=label,
            person_id=state.id_of("people", seat.who),
        )
        assessment_id = state.the("assessments", spec.key)
        [(seat_id, invitation)] = (await seat_service.add(tx, assessment_id, body, _TERMS)).items()
        if invitation is not None:
            state.codes[name] = invitation.code or ""
        state.callers[name] = Principal(
            tenant_id=tx.tenant_id,
            id=seat_id,
            kind="seat",
            name=label,
            tenant_secret=tx.principal.tenant_secret,
            seat=Seat(assessment_id, seat_id, seat.seat, claim=1, sees_from=1),
        )
        return seat_id

    at = ago(spec.day + _DRAFTED, "15:10", number)
    yield Step(f"seat/{name}", at, Role.FACILITATOR, invite, ("seats", name))
    if not seat.on_paper:
        yield Step(claim_step_name(spec, seat), at + timedelta(hours=1), name, _claim(spec, name))
    if not seat.withdrawn:
        return

    async def withdraw(tx: Tx, state: DemoState) -> None:
        await seat_service.withdraw_seat(tx, state.the("assessments", spec.key), state.the("seats", name))

    at = ago(spec.day + _OPENED, "16:00")
    yield Step(f"seat/{name}/withdrawn", at, Role.FACILITATOR, withdraw, changes=True)


def _claim(spec: SessionSpec, name: str) -> Action:
    async def claim(tx: Tx, state: DemoState) -> None:
        code = Code.parse(state.codes.pop(name))
        assert code is not None  # noqa: S101  # an earlier step issued it
        await claim_service.claim(tx, state.the("assessments", spec.key), state.the("seats", name), code)

    return claim


def _cast_votes(spec: SessionSpec, seat: SeatSpec, number: int) -> Iterator[Step]:
    """Cast a respondent's votes some days before the session; enter paper votes when it begins."""
    at = ago(spec.day, "13:15") if seat.on_paper else ago(spec.day + _FIRST_VOTES - number % 2, "15:00", 19 * number)
    yield from _ballot(spec, seat, {**seat.votes, **seat.corrected}, at, "votes")
    corrections = {practice: seat.votes[practice] for practice in seat.corrected}
    yield from _ballot(spec, seat, corrections, at + timedelta(minutes=9), "correction", version=1)


def _ballot(
    spec: SessionSpec, seat: SeatSpec, answers: Answers, at: timedelta, kind: str, *, version: int | None = None
) -> Iterator[Step]:
    name = f"{spec.key}/{seat.name}"
    comments = {} if kind == _AGAIN else spec.comments

    async def cast(tx: Tx, state: DemoState) -> None:
        votes = [
            {
                "participant_id": state.the("seats", name),
                "practice": practice,
                "value": value,
                "comment": comments.get(f"{seat.name} {practice}"),
                "version": version,
            }
            for practice, value in answers.items()
        ]
        body = VotesCast.model_validate({"votes": votes})
        await vote_service.cast_many(tx, state.the("assessments", spec.key), body)

    if answers:
        yield Step(f"{kind}/{name}", at, Role.FACILITATOR if seat.on_paper else name, cast)


def _reopen(spec: SessionSpec, reason: str) -> Iterator[Step]:
    """Reopen voting during the session, for a second round."""
    yield _move(spec, AssessmentState.COLLECTING, "reopened", ago(spec.day, "14:40"), reason)
    for number, seat in enumerate(spec.team):
        yield from _ballot(spec, seat, seat.again, ago(spec.day, "14:42", number), _AGAIN)
    yield _move(spec, AssessmentState.CONSENSUS, "closed-again", ago(spec.day, "14:50"))


def _discuss(spec: SessionSpec) -> Iterator[Step]:
    for number, practice in enumerate(PRACTICES):
        if practice in spec.consensus:
            yield _record_consensus(spec, practice, ago(spec.day, "15:00", 7 * number))
        if {practice} & (spec.importance.keys() | spec.feasibility.keys() | spec.unscored.keys()):
            yield _rate(spec, practice, ago(spec.day, "16:10", number))


def _record_consensus(spec: SessionSpec, practice: str, at: timedelta) -> Step:
    body = ConsensusPut.model_validate(
        {
            "value": spec.consensus[practice],
            "note": spec.notes.get(practice),
            "dissent": spec.dissent.get(practice),
            "method": spec.methods.get(practice, ConsensusMethod.DISCUSSION),
        }
    )

    async def record(tx: Tx, state: DemoState) -> None:
        await service.record_consensus(tx, state.the("assessments", spec.key), practice, body)

    return Step(f"consensus/{spec.key}/{practice}", at, Role.FACILITATOR, record)


def _rate(spec: SessionSpec, practice: str, at: timedelta) -> Step:
    body = PracticeRatingPut(
        importance=spec.importance.get(practice),
        feasibility=spec.feasibility.get(practice),
        left_unscored=spec.unscored.get(practice),
    )

    async def rate(tx: Tx, state: DemoState) -> None:
        await service.rate_practice(tx, state.the("assessments", spec.key), practice, body)

    return Step(f"rating/{spec.key}/{practice}", at, Role.FACILITATOR, rate)


def _record_administration(spec: SessionSpec) -> Step:
    seats = [seat.seat for seat in spec.team]
    full = {SeatKind.FACILITATOR, SeatKind.NOTE_TAKER} <= set(seats)
    body = AdministrationPut(
        roles_present=[RolePresent(seat=kind, count=seats.count(kind)) for kind in SeatKind if kind in seats],
        evidence_reviewed=True,
        duration_minutes=spec.minutes,
        checklist=[ChecklistAnswer(code=code, done=full or code != "roles_present") for code in _CHECKED],
        deviations=spec.deviations,
    )

    async def record(tx: Tx, state: DemoState) -> None:
        await service.record_administration(tx, state.the("assessments", spec.key), body)

    return Step(f"administration/{spec.key}", ago(spec.day, "16:40"), Role.FACILITATOR, record)
