"""The routes for consensus, ratings and the administration record."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments.consensus import queries, service
from app.assessments.consensus.schemas import (
    AdministrationPut,
    AdministrationRead,
    ConsensusPut,
    ConsensusRead,
    DecisionQuery,
    PracticeRatingPut,
    PracticeRatingRead,
)
from app.assessments.errors import ConsensusNoteRequired, NotInConsensus
from app.assessments.queries import row_of
from app.db.errors import AlreadyExists
from app.errors import Frozen
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH, IF_MATCH_TO_REPLACE
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write
from app.schemas import Key, Page

router = APIRouter(prefix="/v1/assessments/{assessment_id}", tags=["assessments"])


def _made(model: Any) -> dict[int | str, dict[str, Any]]:
    return {201: {"model": model, "description": "It was recorded for the first time."}}


@router.get("/consensus", response_model=Page[ConsensusRead])
async def list_consensus(
    context: ContextDep, assessment_id: UUID, query: Annotated[DecisionQuery, Query()]
) -> Response:
    """List the recorded consensus."""
    await row_of(context, context.principal, assessment_id, "listConsensus")
    return await page(context, queries.CONSENSUS, query, queries.present_consensus, assessment_id=assessment_id)


@router.get("/consensus/{practice}", response_model=ConsensusRead)
async def get_consensus(context: ContextDep, assessment_id: UUID, practice: Key) -> Response:
    """Read the consensus on a practice."""
    return show(context, await queries.consensus(context, context.principal, assessment_id, practice))


@router.put(
    "/consensus/{practice}",
    response_model=ConsensusRead,
    responses={
        **_made(ConsensusRead),
        **problems(Frozen, NotInConsensus, ConsensusNoteRequired, AlreadyExists),
    },
    openapi_extra=IF_MATCH_TO_REPLACE,
)
async def record_consensus(context: ContextDep, assessment_id: UUID, practice: Key, body: ConsensusPut) -> Response:
    """Record or replace the consensus on a practice."""
    return await write(context, service.record_consensus, assessment_id, practice, body)


@router.delete(
    "/consensus/{practice}",
    status_code=204,
    response_class=Response,
    responses=problems(Frozen, NotInConsensus),
    openapi_extra=IF_MATCH,
)
async def remove_consensus(context: ContextDep, assessment_id: UUID, practice: Key) -> Response:
    """Take a recorded consensus back."""
    return await write(context, service.remove_consensus, assessment_id, practice)


@router.get("/practices", response_model=Page[PracticeRatingRead])
async def list_practice_ratings(
    context: ContextDep, assessment_id: UUID, query: Annotated[DecisionQuery, Query()]
) -> Response:
    """List the team's ratings of practices."""
    await row_of(context, context.principal, assessment_id, "listPracticeRatings")
    return await page(context, queries.RATINGS, query, queries.present_rating, assessment_id=assessment_id)


@router.get("/practices/{practice}", response_model=PracticeRatingRead)
async def get_practice_rating(context: ContextDep, assessment_id: UUID, practice: Key) -> Response:
    """Read the team's rating of a practice."""
    return show(context, await queries.rating(context, context.principal, assessment_id, practice))


@router.put(
    "/practices/{practice}",
    response_model=PracticeRatingRead,
    responses={**_made(PracticeRatingRead), **problems(Frozen, AlreadyExists)},
    openapi_extra=IF_MATCH_TO_REPLACE,
)
async def rate_practice(context: ContextDep, assessment_id: UUID, practice: Key, body: PracticeRatingPut) -> Response:
    """Rate a practice's importance and feasibility, or say why it is left unscored."""
    return await write(context, service.rate_practice, assessment_id, practice, body)


@router.get("/administration", response_model=AdministrationRead)
async def get_administration(context: ContextDep, assessment_id: UUID) -> Response:
    """Read how the session was run."""
    return show(context, await queries.administration(context, context.principal, assessment_id))


@router.put(
    "/administration",
    response_model=AdministrationRead,
    responses={**_made(AdministrationRead), **problems(Frozen, AlreadyExists)},
    openapi_extra=IF_MATCH_TO_REPLACE,
)
async def record_administration(context: ContextDep, assessment_id: UUID, body: AdministrationPut) -> Response:
    """Record how the session was run."""
    return await write(context, service.record_administration, assessment_id, body)
