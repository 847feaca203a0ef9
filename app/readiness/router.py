"""The routes where assessments meet scoring: readiness, computation, and every move of an assessment."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments.errors import (
    AdministrationMissing,
    ConsensusLacksNote,
    InsufficientCoverage,
    ProvisionalPractice,
    UnscoredPractice,
)
from app.assessments.schemas import AssessmentRead, AssessmentTransition
from app.errors import InvalidTransition, ReasonRequired
from app.http.calls import CallDep
from app.http.openapi import IF_MATCH, TAGGED
from app.http.problems import problems
from app.http.respond import JSON, tagged
from app.http.write import write
from app.organizations.service import OrganizationArchived
from app.readiness import compute, service
from app.readiness.errors import UnknownInstrument, UnknownProfile
from app.readiness.schemas import ReadinessCompute, ReadinessRead, ReadinessView
from app.schemas import Day

router = APIRouter(prefix="/v1")


@router.get(
    "/assessments/{assessment_id}/readiness",
    tags=["readiness"],
    response_model=ReadinessRead,
    responses=TAGGED | problems(UnknownProfile),
)
async def get_readiness(
    call: CallDep,
    assessment_id: UUID,
    as_of: Annotated[
        Day | None, Query(description="The date asked for; absent: today where the organization is.")
    ] = None,
    profile: Annotated[
        UUID | None, Query(description="Another scoring profile than the frozen one, for a look at what it gives.")
    ] = None,
    view: Annotated[
        ReadinessView,
        Query(description="`summary` leaves the two long lists empty: a quarter of the size. They are in `full`."),
    ] = ReadinessView.FULL,
) -> Response:
    """Compute the readiness of an assessment, with everything that explains it."""
    body, tag = await service.readiness_of(call, assessment_id, as_of=as_of, profile_id=profile, view=view)
    return tagged(call, body, tag)


@router.post(
    "/readiness/compute",
    tags=["readiness"],
    response_model=ReadinessRead,
    responses=problems(UnknownInstrument, UnknownProfile),
    openapi_extra={"x-computes-only": True},
)
async def compute_readiness(call: CallDep, body: ReadinessCompute) -> Response:
    """Compute readiness from votes and consensus that are sent; nothing is stored."""
    return Response(await compute.compute(call, body), media_type=JSON)


@router.post(
    "/assessments/{assessment_id}/transitions",
    tags=["assessments"],
    response_model=AssessmentRead,
    responses=problems(
        InvalidTransition,
        ReasonRequired,
        OrganizationArchived,
        InsufficientCoverage,
        AdministrationMissing,
        UnscoredPractice,
        ProvisionalPractice,
        ConsensusLacksNote,
    ),
    openapi_extra=IF_MATCH,
)
async def transition_assessment(call: CallDep, assessment_id: UUID, body: AssessmentTransition) -> Response:
    """Move an assessment to its next state."""
    return await write(call, service.transition, assessment_id, body)
