"""The routes of assessments."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.subtrees import visible_paths
from app.assessments import queries, revision_service, service, transitions
from app.assessments.errors import (
    AdministeredInFuture,
    AdministrationMissing,
    ConfidentialUnavailable,
    ConsensusLacksNote,
    FrozenAtOpening,
    ImplementationRequired,
    InsufficientCoverage,
    NotFinal,
    ProvisionalPractice,
    RevisionExists,
    UnknownReference,
    UnscoredPractice,
    VoidFirst,
    WindowEnded,
    WindowReversed,
)
from app.assessments.schemas import (
    AssessmentChangeQuery,
    AssessmentChangeRead,
    AssessmentCreate,
    AssessmentPatch,
    AssessmentQuery,
    AssessmentRead,
    AssessmentTransition,
    RevisionCreate,
)
from app.db.errors import InUse
from app.errors import Frozen, InvalidTransition, NotFound, ReasonRequired
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.schemas import Page
from app.tree.archived import ImplementationEnded, OrganizationArchived

router = APIRouter(prefix="/v1/assessments", tags=["assessments"])


@router.get("", response_model=Page[AssessmentRead], responses=problems(NotFound))
async def list_assessments(context: ContextDep, query: Annotated[AssessmentQuery, Query()]) -> Response:
    """List assessments.

    Use it to find an assessment, or to show results over time. The list contains the assessments of every
    organization you can read; with `subtree`, those of one organization and everything below it, which is 404 if it
    is not visible to you. `superseded=false` leaves out assessments that a final revision replaced. `updated_since`
    follows changes of the assessment itself, not renames of its organization or program.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    return await page(context, queries.LIST, query, visible=within, caller=queries.caller_arguments(context.principal))


@router.post(
    "",
    status_code=201,
    response_model=AssessmentRead,
    responses=problems(
        OrganizationArchived,
        ImplementationEnded,
        ImplementationRequired,
        UnknownReference,
        ConfidentialUnavailable,
        WindowReversed,
        WindowEnded,
        AdministeredInFuture,
    ),
)
async def create_assessment(context: ContextDep, body: AssessmentCreate) -> Response:
    """Create an assessment, as a draft.

    Name the implementation to assess, or with `based_on` an assessment to start from: its seats and ratings are copied,
    its votes are not. Nobody is invited and nothing can be voted on until it is opened. `administered_on` must not lie
    in the future, and a window must not have ended.
    """
    return await write_and_read(context, queries.get_assessment, service.create, body)


@router.get("/{assessment_id}", response_model=AssessmentRead)
async def get_assessment(context: ContextDep, assessment_id: UUID) -> Response:
    """Read one assessment.

    Use it to show its state and the transitions you may make, or to get the `ETag` that a change needs. Readers of
    its organization and the holders of its seats may read it. The answer is 404 to everyone else.
    """
    return show(context, await queries.get_assessment(context, assessment_id))


@router.patch(
    "/{assessment_id}",
    response_model=AssessmentRead,
    responses=problems(Frozen, FrozenAtOpening, UnknownReference, WindowReversed, WindowEnded, AdministeredInFuture),
    openapi_extra=IF_MATCH,
)
async def update_assessment(context: ContextDep, assessment_id: UUID, body: AssessmentPatch) -> Response:
    """Change an assessment that is neither final nor void.

    Instrument, profile and stage change in a draft only: opening freezes them. Another instrument deletes the ratings
    of practices it does not have. A window that has ended is refused. A change that changes nothing keeps the version.
    """
    return await write_and_read(context, queries.get_assessment, service.patch, assessment_id, body)


@router.delete(
    "/{assessment_id}",
    status_code=204,
    response_class=Response,
    responses=problems(VoidFirst, InUse, Frozen),
    openapi_extra=IF_MATCH,
)
async def delete_assessment(context: ContextDep, assessment_id: UUID) -> Response:
    """Delete a draft or a void assessment.

    Everything that belongs to it is deleted with it. Void one that was opened first. Action items that come from it
    keep it from being deleted.
    """
    return await write(context, service.remove, assessment_id)


@router.post(
    "/{assessment_id}/revisions",
    status_code=201,
    response_model=AssessmentRead,
    responses=problems(NotFinal, RevisionExists, AdministeredInFuture, OrganizationArchived, ImplementationEnded),
    openapi_extra={"x-created-in": "/v1/assessments"},
)
async def revise_assessment(context: ContextDep, assessment_id: UUID, body: RevisionCreate) -> Response:
    """Correct a final assessment by a revision that takes its place.

    The revision is a copy in `consensus`, with the seats (without tokens), votes, consensus, ratings and record of the
    corrected one. The corrected assessment counts until the revision is final. There is one revision at a time; void it
    to begin another.
    """
    return await write_and_read(context, queries.get_assessment, revision_service.revise, assessment_id, body)


@router.get("/{assessment_id}/history", response_model=Page[AssessmentChangeRead])
async def list_assessment_history(
    context: ContextDep, assessment_id: UUID, query: Annotated[AssessmentChangeQuery, Query()]
) -> Response:
    """List the transitions of an assessment, oldest first.

    Use it to see who made each transition, when and why. The first entry is the creation. Readers of its organization
    and the holders of its seats may read it; the answer is 404 to everyone else.
    """
    await queries.require_assessment_row(context, context.principal, assessment_id, "listAssessmentHistory")
    return await page(context, queries.HISTORY, query, assessment_id=assessment_id)


@router.post(
    "/{assessment_id}/transitions",
    response_model=AssessmentRead,
    responses=problems(
        InvalidTransition,
        ReasonRequired,
        WindowEnded,
        AdministeredInFuture,
        OrganizationArchived,
        ImplementationEnded,
        InsufficientCoverage,
        AdministrationMissing,
        UnscoredPractice,
        ProvisionalPractice,
        ConsensusLacksNote,
    ),
    openapi_extra=IF_MATCH,
)
async def transition_assessment(context: ContextDep, assessment_id: UUID, body: AssessmentTransition) -> Response:
    """Transition an assessment to its next state.

    `allowed_transitions` of the assessment lists the states it may take. `collecting` opens the voting: it freezes
    instrument, profile and stage, and is refused where `closes_at` has passed or `administered_on` lies in the
    future. `consensus` closes it and reveals the votes. From there `collecting` reopens the voting for another round;
    change or clear a `closes_at` that has passed first. `final` needs enough scored practices, a consensus where
    votes differ and the administration record; `errors` lists what is missing. Reopening, and voiding what was
    opened, need a reason.
    """
    return await write_and_read(context, queries.get_assessment, transitions.transition, assessment_id, body)
