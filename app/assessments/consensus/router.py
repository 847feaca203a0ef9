"""The routes for consensus, ratings and the administration record."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments.consensus import queries, service
from app.assessments.consensus.schemas import (
    AdministrationPut,
    AdministrationRead,
    ConsensusBatch,
    ConsensusesPut,
    ConsensusPut,
    ConsensusQuery,
    ConsensusRead,
    PracticeRatingPut,
    PracticeRatingRead,
)
from app.assessments.errors import ConsensusNoteRequired, NotInConsensus, UnknownPractice
from app.assessments.queries import require_assessment_row
from app.db.errors import AlreadyExists
from app.errors import Frozen, PreconditionFailed, PreconditionRequired
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH, IF_MATCH_TO_REPLACE
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import put_and_read, write, write_and_read
from app.schemas import Key, Page

router = APIRouter(prefix="/v1/assessments/{assessment_id}", tags=["assessments"])


def _created(model: Any) -> dict[int | str, dict[str, Any]]:
    return {201: {"model": model, "description": "It was recorded for the first time."}}


@router.get("/consensus", response_model=Page[ConsensusRead])
async def list_consensus(
    context: ContextDep, assessment_id: UUID, query: Annotated[ConsensusQuery, Query()]
) -> Response:
    """List the recorded consensus of an assessment.

    Use it to show what the team agreed. There is one entry for each practice on which a consensus is recorded, in the
    order in which they were first recorded. Readers of the organization and the holders of the assessment's seats may
    read it.
    """
    await require_assessment_row(context, context.principal, assessment_id, "listConsensus")
    return await page(context, queries.CONSENSUS, query, assessment_id=assessment_id)


@router.put(
    "/consensus",
    response_model=ConsensusBatch,
    responses=problems(
        Frozen,
        NotInConsensus,
        ConsensusNoteRequired,
        UnknownPractice,
        AlreadyExists,
        PreconditionFailed,
        PreconditionRequired,
    ),
)
async def record_all_consensus(context: ContextDep, assessment_id: UUID, body: ConsensusesPut) -> Response:
    """Record the consensus on many practices, all or none.

    Use it at the end of a session to enter what the team agreed in one call. The rules are those of recording one
    practice, and `version` in each entry takes the place of `If-Match`. If one entry is refused, nothing is recorded
    and `errors` points at that entry. Practices that are not named keep what they have.
    """
    return await write_and_read(
        context,
        lambda tx, practices: queries.get_all_consensus(tx, assessment_id, practices),
        service.record_all_consensus,
        assessment_id,
        body,
    )


@router.get("/consensus/{practice}", response_model=ConsensusRead)
async def get_consensus(context: ContextDep, assessment_id: UUID, practice: Key) -> Response:
    """Read the consensus on a practice.

    Use it to show one entry, or to get the `ETag` that replacing it needs. The answer is 404 if no consensus on the
    practice is recorded, or if the assessment is not visible to you.
    """
    return show(context, await queries.get_consensus(context, assessment_id, practice))


@router.put(
    "/consensus/{practice}",
    response_model=ConsensusRead,
    responses={
        **_created(ConsensusRead),
        **problems(Frozen, NotInConsensus, ConsensusNoteRequired, AlreadyExists),
    },
    openapi_extra=IF_MATCH_TO_REPLACE,
)
async def record_consensus(context: ContextDep, assessment_id: UUID, practice: Key, body: ConsensusPut) -> Response:
    """Record or replace the consensus on a practice.

    The assessment must be in `consensus`: the votes are revealed and it is not final yet (409, or 423 once it has
    ended). The note is required without any vote, outside the range of the votes, and for `not_applicable` over
    numeric votes (422). The consensus replaces the votes as the source of the official score. Replacing a recorded
    consensus needs `If-Match`.
    """
    return await put_and_read(
        context,
        lambda tx, key: queries.get_consensus(tx, assessment_id, key),
        service.record_consensus,
        assessment_id,
        practice,
        body,
    )


@router.delete(
    "/consensus/{practice}",
    status_code=204,
    response_class=Response,
    responses=problems(Frozen, NotInConsensus),
    openapi_extra=IF_MATCH,
)
async def remove_consensus(context: ContextDep, assessment_id: UUID, practice: Key) -> Response:
    """Remove the recorded consensus on a practice.

    Use it to correct an entry made by mistake. The practice is then scored from the votes again. The assessment must
    be in `consensus` (409, or 423 once it has ended). The answer is 404 if no consensus on the practice is recorded.
    """
    return await write(context, service.remove_consensus, assessment_id, practice)


@router.get("/practices", response_model=Page[PracticeRatingRead])
async def list_practice_ratings(
    context: ContextDep, assessment_id: UUID, query: Annotated[ConsensusQuery, Query()]
) -> Response:
    """List the team's ratings of practices.

    Use it to show how important and how feasible the team finds each practice. There is one entry for each practice
    that was rated, or that the team left unscored on purpose. Readers of the organization and the holders of the
    assessment's seats may read it.
    """
    await require_assessment_row(context, context.principal, assessment_id, "listPracticeRatings")
    return await page(context, queries.RATINGS, query, assessment_id=assessment_id)


@router.get("/practices/{practice}", response_model=PracticeRatingRead)
async def get_practice_rating(context: ContextDep, assessment_id: UUID, practice: Key) -> Response:
    """Read the team's rating of a practice.

    Use it to show one rating, or to get the `ETag` that replacing it needs. The answer is 404 if the practice has not
    been rated, or if the assessment is not visible to you.
    """
    return show(context, await queries.get_rating(context, assessment_id, practice))


@router.put(
    "/practices/{practice}",
    response_model=PracticeRatingRead,
    responses={**_created(PracticeRatingRead), **problems(Frozen, AlreadyExists)},
    openapi_extra=IF_MATCH_TO_REPLACE,
)
async def rate_practice(context: ContextDep, assessment_id: UUID, practice: Key, body: PracticeRatingPut) -> Response:
    """Rate the importance and feasibility of a practice, or leave it unscored.

    Use it before or during the session. Ratings order the priorities in the readiness; without them the defaults of
    the scoring profile apply. `left_unscored` records why the team gives no score. The answer is 423 once the
    assessment is final or void. Replacing a rating needs `If-Match`.
    """
    return await put_and_read(
        context,
        lambda tx, key: queries.get_rating(tx, assessment_id, key),
        service.rate_practice,
        assessment_id,
        practice,
        body,
    )


@router.get("/administration", response_model=AdministrationRead)
async def get_administration(context: ContextDep, assessment_id: UUID) -> Response:
    """Read the record of how the session was run.

    Use it to show who took part and what deviated from the instrument, or to get the `ETag` that replacing it needs.
    The answer is 404 if nothing is recorded yet, or if the assessment is not visible to you.
    """
    return show(context, await queries.get_administration(context, assessment_id))


@router.put(
    "/administration",
    response_model=AdministrationRead,
    responses={**_created(AdministrationRead), **problems(Frozen, AlreadyExists)},
    openapi_extra=IF_MATCH_TO_REPLACE,
)
async def record_administration(context: ContextDep, assessment_id: UUID, body: AdministrationPut) -> Response:
    """Record how the session was run.

    Use it after the session: an assessment becomes final only with this record. A seat or checklist item that is
    named twice, or that the instrument does not have, is 422. The answer is 423 once the assessment is final or void.
    Replacing the record needs `If-Match`.
    """
    return await put_and_read(context, queries.get_administration, service.record_administration, assessment_id, body)
