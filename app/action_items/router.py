"""The action items' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.action_items import batch_service, queries, service
from app.action_items.errors import (
    InactiveOwner,
    InactiveVerifier,
    OrganizationMismatch,
    OrganizationRequired,
    PracticeRequired,
    TitleRequired,
    UnknownOwner,
    UnknownVerifier,
    VerifierIsOwner,
    VerifierRequired,
    VerifierUnexpected,
)
from app.action_items.schemas import (
    ActionItemBatch,
    ActionItemChangeRead,
    ActionItemCreate,
    ActionItemNoteCreate,
    ActionItemNoteRead,
    ActionItemPatch,
    ActionItemQuery,
    ActionItemRead,
    ActionItemsCreate,
    ActionItemsPatch,
    ActionItemTransition,
    RecordQuery,
)
from app.assessments.errors import SealedVotes, UnknownAssessment, UnknownPractice
from app.errors import Frozen, InvalidTransition, NotFound, PreconditionFailed, ReasonRequired
from app.http.context import ContextDep
from app.http.etags import etag
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import tagged
from app.http.write import write
from app.organizations.queries import visible_paths
from app.schemas import Day, Page
from app.tree.archived import OrganizationArchived

router = APIRouter(prefix="/v1/action-items", tags=["action items"])
AsOf = Annotated[
    Day | None, Query(description="The day on which `overdue` is told; absent: today, where the organization is.")
]


@router.get("", response_model=Page[ActionItemRead], responses=problems(NotFound))
async def list_action_items(context: ContextDep, query: Annotated[ActionItemQuery, Query()]) -> Response:
    """List the action items in sight."""
    within = await visible_paths(context, context.principal, query.subtree)
    caller = queries.caller(context.principal, context.now, query.as_of)
    return await page(
        context, queries.list_for(context.principal), query, scopes=within, caller=caller, as_of=query.as_of
    )


@router.post(
    "",
    status_code=201,
    response_model=ActionItemRead,
    responses=problems(
        NotFound,
        OrganizationRequired,
        TitleRequired,
        PracticeRequired,
        OrganizationMismatch,
        UnknownAssessment,
        UnknownPractice,
        SealedVotes,
        OrganizationArchived,
        UnknownOwner,
        InactiveOwner,
    ),
)
async def create_action_item(context: ContextDep, body: ActionItemCreate) -> Response:
    """Propose an action item, free or from a gap that an assessment found."""
    return await write(context, service.create, body)


@router.patch(
    "",
    response_model=ActionItemBatch,
    responses=problems(NotFound, Frozen, PracticeRequired, UnknownOwner, InactiveOwner, PreconditionFailed),
)
async def update_action_items(context: ContextDep, body: ActionItemsPatch) -> Response:
    """Change many action items, all or none."""
    return await write(context, batch_service.patch_many, body)


@router.post(
    "/bulk",
    status_code=201,
    response_model=ActionItemBatch,
    responses=problems(
        NotFound,
        OrganizationRequired,
        TitleRequired,
        PracticeRequired,
        OrganizationMismatch,
        UnknownAssessment,
        UnknownPractice,
        SealedVotes,
        OrganizationArchived,
        UnknownOwner,
        InactiveOwner,
    ),
)
async def create_action_items(context: ContextDep, body: ActionItemsCreate) -> Response:
    """Propose many action items, all or none."""
    return await write(context, batch_service.create_many, body)


@router.get("/{action_item_id}", response_model=ActionItemRead)
async def get_action_item(context: ContextDep, action_item_id: UUID, as_of: AsOf = None) -> Response:
    """Read one action item."""
    version, body = await queries.get_rendered(context, context.principal, action_item_id, now=context.now, as_of=as_of)
    return tagged(context, body, etag(version, body))


@router.patch(
    "/{action_item_id}",
    response_model=ActionItemRead,
    responses=problems(Frozen, PracticeRequired, UnknownOwner, InactiveOwner),
    openapi_extra=IF_MATCH,
)
async def update_action_item(context: ContextDep, action_item_id: UUID, body: ActionItemPatch) -> Response:
    """Change an action item."""
    return await write(context, service.patch, action_item_id, body)


@router.delete(
    "/{action_item_id}",
    status_code=204,
    response_class=Response,
    responses=problems(Frozen),
    openapi_extra=IF_MATCH,
)
async def delete_action_item(context: ContextDep, action_item_id: UUID) -> Response:
    """Delete an action item that was not verified, with its notes and its history."""
    return await write(context, service.remove, action_item_id)


@router.post(
    "/{action_item_id}/transitions",
    response_model=ActionItemRead,
    responses=problems(
        OrganizationArchived,
        InvalidTransition,
        ReasonRequired,
        VerifierRequired,
        VerifierUnexpected,
        VerifierIsOwner,
        UnknownVerifier,
        InactiveVerifier,
    ),
    openapi_extra=IF_MATCH,
)
async def transition_action_item(context: ContextDep, action_item_id: UUID, body: ActionItemTransition) -> Response:
    """Move an action item to its next status."""
    return await write(context, service.transition, action_item_id, body)


@router.get("/{action_item_id}/notes", response_model=Page[ActionItemNoteRead])
async def list_action_item_notes(
    context: ContextDep, action_item_id: UUID, query: Annotated[RecordQuery, Query()]
) -> Response:
    """List an action item's progress notes, oldest first."""
    item = await queries.row_of(context, context.principal, action_item_id, "listActionItemNotes")
    return await page(context, queries.NOTES, query, action_item_id=item["id"])


@router.post("/{action_item_id}/notes", status_code=201, response_model=ActionItemNoteRead, responses=problems(Frozen))
async def add_action_item_note(context: ContextDep, action_item_id: UUID, body: ActionItemNoteCreate) -> Response:
    """Add a progress note to an action item."""
    return await write(context, service.add_note, action_item_id, body)


@router.get("/{action_item_id}/history", response_model=Page[ActionItemChangeRead])
async def list_action_item_history(
    context: ContextDep, action_item_id: UUID, query: Annotated[RecordQuery, Query()]
) -> Response:
    """List the moves of an action item's status, oldest first: who, when, why."""
    item = await queries.row_of(context, context.principal, action_item_id, "listActionItemHistory")
    return await page(context, queries.HISTORY, query, action_item_id=item["id"])
