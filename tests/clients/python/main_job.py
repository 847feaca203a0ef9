"""The main job, by a client that openapi-python-client made of the document: `python main_job.py URL KEY`.

It runs in the generator's own environment, where the service cannot be imported. The exit status decides.
"""

import sys
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID, uuid4

from facilitative_administration_readiness_client import AuthenticatedClient, Client
from facilitative_administration_readiness_client.api.accounts import get_me
from facilitative_administration_readiness_client.api.action_items import (
    create_action_item,
    list_action_items,
    transition_action_item,
)
from facilitative_administration_readiness_client.api.assessments import (
    add_participant,
    cast_vote,
    claim_seat,
    create_assessment,
    record_administration,
    record_consensus,
    transition_assessment,
)
from facilitative_administration_readiness_client.api.health import get_ready_state
from facilitative_administration_readiness_client.api.organizations import (
    create_organization,
    get_organization,
    list_organizations,
    update_organization,
)
from facilitative_administration_readiness_client.api.programs import create_implementation, create_program
from facilitative_administration_readiness_client.api.readiness import get_readiness
from facilitative_administration_readiness_client.models import (
    ActionItemCreate,
    ActionItemPage,
    ActionItemRead,
    ActionItemTransition,
    ActionStatus,
    AdministrationPut,
    AdministrationRead,
    AssessmentCreate,
    AssessmentRead,
    AssessmentState,
    AssessmentTransition,
    ConsensusPut,
    ConsensusRead,
    ImplementationCreate,
    ImplementationRead,
    Me,
    OrganizationCreate,
    OrganizationKind,
    OrganizationPage,
    OrganizationPatch,
    OrganizationRead,
    ParticipantCreate,
    ParticipantCreated,
    Perspective,
    PracticeReadScoreType0,
    Problem,
    ProgramCreate,
    ProgramRead,
    ReadinessRead,
    Ready,
    RolePresent,
    SeatClaim,
    SeatClaimed,
    SeatKind,
    Stage,
    VoteCast,
    VoteRead,
)
from facilitative_administration_readiness_client.types import UNSET, Response

T = TypeVar("T")
VOTES = {
    Perspective.EXECUTIVE: [2, 1, 1, 2, 1, 1, 2, 1, 1],
    Perspective.SUPERVISOR: [2, 1, 1, 2, 0, 1, 2, 1, 1],
    Perspective.PRACTITIONER: [1, 1, 0, 2, 0, 1, 2, 1, 1],
}


def good(answer: Response[Any], kind: type[T], status: HTTPStatus = HTTPStatus.OK) -> T:
    """The parsed body of an answer that must be of this kind."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    assert isinstance(answer.parsed, kind), answer.parsed
    return answer.parsed


def refused(answer: Response[Any], status: HTTPStatus, code: str) -> Problem:
    """The problem of an answer that must be a failure."""
    problem = good(answer, Problem, status)
    assert (problem.status, problem.code) == (status, code), problem
    assert problem.request_id == answer.headers["X-Request-Id"]
    return problem


def main(url: str, key: str) -> None:
    """Everything from a new county to an action item."""
    assert good(get_ready_state.sync_detailed(client=Client(url)), Ready).status == "ready"
    client = AuthenticatedClient(url, key, raise_on_unexpected_status=True)
    with client:
        root_id = good(get_me.sync_detailed(client=client), Me).grants[0].organization_id
        county = make_county(client, root_id)
        assessment = make_assessment(client, root_id, county.id)
        vote(client, url, assessment)
        settle(client, assessment)
        practice = read_readiness(client, assessment.id)
        act(client, assessment.id, practice)
    refused(get_me.sync_detailed(client=AuthenticatedClient(url, "fa_x")), HTTPStatus.UNAUTHORIZED, "unauthorized")


def make_county(client: AuthenticatedClient, root_id: UUID) -> OrganizationRead:
    """Create, repeat, read again, change, collide, and page."""
    body = OrganizationCreate(parent_id=root_id, kind=OrganizationKind.COUNTY, name="North County")
    key = str(uuid4())
    made = create_organization.sync_detailed(client=client, body=body, idempotency_key=key)
    county = good(made, OrganizationRead, HTTPStatus.CREATED)
    assert made.headers["Location"] == f"/v1/organizations/{county.id}"
    again = create_organization.sync_detailed(client=client, body=body, idempotency_key=key)
    assert good(again, OrganizationRead, HTTPStatus.CREATED) == county
    assert again.headers["Idempotency-Replayed"] == "true"
    rehearsed = create_organization.sync_detailed(client=client, body=body, dry_run=True)
    assert good(rehearsed, OrganizationRead).name == "North County"

    read = get_organization.sync_detailed(county.id, client=client)
    assert good(read, OrganizationRead) == county
    tag = read.headers["ETag"]
    same = get_organization.sync_detailed(county.id, client=client, if_none_match=tag)
    assert (same.status_code, same.content) == (HTTPStatus.NOT_MODIFIED, b"")

    patch = OrganizationPatch(name="North and West County")
    changed = update_organization.sync_detailed(county.id, client=client, body=patch, if_match=tag)
    assert good(changed, OrganizationRead).version == county.version + 1
    stale = update_organization.sync_detailed(county.id, client=client, body=patch, if_match=tag)
    refused(stale, HTTPStatus.PRECONDITION_FAILED, "precondition_failed")
    assert stale.headers["ETag"].partition(".")[0] == changed.headers["ETag"].partition(".")[0]

    wrong = OrganizationCreate(parent_id=root_id, kind=OrganizationKind.COUNTY, name="")
    problem = refused(
        create_organization.sync_detailed(client=client, body=wrong), HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"
    )
    assert [error.pointer for error in problem.errors] == ["/body/name"]
    refused(get_organization.sync_detailed(uuid4(), client=client), HTTPStatus.NOT_FOUND, "not_found")
    page_through(client, county.id)
    return county


def page_through(client: AuthenticatedClient, county_id: UUID) -> None:
    """Seven sites, two a page, each once and in order."""
    sites = []
    for number in range(7):
        body = OrganizationCreate(parent_id=county_id, kind=OrganizationKind.SITE, name=f"Site {number}")
        site = good(create_organization.sync_detailed(client=client, body=body), OrganizationRead, HTTPStatus.CREATED)
        sites.append(site.id)
    found: list[UUID] = []
    sizes: list[int] = []
    cursor: str | None = None
    while cursor or not sizes:
        page = good(
            list_organizations.sync_detailed(client=client, parent_id=county_id, limit=2, cursor=cursor or UNSET),
            OrganizationPage,
        )
        found += [item.id for item in page.items]
        sizes.append(len(page.items))
        cursor = page.next_cursor
    assert found == sites
    assert sizes == [2, 2, 2, 1]
    bad = list_organizations.sync_detailed(client=client, parent_id=county_id, cursor="made-up")
    refused(bad, HTTPStatus.BAD_REQUEST, "invalid_cursor")


def make_assessment(client: AuthenticatedClient, root_id: UUID, county_id: UUID) -> AssessmentRead:
    """A program, the county's use of it, and a drafted assessment of that."""
    program = good(
        create_program.sync_detailed(client=client, body=ProgramCreate(organization_id=root_id, name="Connections")),
        ProgramRead,
        HTTPStatus.CREATED,
    )
    use = ImplementationCreate(organization_id=county_id, program_id=program.id, stage=Stage.INITIAL_IMPLEMENTATION)
    implementation = good(
        create_implementation.sync_detailed(client=client, body=use), ImplementationRead, HTTPStatus.CREATED
    )
    twice = create_implementation.sync_detailed(client=client, body=use)
    refused(twice, HTTPStatus.CONFLICT, "implementation_exists")
    drafted = AssessmentCreate(implementation_id=implementation.id, title="Baseline")
    return good(create_assessment.sync_detailed(client=client, body=drafted), AssessmentRead, HTTPStatus.CREATED)


def move(client: AuthenticatedClient, assessment_id: UUID, to: AssessmentState) -> AssessmentRead:
    """Move an assessment on."""
    body = AssessmentTransition(to=to)
    moved = transition_assessment.sync_detailed(assessment_id, client=client, body=body, if_match="*")
    return good(moved, AssessmentRead)


def vote(client: AuthenticatedClient, url: str, assessment: AssessmentRead) -> None:
    """Invite respondents, let each claim the seat, open, and let each vote with the seat's token."""
    seats = {}
    for perspective in VOTES:
        invited = ParticipantCreate(seat=SeatKind.RESPONDENT, perspective=perspective)
        added = good(
            add_participant.sync_detailed(assessment.id, client=client, body=invited),
            ParticipantCreated,
            HTTPStatus.CREATED,
        )
        assert added.invitation is not None
        assert added.invitation.code is not None
        claim = SeatClaim(code=added.invitation.code)
        claimed = claim_seat.sync_detailed(client=Client(url), body=claim)
        seats[perspective] = good(claimed, SeatClaimed, HTTPStatus.CREATED)
    assert move(client, assessment.id, AssessmentState.COLLECTING).state is AssessmentState.COLLECTING
    for perspective, seat in seats.items():
        assert seat.token is not None
        with AuthenticatedClient(url, seat.token, raise_on_unexpected_status=True) as holder:
            for number, value in enumerate(VOTES[perspective], start=1):
                cast = cast_vote.sync_detailed(
                    assessment.id, seat.participant_id, f"P{number}", client=holder, body=VoteCast(value=value)
                )
                assert good(cast, VoteRead, HTTPStatus.CREATED).value == value
            other = next(one for one in seats.values() if one.participant_id != seat.participant_id)
            foreign = cast_vote.sync_detailed(
                assessment.id, other.participant_id, "P1", client=holder, body=VoteCast(value=0)
            )
            refused(foreign, HTTPStatus.FORBIDDEN, "not_your_seat")
    sealed = good(get_readiness.sync_detailed(assessment.id, client=client), ReadinessRead)
    assert (sealed.sealed, sealed.readiness, sealed.reason) == (True, None, "votes_sealed")
    assert (sealed.voting.invited, sealed.voting.voted) == (3, 3)


def settle(client: AuthenticatedClient, assessment: AssessmentRead) -> None:
    """Close the votes, record what the team agrees on, and make it final."""
    move(client, assessment.id, AssessmentState.CONSENSUS)
    early = transition_assessment.sync_detailed(
        assessment.id, client=client, body=AssessmentTransition(to=AssessmentState.FINAL), if_match="*"
    )
    problem = good(early, Problem, HTTPStatus.CONFLICT)
    assert problem.code in {"no_administration_record", "provisional_practice"}, problem
    for practice, value, note in (("P1", 2, "Funded."), ("P3", 1, None), ("P5", 0, "On top of it all.")):
        body = ConsensusPut(value=value, note=note)
        recorded = record_consensus.sync_detailed(assessment.id, practice, client=client, body=body)
        assert good(recorded, ConsensusRead, HTTPStatus.CREATED).value == value
    blind = record_consensus.sync_detailed(assessment.id, "P5", client=client, body=ConsensusPut(value=1))
    refused(blind, HTTPStatus.PRECONDITION_REQUIRED, "precondition_required")
    present = [RolePresent(seat=SeatKind.RESPONDENT, count=3)]
    held = AdministrationPut(roles_present=present, evidence_reviewed=True)
    good(
        record_administration.sync_detailed(assessment.id, client=client, body=held),
        AdministrationRead,
        HTTPStatus.CREATED,
    )
    assert move(client, assessment.id, AssessmentState.FINAL).state is AssessmentState.FINAL
    late = record_consensus.sync_detailed(assessment.id, "P5", client=client, body=ConsensusPut(value=1), if_match="*")
    refused(late, HTTPStatus.LOCKED, "frozen")


def read_readiness(client: AuthenticatedClient, assessment_id: UUID) -> str:
    """The score, typed down to a practice; answers the code of the widest gap."""
    answer = get_readiness.sync_detailed(assessment_id, client=client)
    read = good(answer, ReadinessRead)
    same = get_readiness.sync_detailed(assessment_id, client=client, if_none_match=answer.headers["ETag"])
    assert same.status_code == HTTPStatus.NOT_MODIFIED
    assert read.readiness is not None
    assert round(read.readiness, 6) == 61.111111
    assert read.band == "advancing"
    assert read.bounds is not None
    assert read.bounds[0] <= read.readiness <= read.bounds[1]
    practices = {practice.code: practice for practice in read.practices}
    widest = practices["P5"]
    assert widest.score is PracticeReadScoreType0.VALUE_0
    assert widest.gap == 1
    assert widest.votes is not None
    assert widest.consensus is not None
    assert (widest.consensus.value, widest.consensus.has_note) == (0, True)
    contributions = [practice.contribution for practice in read.practices if practice.contribution is not None]
    assert abs(sum(contributions) - read.readiness) < 0.0001
    return widest.code


def act(client: AuthenticatedClient, assessment_id: UUID, practice: str) -> None:
    """An action item of the gap, taken up and found again."""
    body = ActionItemCreate(assessment_id=assessment_id, practices=[practice])
    made = create_action_item.sync_detailed(client=client, body=body)
    item = good(made, ActionItemRead, HTTPStatus.CREATED)
    moved = transition_action_item.sync_detailed(
        item.id, client=client, body=ActionItemTransition(to=ActionStatus.OPEN), if_match=made.headers["ETag"]
    )
    assert good(moved, ActionItemRead).status is ActionStatus.OPEN
    found = list_action_items.sync_detailed(client=client, assessment_id=assessment_id, status=[ActionStatus.OPEN])
    assert [one.id for one in good(found, ActionItemPage).items] == [item.id]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
