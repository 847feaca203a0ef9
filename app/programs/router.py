"""The programs' routes, and the implementations'."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.policy import scopes
from app.db.errors import InUse
from app.errors import InvalidTransition, NotFound, ReasonRequired
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write
from app.organizations.service import OrganizationArchived
from app.programs import queries, service
from app.programs.schemas import (
    ImplementationCreate,
    ImplementationQuery,
    ImplementationRead,
    ImplementationTransition,
    ProgramCreate,
    ProgramPatch,
    ProgramQuery,
    ProgramRead,
    StageChangeRead,
    StageQuery,
)
from app.programs.service import ImplementationExists, ProgramOutOfReach, UnknownProgram
from app.schemas import Page

router = APIRouter(prefix="/v1/programs", tags=["programs"])
implementations = APIRouter(prefix="/v1/implementations", tags=["programs"])


@router.get("", response_model=Page[ProgramRead])
async def list_programs(context: ContextDep, query: Annotated[ProgramQuery, Query()]) -> Response:
    """List the programs of the organizations in sight and of those above them."""
    within, above = scopes(context.principal), queries.ancestors(context.principal.reach)
    return await page(context, queries.PROGRAMS, query, scopes=within, ancestors=above)


@router.post("", status_code=201, response_model=ProgramRead, responses=problems(NotFound, OrganizationArchived))
async def create_program(context: ContextDep, body: ProgramCreate) -> Response:
    """Create a program."""
    return await write(context, service.create_program, body)


@router.get("/{program_id}", response_model=ProgramRead)
async def get_program(context: ContextDep, program_id: UUID) -> Response:
    """Read one program."""
    return show(context, await queries.program(context, context.principal, program_id))


@router.patch("/{program_id}", response_model=ProgramRead, openapi_extra=IF_MATCH)
async def update_program(context: ContextDep, program_id: UUID, body: ProgramPatch) -> Response:
    """Change a program."""
    return await write(context, service.patch_program, program_id, body)


@router.delete(
    "/{program_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_program(context: ContextDep, program_id: UUID) -> Response:
    """Delete a program that nobody uses."""
    return await write(context, service.remove_program, program_id)


@implementations.get("", response_model=Page[ImplementationRead])
async def list_implementations(context: ContextDep, query: Annotated[ImplementationQuery, Query()]) -> Response:
    """List the implementations of the organizations in sight."""
    within = scopes(context.principal)
    return await page(context, queries.IMPLEMENTATIONS, query, scopes=within, caller=queries.caller(context.principal))


@implementations.post(
    "",
    status_code=201,
    response_model=ImplementationRead,
    responses=problems(NotFound, ImplementationExists, OrganizationArchived, ProgramOutOfReach, UnknownProgram),
)
async def create_implementation(context: ContextDep, body: ImplementationCreate) -> Response:
    """Begin an organization's use of a program."""
    return await write(context, service.create_implementation, body)


@implementations.get("/{implementation_id}", response_model=ImplementationRead)
async def get_implementation(context: ContextDep, implementation_id: UUID) -> Response:
    """Read one implementation."""
    return show(context, await queries.implementation(context, context.principal, implementation_id))


@implementations.delete(
    "/{implementation_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_implementation(context: ContextDep, implementation_id: UUID) -> Response:
    """Delete an implementation that was never assessed."""
    return await write(context, service.remove_implementation, implementation_id)


@implementations.post(
    "/{implementation_id}/transitions",
    response_model=ImplementationRead,
    responses=problems(InvalidTransition, ReasonRequired),
    openapi_extra=IF_MATCH,
)
async def transition_implementation(
    context: ContextDep, implementation_id: UUID, body: ImplementationTransition
) -> Response:
    """Move an implementation to another stage, forth or back."""
    return await write(context, service.transition_implementation, implementation_id, body)


@implementations.get("/{implementation_id}/stages", response_model=Page[StageChangeRead])
async def list_implementation_stages(
    context: ContextDep, implementation_id: UUID, query: Annotated[StageQuery, Query()]
) -> Response:
    """List the stages of an implementation, from its beginning."""
    found = await queries.implementation(context, context.principal, implementation_id)
    return await page(context, queries.STAGES, query, implementation_id=found.id)
