"""The programs' routes, and the implementations'."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.subtrees import visible_paths
from app.db.errors import InUse
from app.errors import InvalidTransition, NotFound, ReasonRequired
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.organizations.errors import UnknownOrganization
from app.programs import queries, service
from app.programs.errors import ImplementationExists, NotAboveOwner, ProgramOutOfReach, UnknownProgram
from app.programs.schemas import (
    ImplementationCreate,
    ImplementationQuery,
    ImplementationRead,
    ImplementationTransition,
    ProgramCreate,
    ProgramHandOver,
    ProgramPatch,
    ProgramQuery,
    ProgramRead,
    StageChangeRead,
    StageQuery,
)
from app.schemas import Page
from app.tree.archived import ImplementationEnded, OrganizationArchived
from app.tree.paths import ancestors

router = APIRouter(prefix="/v1/programs", tags=["programs"])
implementations = APIRouter(prefix="/v1/implementations", tags=["programs"])


@router.get("", response_model=Page[ProgramRead], responses=problems(NotFound))
async def list_programs(context: ContextDep, query: Annotated[ProgramQuery, Query()]) -> Response:
    """List programs.

    Use it to find a program to implement. The list contains the programs of every organization you can read and,
    because programs are offered downwards, those of the organizations above. With `subtree` it lists only the
    programs owned by one organization and everything below it; the answer is 404 if that organization is not visible
    to you.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    above = [] if query.subtree else ancestors(context.principal.visible_paths)
    return await page(context, queries.PROGRAMS, query, visible=within, ancestors=above)


@router.post("", status_code=201, response_model=ProgramRead, responses=problems(NotFound, OrganizationArchived))
async def create_program(context: ContextDep, body: ProgramCreate) -> Response:
    """Create a program.

    The organization in `organization_id` owns the program and offers it to every organization below. To offer it more
    widely later, hand it over to an organization above. The answer is 404 if the owner is not visible to you, and 409
    if it or an organization above it is archived.
    """
    return await write_and_read(context, queries.get_program, service.create_program, body)


@router.get("/{program_id}", response_model=ProgramRead)
async def get_program(context: ContextDep, program_id: UUID) -> Response:
    """Read one program.

    Use it to show a program, or to get the `ETag` that a change needs. A program is visible if
    you can read its owner or an organization below the owner; otherwise the answer is 404.
    """
    return show(context, await queries.get_program(context, program_id))


@router.patch("/{program_id}", response_model=ProgramRead, openapi_extra=IF_MATCH)
async def update_program(context: ContextDep, program_id: UUID, body: ProgramPatch) -> Response:
    """Change a program.

    Send only the fields to change, with the `ETag` you read in `If-Match`; null clears a field that may be null. You
    need the role at the owner. Every implementation and assessment of the program shows the new name at once. To
    change the owner, hand the program over.
    """
    return await write_and_read(context, queries.get_program, service.patch_program, program_id, body)


@router.delete(
    "/{program_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_program(context: ContextDep, program_id: UUID) -> Response:
    """Delete a program that nobody implements.

    Use it to remove a program created by mistake. Any implementation, ended or not, and any figure of a metric
    prevent it: the answer is 409. You need the role at the owner and the `ETag` you read in `If-Match`. A deleted
    program cannot be restored.
    """
    return await write(context, service.remove_program, program_id)


@router.post(
    "/{program_id}/hand-over",
    response_model=ProgramRead,
    responses=problems(NotAboveOwner, OrganizationArchived, UnknownOrganization),
    openapi_extra=IF_MATCH,
)
async def hand_over_program(context: ContextDep, program_id: UUID, body: ProgramHandOver) -> Response:
    """Hand a program over to an organization above its owner.

    Use it when more organizations are to implement the program, or before its owner is moved or archived. You need
    the role at the present and at the new owner. Implementations keep the program, and organizations below the new
    owner can implement it at once. The answer is 422 if the new owner does not lie above the present one, and 409 if
    it or an organization above it is archived.
    """
    return await write_and_read(context, queries.get_program, service.hand_over_program, program_id, body)


@implementations.get("", response_model=Page[ImplementationRead], responses=problems(NotFound))
async def list_implementations(context: ContextDep, query: Annotated[ImplementationQuery, Query()]) -> Response:
    """List implementations.

    Use it to see which organizations implement which programs, and how far they are. Only implementations of
    organizations you can read are listed; those that ended are included unless you send `ended=false`. With `subtree`
    it lists those of one organization and everything below it; the answer is 404 if that organization is not visible
    to you.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    return await page(
        context, queries.IMPLEMENTATIONS, query, visible=within, caller=queries.caller_arguments(context.principal)
    )


@implementations.post(
    "",
    status_code=201,
    response_model=ImplementationRead,
    responses=problems(NotFound, ImplementationExists, OrganizationArchived, ProgramOutOfReach, UnknownProgram),
)
async def create_implementation(context: ContextDep, body: ImplementationCreate) -> Response:
    """Start an organization's implementation of a program.

    An implementation is what is assessed. The program must belong to the organization or to one above it (422), and
    neither the organization nor one above it may be archived (409). An organization implements a program once, so a
    second implementation is 409; resume an ended one with a transition. The implementation keeps its program when the
    organization moves, even to where the program is not offered.
    """
    return await write_and_read(context, queries.get_implementation, service.create_implementation, body)


@implementations.get("/{implementation_id}", response_model=ImplementationRead)
async def get_implementation(context: ContextDep, implementation_id: UUID) -> Response:
    """Read one implementation.

    Use it to show the present stage and the transitions you may make, or to get the `ETag` that a change needs. The
    answer is 404 if it does not exist or its organization is not visible to you.
    """
    return show(context, await queries.get_implementation(context, implementation_id))


@implementations.delete(
    "/{implementation_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_implementation(context: ContextDep, implementation_id: UUID) -> Response:
    """Delete an implementation that was never assessed.

    Use it to remove an implementation created by mistake; its stage history is deleted too. Any assessment of it,
    draft or void included, prevents this with 409. To stop an implementation that was assessed, end it with a
    transition.
    """
    return await write(context, service.remove_implementation, implementation_id)


@implementations.post(
    "/{implementation_id}/transitions",
    response_model=ImplementationRead,
    responses=problems(ImplementationEnded, InvalidTransition, OrganizationArchived, ReasonRequired),
    openapi_extra=IF_MATCH,
)
async def transition_implementation(
    context: ContextDep, implementation_id: UUID, body: ImplementationTransition
) -> Response:
    """Change the stage of an implementation, end it, or resume it.

    Use it when the implementation reaches a stage. Returning to an earlier stage and ending need a reason. An ended
    implementation is kept as history: its assessments cannot be created, opened, reopened or revised, but those in
    progress can be finished. `resumed` continues it at the stage where it ended. In an archived organization only
    ending is possible (409). Each transition is recorded in the stage history.
    """
    return await write_and_read(
        context, queries.get_implementation, service.transition_implementation, implementation_id, body
    )


@implementations.get("/{implementation_id}/stages", response_model=Page[StageChangeRead])
async def list_implementation_stages(
    context: ContextDep, implementation_id: UUID, query: Annotated[StageQuery, Query()]
) -> Response:
    """List the stage history of an implementation, oldest first.

    Use it to see when each stage was reached, by whom and why. The first entry is the stage at creation. Ending and
    resuming are listed too. The answer is 404 if the implementation does not exist or its organization is not visible
    to you.
    """
    found = await queries.guard_implementation(context, implementation_id)
    return await page(context, queries.STAGES, query, implementation_id=found)
