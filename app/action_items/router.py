"""The action items' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.subtrees import visible_paths
from app.action_items import batch_service, queries, service, transitions
from app.action_items.batch_schemas import ActionItemBatch, ActionItemsCreate, ActionItemsPatch, ActionItemsTransition
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
    ActionItemChangeRead,
    ActionItemCreate,
    ActionItemNoteCreate,
    ActionItemNoteRead,
    ActionItemPatch,
    ActionItemQuery,
    ActionItemRead,
    ActionItemTransition,
    RecordQuery,
)
from app.assessments.errors import (
    AssessmentSuperseded,
    AssessmentVoid,
    NoGap,
    SealedVotes,
    UnknownAssessment,
    UnknownPractice,
)
from app.errors import Frozen, InvalidTransition, NotFound, PreconditionFailed, ReasonRequired
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.schemas import Day, Page
from app.tree.archived import OrganizationArchived

router = APIRouter(prefix="/v1/action-items", tags=["action items"])
AsOf = Annotated[
    Day | None,
    Query(
        description="Day for which `overdue` is computed. Absent: today in the organization's time zone.",
        examples=["2027-01-29"],
    ),
]
_GAP_PROBLEMS = (
    PracticeRequired,
    OrganizationMismatch,
    UnknownAssessment,
    UnknownPractice,
    AssessmentVoid,
    AssessmentSuperseded,
    SealedVotes,
    NoGap,
)
_OWNER_PROBLEMS = (UnknownOwner, InactiveOwner)
_CREATE_PROBLEMS = (
    NotFound,
    OrganizationRequired,
    TitleRequired,
    *_GAP_PROBLEMS,
    OrganizationArchived,
    *_OWNER_PROBLEMS,
)
_TRANSITION_PROBLEMS = (
    InvalidTransition,
    ReasonRequired,
    VerifierRequired,
    VerifierUnexpected,
    VerifierIsOwner,
    UnknownVerifier,
    InactiveVerifier,
)


@router.get("", response_model=Page[ActionItemRead], responses=problems(NotFound))
async def list_action_items(context: ContextDep, query: Annotated[ActionItemQuery, Query()]) -> Response:
    """List action items.

    Use it to follow up the work that assessments led to. The list contains the items of every organization you can
    read; with `subtree`, those of one organization and everything below it, which is 404 if it is not visible to you.
    Combine filters to narrow the list: `owner_id=none` and `owner_inactive=true` find items without an active owner.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    caller = queries.caller_arguments(context.principal, context.now, query.as_of)
    return await page(
        context, queries.list_for(context.principal), query, visible=within, caller=caller, as_of=query.as_of
    )


@router.post("", status_code=201, response_model=ActionItemRead, responses=problems(*_CREATE_PROBLEMS))
async def create_action_item(context: ContextDep, body: ActionItemCreate) -> Response:
    """Propose an action item, either free or from a gap that an assessment found.

    A free item names its organization and a title. An item from a gap names the assessment and practices that are not
    in place there; title, level and `gap_score` follow from them. The votes must be revealed, and the assessment must
    be neither void nor superseded by a final revision (409). The organization must not be archived (409), and the
    owner must be visible to you and active (422). Every item starts as `proposed`. Managers and admins accept it with
    a transition to `open`; facilitators can change their own proposals until then.
    """
    return await write_and_read(context, queries.get_action_item, service.create, body)


@router.patch(
    "",
    response_model=ActionItemBatch,
    responses=problems(NotFound, Frozen, *_GAP_PROBLEMS, *_OWNER_PROBLEMS, PreconditionFailed),
)
async def update_action_items(context: ContextDep, body: ActionItemsPatch) -> Response:
    """Change many action items, all or none.

    Use it to give a set of items another owner or due date. The rules are those of changing one item, and `version`
    takes the place of `If-Match`. If one item is refused, nothing changes and `errors` points at that item. The
    answer lists the items in the order sent.
    """
    return await write_and_read(context, queries.get_action_items, batch_service.patch_many, body)


@router.post("/bulk", status_code=201, response_model=ActionItemBatch, responses=problems(*_CREATE_PROBLEMS))
async def create_action_items(context: ContextDep, body: ActionItemsCreate) -> Response:
    """Propose many action items, all or none.

    Use it to turn the gaps of an assessment into work in one call. The rules are those of proposing one item. If one
    item is refused, none is created and `errors` points at that item. The answer lists the items in the order sent.
    """
    return await write_and_read(context, queries.get_action_items, batch_service.create_many, body)


@router.post(
    "/transitions",
    response_model=ActionItemBatch,
    responses=problems(NotFound, *_TRANSITION_PROBLEMS, OrganizationArchived, PreconditionFailed),
)
async def transition_action_items(context: ContextDep, body: ActionItemsTransition) -> Response:
    """Make a transition of many action items, all or none.

    Use it to accept or dismiss a set of proposals. The rules are those of a single transition, and `version` takes
    the place of `If-Match`. If one transition is refused, nothing changes and `errors` points at that item. The
    answer lists the items in the order sent.
    """
    return await write_and_read(context, queries.get_action_items, batch_service.transition_many, body)


@router.get("/{action_item_id}", response_model=ActionItemRead)
async def get_action_item(context: ContextDep, action_item_id: UUID, as_of: AsOf = None) -> Response:
    """Read one action item.

    Use it to show an item and the transitions you may make, or to get the `ETag` that a change needs. `overdue`
    depends on the day, so the `ETag` changes when an item falls due. The answer is 404 if the item does not exist or
    is not visible to you.
    """
    return show(context, await queries.get_action_item(context, action_item_id, as_of))


@router.patch(
    "/{action_item_id}",
    response_model=ActionItemRead,
    responses=problems(Frozen, *_GAP_PROBLEMS, *_OWNER_PROBLEMS),
    openapi_extra=IF_MATCH,
)
async def update_action_item(context: ContextDep, action_item_id: UUID, body: ActionItemPatch) -> Response:
    """Change an action item.

    Send only the fields to change, with the `ETag` you read in `If-Match`. Practices and assessment are checked as
    for a new item, and `gap_score` follows them. The history records what changed and who changed it. The answer is
    423 once the item is verified or dismissed; reopen it first. A facilitator changes only its own proposals, and
    only while they are proposed.
    """
    return await write_and_read(context, queries.get_action_item, service.patch, action_item_id, body)


@router.delete(
    "/{action_item_id}",
    status_code=204,
    response_class=Response,
    responses=problems(Frozen),
    openapi_extra=IF_MATCH,
)
async def delete_action_item(context: ContextDep, action_item_id: UUID) -> Response:
    """Delete an action item with its notes and its history.

    Use it to remove an item created by mistake; dismiss any other, which keeps its history. An item that was ever
    verified cannot be deleted, even after it was reopened: the answer is 423. A deleted item cannot be restored.
    """
    return await write(context, service.remove, action_item_id)


@router.post(
    "/{action_item_id}/transitions",
    response_model=ActionItemRead,
    responses=problems(*_TRANSITION_PROBLEMS, OrganizationArchived),
    openapi_extra=IF_MATCH,
)
async def transition_action_item(context: ContextDep, action_item_id: UUID, body: ActionItemTransition) -> Response:
    """Transition an action item to another status.

    `allowed_transitions` of the item lists the statuses it may take. `open` accepts a proposal. Blocking, dismissing
    and reopening need a reason. `verified` needs `verified_by`, another person than the one who owned the item when
    it became `done`. Reopening a verified item sets it to `in_progress` and clears `verified_by` and `done_at`;
    reopening a dismissed one sets it to `open`. In an archived organization an item cannot be opened or started
    (409).
    """
    return await write_and_read(context, queries.get_action_item, transitions.transition, action_item_id, body)


@router.get("/{action_item_id}/notes", response_model=Page[ActionItemNoteRead])
async def list_action_item_notes(
    context: ContextDep, action_item_id: UUID, query: Annotated[RecordQuery, Query()]
) -> Response:
    """List the progress notes of an action item, oldest first.

    Use it to follow how the work went; a note is never edited or deleted alone. The answer is 404 if the action item
    does not exist or is not visible to you.
    """
    await queries.require_action_item(context, context.principal, action_item_id, "listActionItemNotes")
    return await page(context, queries.NOTES, query, action_item_id=action_item_id)


@router.post("/{action_item_id}/notes", status_code=201, response_model=ActionItemNoteRead, responses=problems(Frozen))
async def add_action_item_note(context: ContextDep, action_item_id: UUID, body: ActionItemNoteCreate) -> Response:
    """Add a progress note to an action item.

    Use it to record progress without changing the item: its version stays. Notes cannot be edited afterwards. The
    answer is 423 once the item is verified or dismissed.
    """
    return await write_and_read(context, queries.get_note, service.add_note, action_item_id, body)


@router.get("/{action_item_id}/history", response_model=Page[ActionItemChangeRead])
async def list_action_item_history(
    context: ContextDep, action_item_id: UUID, query: Annotated[RecordQuery, Query()]
) -> Response:
    """List the changes of an action item, oldest first.

    Use it to see who changed what, when and why. Each entry has the status before and after, and every other field
    that changed with its value before and after. The first entry is the creation. The answer is 404 if the action
    item does not exist or is not visible to you.
    """
    await queries.require_action_item(context, context.principal, action_item_id, "listActionItemHistory")
    return await page(context, queries.HISTORY, query, action_item_id=action_item_id)
