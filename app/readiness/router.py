"""The routes of readiness: for a stored assessment, and for votes in the request."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.http.context import ContextDep
from app.http.etags import etag
from app.http.openapi.build import TAGGED
from app.http.problems import problems
from app.http.responses import JSON, tagged
from app.readiness import compute, service
from app.readiness.compute_schemas import ReadinessCompute
from app.readiness.errors import UnknownInstrument, UnknownProfile
from app.readiness.schemas import ReadinessRead, ReadinessView
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
        Day | None, Query(description="Day to compute readiness for. Absent: today in the organization's time zone.")
    ] = None,
    profile: Annotated[
        UUID | None, Query(description="Id of another scoring profile than the frozen one, for comparison.")
    ] = None,
    view: Annotated[
        ReadinessView,
        Query(description="`full`: everything. `summary`: the two long lists are empty, for a quarter of the size."),
    ] = ReadinessView.FULL,
) -> Response:
    """Compute the readiness of an assessment, with everything that explains it.

    Use it to show a result. While votes are sealed it contains only how many were invited and how many voted; every
    figure that depends on votes is null with the reason `votes_sealed`. After the reveal it contains scores, bands,
    agreement, gaps and priorities. The scoring profile frozen with the assessment is used unless `profile` names
    another, for comparison; an unknown one is 422. Nothing is stored. The holder of a seat may read the readiness of
    its own assessment.
    """
    found = await service.get_readiness(context, assessment_id, as_of=as_of, profile_id=profile, view=view)
    return tagged(context, found.body, etag(found.version, found.tagged))


@router.post(
    "/readiness/compute",
    tags=["readiness"],
    response_model=ReadinessRead,
    responses=problems(UnknownInstrument, UnknownProfile),
    openapi_extra={"x-computes-only": True},
)
async def compute_readiness(context: ContextDep, body: ReadinessCompute) -> Response:
    """Compute readiness from the votes and consensus in the body.

    Use it to try out a scoring profile, or to score votes that are kept elsewhere. Every caller may do this: nothing
    is read from an assessment and nothing is stored. The votes in the body count as revealed. The answer is 422 if
    the instrument or the profile is unknown, or if a practice is not in the instrument.
    """
    return Response(await compute.compute(context, body), media_type=JSON)
