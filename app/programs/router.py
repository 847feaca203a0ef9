"""The programs' routes, and the implementations'."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.db.errors import InUse
from app.errors import InvalidTransition, NotFound, ReasonRequired
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show_rendered
from app.http.write import write, write_and_read
from app.organizations.errors import UnknownOrganization
from app.organizations.queries import visible_paths
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

router = APIRouter(prefix="/v1/programs", tags=["programs"])
implementations = APIRouter(prefix="/v1/implementations", tags=["programs"])


@router.get("", response_model=Page[ProgramRead], responses=problems(NotFound))
async def list_programs(context: ContextDep, query: Annotated[ProgramQuery, Query()]) -> Response:
    """List the programs of the organizations in sight and of those above them.

    With `subtree` it lists the programs of one organization and everything below it; one out of sight is 404.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    above = [] if query.subtree else queries.ancestors(context.principal.reach)
    return await page(context, queries.PROGRAMS, query, scopes=within, ancestors=above)


@router.post("", status_code=201, response_model=ProgramRead, responses=problems(NotFound, OrganizationArchived))
async def create_program(context: ContextDep, body: ProgramCreate) -> Response:
    """Create a program.

    The organization owns it and offers it to everything below. The organization must not be archived, nor one above
    it.
    """
    return await write_and_read(context, queries.get_program, service.create_program, body)


@router.get("/{program_id}", response_model=ProgramRead)
async def get_program(context: ContextDep, program_id: UUID) -> Response:
    """Read one program."""
    return show_rendered(context, await queries.get_program(context, program_id))


@router.patch("/{program_id}", response_model=ProgramRead, openapi_extra=IF_MATCH)
async def update_program(context: ContextDep, program_id: UUID, body: ProgramPatch) -> Response:
    """Change a program."""
    return await write_and_read(context, queries.get_program, service.patch_program, program_id, body)


@router.delete(
    "/{program_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_program(context: ContextDep, program_id: UUID) -> Response:
    """Delete a program that nobody uses."""
    return await write(context, service.remove_program, program_id)


@router.post(
    "/{program_id}/hand-over",
    response_model=ProgramRead,
    responses=problems(NotAboveOwner, OrganizationArchived, UnknownOrganization),
    openapi_extra=IF_MATCH,
)
async def hand_over_program(context: ContextDep, program_id: UUID, body: ProgramHandOver) -> Response:
    """Hand a program to an organization above its owner.

    Use it when more organizations are to use the program, or before its owner is moved or archived. The caller needs
    the role at the present and at the new owner. Implementations keep the program; organizations below the new owner
    can begin to use it at once.
    """
    return await write_and_read(context, queries.get_program, service.hand_over_program, program_id, body)


@implementations.get("", response_model=Page[ImplementationRead], responses=problems(NotFound))
async def list_implementations(context: ContextDep, query: Annotated[ImplementationQuery, Query()]) -> Response:
    """List the implementations of the organizations in sight.

    With `subtree` it lists those of one organization and everything below it; one out of sight is 404. Those that
    have ended are listed too; `ended=false` leaves them out.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    return await page(context, queries.IMPLEMENTATIONS, query, scopes=within, caller=queries.caller(context.principal))


@implementations.post(
    "",
    status_code=201,
    response_model=ImplementationRead,
    responses=problems(NotFound, ImplementationExists, OrganizationArchived, ProgramOutOfReach, UnknownProgram),
)
async def create_implementation(context: ContextDep, body: ImplementationCreate) -> Response:
    """Begin an organization's use of a program.

    The program must belong to the organization or to one above it, and the organization must not be archived, nor
    one above it. An organization uses a program once: a use that has ended is resumed by a transition. The use stays
    when the organization moves, also out of reach of the program's owner.
    """
    return await write_and_read(context, queries.get_implementation, service.create_implementation, body)


@implementations.get("/{implementation_id}", response_model=ImplementationRead)
async def get_implementation(context: ContextDep, implementation_id: UUID) -> Response:
    """Read one implementation."""
    return show_rendered(context, await queries.get_implementation(context, implementation_id))


@implementations.delete(
    "/{implementation_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_implementation(context: ContextDep, implementation_id: UUID) -> Response:
    """Delete an implementation that was never assessed."""
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
    """Move an implementation to another stage, end it, or resume it.

    Going back to an earlier stage and ending need a reason. An implementation that has ended is kept as history: no
    assessment of it can be created, opened, reopened or revised, and those under way may end. `resumed` continues it
    at the stage where it ended.
    """
    return await write_and_read(
        context, queries.get_implementation, service.transition_implementation, implementation_id, body
    )


@implementations.get("/{implementation_id}/stages", response_model=Page[StageChangeRead])
async def list_implementation_stages(
    context: ContextDep, implementation_id: UUID, query: Annotated[StageQuery, Query()]
) -> Response:
    """List the stages of an implementation from its beginning, with its ends and resumptions."""
    found = await queries.guard_implementation(context, implementation_id)
    return await page(context, queries.STAGES, query, implementation_id=found)
