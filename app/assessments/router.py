"""The routes of assessments."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments import queries, revision_service, service, transitions
from app.assessments.errors import (
    AdministrationMissing,
    ConfidentialUnavailable,
    ConsensusLacksNote,
    FrozenAtOpening,
    InsufficientCoverage,
    NotFinal,
    ProvisionalPractice,
    RevisionExists,
    UnknownReference,
    UnscoredPractice,
    VoidFirst,
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
from app.http.responses import show_rendered
from app.http.write import write, write_and_read
from app.organizations.queries import visible_paths
from app.schemas import Page
from app.tree.archived import ImplementationEnded, OrganizationArchived

router = APIRouter(prefix="/v1/assessments", tags=["assessments"])


@router.get("", response_model=Page[AssessmentRead], responses=problems(NotFound))
async def list_assessments(context: ContextDep, query: Annotated[AssessmentQuery, Query()]) -> Response:
    """List the assessments in sight."""
    within = await visible_paths(context, context.principal, query.subtree)
    return await page(context, queries.LIST, query, scopes=within, caller=queries.caller(context.principal))


@router.post(
    "",
    status_code=201,
    response_model=AssessmentRead,
    responses=problems(
        OrganizationArchived, ImplementationEnded, UnknownReference, ConfidentialUnavailable, WindowReversed
    ),
)
async def create_assessment(context: ContextDep, body: AssessmentCreate) -> Response:
    """Create an assessment, as a draft."""
    return await write_and_read(context, queries.get_assessment, service.create, body)


@router.get("/{assessment_id}", response_model=AssessmentRead)
async def get_assessment(context: ContextDep, assessment_id: UUID) -> Response:
    """Read one assessment."""
    return show_rendered(context, await queries.get_assessment(context, assessment_id))


@router.patch(
    "/{assessment_id}",
    response_model=AssessmentRead,
    responses=problems(Frozen, FrozenAtOpening, UnknownReference, WindowReversed),
    openapi_extra=IF_MATCH,
)
async def update_assessment(context: ContextDep, assessment_id: UUID, body: AssessmentPatch) -> Response:
    """Change an assessment that has not ended."""
    return await write_and_read(context, queries.get_assessment, service.patch, assessment_id, body)


@router.delete(
    "/{assessment_id}",
    status_code=204,
    response_class=Response,
    responses=problems(VoidFirst, InUse, Frozen),
    openapi_extra=IF_MATCH,
)
async def delete_assessment(context: ContextDep, assessment_id: UUID) -> Response:
    """Delete a draft or a void assessment."""
    return await write(context, service.remove, assessment_id)


@router.post(
    "/{assessment_id}/revisions",
    status_code=201,
    response_model=AssessmentRead,
    responses=problems(NotFinal, RevisionExists, OrganizationArchived, ImplementationEnded),
    openapi_extra={"x-created-in": "/v1/assessments"},
)
async def revise_assessment(context: ContextDep, assessment_id: UUID, body: RevisionCreate) -> Response:
    """Correct a final assessment by a revision that takes its place."""
    return await write_and_read(context, queries.get_assessment, revision_service.revise, assessment_id, body)


@router.get("/{assessment_id}/history", response_model=Page[AssessmentChangeRead])
async def list_assessment_history(
    context: ContextDep, assessment_id: UUID, query: Annotated[AssessmentChangeQuery, Query()]
) -> Response:
    """List the moves of an assessment: who, when and why."""
    await queries.row_of(context, context.principal, assessment_id, "listAssessmentHistory")
    return await page(context, queries.HISTORY, query, assessment_id=assessment_id)


@router.post(
    "/{assessment_id}/transitions",
    response_model=AssessmentRead,
    responses=problems(
        InvalidTransition,
        ReasonRequired,
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
    """Move an assessment to its next state."""
    return await write_and_read(context, queries.get_assessment, transitions.transition, assessment_id, body)
