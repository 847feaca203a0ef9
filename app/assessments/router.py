"""The assessments' own routes; moves are in `app.readiness.router`, where finalizing meets scoring."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments import reads, revision_service, service
from app.assessments.errors import (
    ConfidentialUnavailable,
    FrozenAtOpening,
    NotFinal,
    RevisionExists,
    UnknownReference,
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
    RevisionCreate,
)
from app.db.failures import InUse
from app.errors import Frozen, NotFound
from app.http.calls import CallDep
from app.http.etags import etag
from app.http.openapi import IF_MATCH
from app.http.pages import page
from app.http.problems import problems
from app.http.respond import tagged
from app.http.write import write
from app.organizations.reads import sight
from app.organizations.service import OrganizationArchived
from app.schemas import Page

router = APIRouter(prefix="/v1/assessments", tags=["assessments"])


@router.get("", response_model=Page[AssessmentRead], responses=problems(NotFound))
async def list_assessments(call: CallDep, query: Annotated[AssessmentQuery, Query()]) -> Response:
    """List the assessments in sight."""
    within = await sight(call, call.principal, query.subtree)
    return await page(call, reads.LIST, query, scopes=within, caller=reads.caller(call.principal))


@router.post(
    "",
    status_code=201,
    response_model=AssessmentRead,
    responses=problems(OrganizationArchived, UnknownReference, ConfidentialUnavailable, WindowReversed),
)
async def create_assessment(call: CallDep, body: AssessmentCreate) -> Response:
    """Create an assessment, as a draft."""
    return await write(call, service.create, body)


@router.get("/{assessment_id}", response_model=AssessmentRead)
async def get_assessment(call: CallDep, assessment_id: UUID) -> Response:
    """Read one assessment."""
    version, body = await reads.get_rendered(call, call.principal, assessment_id)
    return tagged(call, body, etag(version, body))


@router.patch(
    "/{assessment_id}",
    response_model=AssessmentRead,
    responses=problems(Frozen, FrozenAtOpening, UnknownReference, WindowReversed),
    openapi_extra=IF_MATCH,
)
async def update_assessment(call: CallDep, assessment_id: UUID, body: AssessmentPatch) -> Response:
    """Change an assessment that has not ended."""
    return await write(call, service.patch, assessment_id, body)


@router.delete(
    "/{assessment_id}",
    status_code=204,
    response_class=Response,
    responses=problems(VoidFirst, InUse, Frozen),
    openapi_extra=IF_MATCH,
)
async def delete_assessment(call: CallDep, assessment_id: UUID) -> Response:
    """Delete a draft or a void assessment."""
    return await write(call, service.remove, assessment_id)


@router.post(
    "/{assessment_id}/revisions",
    status_code=201,
    response_model=AssessmentRead,
    responses=problems(NotFinal, RevisionExists),
    openapi_extra={"x-created-in": "/v1/assessments"},
)
async def revise_assessment(call: CallDep, assessment_id: UUID, body: RevisionCreate) -> Response:
    """Correct a final assessment by a revision that takes its place."""
    return await write(call, revision_service.revise, assessment_id, body)


@router.get("/{assessment_id}/history", response_model=Page[AssessmentChangeRead])
async def list_assessment_history(
    call: CallDep, assessment_id: UUID, query: Annotated[AssessmentChangeQuery, Query()]
) -> Response:
    """List the moves of an assessment: who, when and why."""
    await reads.row_of(call, call.principal, assessment_id, "listAssessmentHistory")
    return await page(call, reads.HISTORY, query, assessment_id=assessment_id)
