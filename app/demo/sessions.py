"""Scenes of the assessments: invited, voted, discussed, recorded."""

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
from app.demo.scenes import Do, Scene, World, ago
from app.demo.story import PRACTICES, Answers, Places, SeatTold, SessionTold
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


def scenes(sessions: tuple[SessionTold, ...], places: Places) -> Iterator[Scene]:
    """All of them."""
    return chain.from_iterable(_session(told, places) for told in sessions)


def _session(told: SessionTold, places: Places) -> Iterator[Scene]:
    yield _created(told)
    for number, seat in enumerate(told.team):
        yield from _invited(told, seat, places, number)
    if told.ends is AssessmentState.DRAFT:
        return
    yield _moved(told, AssessmentState.COLLECTING, "opened", ago(told.day + _OPENED, "14:00"))
    for number, seat in enumerate(told.team):
        yield from _voted(told, seat, number)
    if told.ends is AssessmentState.VOID:
        yield _moved(told, AssessmentState.VOID, "voided", ago(told.day, "14:00"), told.reason)
    if told.ends not in _REVEALED:
        return
    yield _dated(told)
    yield _moved(told, AssessmentState.CONSENSUS, "closed", ago(told.day, "14:00"))
    if told.reopened is not None:
        yield from _reopened(told, told.reopened)
    yield from _discussed(told)
    if told.ends is AssessmentState.FINAL:
        yield _administered(told)
        yield _moved(told, AssessmentState.FINAL, "final", ago(told.day, "17:00"))


def _created(told: SessionTold) -> Scene:
    async def create(tx: Tx, world: World) -> UUID:
        is_window = told.ends is AssessmentState.COLLECTING
        session = noon_of(world.today) + ago(told.day, "22:00")
        body = AssessmentCreate(
            implementation_id=world.the("implementations", told.implementation),
            title=told.title,
            closes_at=session if is_window else None,
        )
        return await assessments.create(tx, body)

    name = f"assessment/{told.key}"
    return Scene(name, ago(told.day + _DRAFTED, "15:00"), Role.FACILITATOR, create, ("assessments", told.key))


def _moved(told: SessionTold, to: AssessmentState, name: str, at: timedelta, reason: str | None = None) -> Scene:
    async def move(tx: Tx, world: World) -> None:
        body = AssessmentTransition(to=to, reason=reason)
        await transitions.transition(tx, world.the("assessments", told.key), body)

    return Scene(f"assessment/{told.key}/{name}", at, Role.FACILITATOR, move, changes=True)


def _dated(told: SessionTold) -> Scene:
    async def date_session(tx: Tx, world: World) -> None:
        body = AssessmentPatch(administered_on=tx.now.date())
        await assessments.patch(tx, world.the("assessments", told.key), body)

    return Scene(f"assessment/{told.key}/dated", ago(told.day, "13:30"), Role.FACILITATOR, date_session, changes=True)


def scene_of_claim(told: SessionTold, seat: SeatTold) -> str:
    """The scene in which a seat is claimed and its token issued."""
    return f"seat/{told.key}/{seat.name}/claimed"


def _invited(told: SessionTold, seat: SeatTold, places: Places, number: int) -> Iterator[Scene]:
    assert (seat.who is None) != (seat.label is None)  # noqa: S101  # the story's own files say one of them
    label = seat.label or places.label_of(seat.who or "")
    name = f"{told.key}/{seat.name}"

    async def invite(tx: Tx, world: World) -> UUID:
        body = ParticipantCreate(
            seat=seat.seat,
            channel=Channel.PAPER if seat.on_paper else Channel.TOKEN,
            perspective=seat.perspective,
            label=label,
            person_id=world.id_of("people", seat.who),
        )
        assessment_id = world.the("assessments", told.key)
        made = await seat_service.add(tx, assessment_id, body, _TERMS)
        if made.invitation is not None:
            world.codes[name] = made.invitation.code or ""
        world.callers[name] = Principal(
            tenant_id=tx.tenant_id,
            id=made.id,
            kind="seat",
            name=label,
            tenant_secret=tx.principal.tenant_secret,
            seat=Seat(assessment_id, made.id, seat.seat, claim=1, sees_from=1),
        )
        return made.id

    at = ago(told.day + _DRAFTED, "15:10", number)
    yield Scene(f"seat/{name}", at, Role.FACILITATOR, invite, ("seats", name))
    if not seat.on_paper:
        yield Scene(scene_of_claim(told, seat), at + timedelta(hours=1), name, _claim(told, name))
    if not seat.withdrawn:
        return

    async def withdraw(tx: Tx, world: World) -> None:
        await seat_service.withdraw_seat(tx, world.the("assessments", told.key), world.the("seats", name))

    at = ago(told.day + _OPENED, "16:00")
    yield Scene(f"seat/{name}/withdrawn", at, Role.FACILITATOR, withdraw, changes=True)


def _claim(told: SessionTold, name: str) -> Do:
    async def claim(tx: Tx, world: World) -> None:
        code = Code.parse(world.codes.pop(name))
        assert code is not None  # noqa: S101  # the scene before drew it
        await claim_service.claim(tx, world.the("assessments", told.key), world.the("seats", name), code)

    return claim


def _voted(told: SessionTold, seat: SeatTold, number: int) -> Iterator[Scene]:
    """A respondent's ballot, some days before the session; one on paper is entered at its beginning."""
    at = ago(told.day, "13:15") if seat.on_paper else ago(told.day + _FIRST_VOTES - number % 2, "15:00", 19 * number)
    yield from _ballot(told, seat, {**seat.votes, **seat.corrected}, at, "votes")
    corrections = {practice: seat.votes[practice] for practice in seat.corrected}
    yield from _ballot(told, seat, corrections, at + timedelta(minutes=9), "correction", version=1)


def _ballot(
    told: SessionTold, seat: SeatTold, answers: Answers, at: timedelta, kind: str, *, version: int | None = None
) -> Iterator[Scene]:
    name = f"{told.key}/{seat.name}"
    comments = {} if kind == _AGAIN else told.comments

    async def cast(tx: Tx, world: World) -> None:
        votes = [
            {
                "participant_id": world.the("seats", name),
                "practice": practice,
                "value": value,
                "comment": comments.get(f"{seat.name} {practice}"),
                "version": version,
            }
            for practice, value in answers.items()
        ]
        body = VotesCast.model_validate({"votes": votes})
        await vote_service.cast_many(tx, world.the("assessments", told.key), body)

    if answers:
        yield Scene(f"{kind}/{name}", at, Role.FACILITATOR if seat.on_paper else name, cast)


def _reopened(told: SessionTold, reason: str) -> Iterator[Scene]:
    """A second round, in the session itself."""
    yield _moved(told, AssessmentState.COLLECTING, "reopened", ago(told.day, "14:40"), reason)
    for number, seat in enumerate(told.team):
        yield from _ballot(told, seat, seat.again, ago(told.day, "14:42", number), _AGAIN)
    yield _moved(told, AssessmentState.CONSENSUS, "closed-again", ago(told.day, "14:50"))


def _discussed(told: SessionTold) -> Iterator[Scene]:
    for number, practice in enumerate(PRACTICES):
        if practice in told.consensus:
            yield _agreed(told, practice, ago(told.day, "15:00", 7 * number))
        if {practice} & (told.importance.keys() | told.feasibility.keys() | told.unscored.keys()):
            yield _rated(told, practice, ago(told.day, "16:10", number))


def _agreed(told: SessionTold, practice: str, at: timedelta) -> Scene:
    body = ConsensusPut.model_validate(
        {
            "value": told.consensus[practice],
            "note": told.notes.get(practice),
            "dissent": told.dissent.get(practice),
            "method": told.methods.get(practice, ConsensusMethod.DISCUSSION),
        }
    )

    async def record(tx: Tx, world: World) -> None:
        await service.record_consensus(tx, world.the("assessments", told.key), practice, body)

    return Scene(f"consensus/{told.key}/{practice}", at, Role.FACILITATOR, record)


def _rated(told: SessionTold, practice: str, at: timedelta) -> Scene:
    body = PracticeRatingPut(
        importance=told.importance.get(practice),
        feasibility=told.feasibility.get(practice),
        left_unscored=told.unscored.get(practice),
    )

    async def rate(tx: Tx, world: World) -> None:
        await service.rate_practice(tx, world.the("assessments", told.key), practice, body)

    return Scene(f"rating/{told.key}/{practice}", at, Role.FACILITATOR, rate)


def _administered(told: SessionTold) -> Scene:
    seats = [seat.seat for seat in told.team]
    full = {SeatKind.FACILITATOR, SeatKind.NOTE_TAKER} <= set(seats)
    body = AdministrationPut(
        roles_present=[RolePresent(seat=kind, count=seats.count(kind)) for kind in SeatKind if kind in seats],
        evidence_reviewed=True,
        duration_minutes=told.minutes,
        checklist=[ChecklistAnswer(code=code, done=full or code != "roles_present") for code in _CHECKED],
        deviations=told.deviations,
    )

    async def record(tx: Tx, world: World) -> None:
        await service.record_administration(tx, world.the("assessments", told.key), body)

    return Scene(f"administration/{told.key}", ago(told.day, "16:40"), Role.FACILITATOR, record)
