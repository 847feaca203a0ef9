"""The routes of readiness: of a stored assessment, and of input that is sent."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.http.context import ContextDep
from app.http.openapi.build import TAGGED
from app.http.problems import problems
from app.http.responses import JSON, tagged
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
    context: ContextDep,
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
    body, tag = await service.readiness_of(context, assessment_id, as_of=as_of, profile_id=profile, view=view)
    return tagged(context, body, tag)


@router.post(
    "/readiness/compute",
    tags=["readiness"],
    response_model=ReadinessRead,
    responses=problems(UnknownInstrument, UnknownProfile),
    openapi_extra={"x-computes-only": True},
)
async def compute_readiness(context: ContextDep, body: ReadinessCompute) -> Response:
    """Compute readiness from votes and consensus that are sent; nothing is stored."""
    return Response(await compute.compute(context, body), media_type=JSON)
