"""The programs' routes, and the implementations'."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.policy import scopes
from app.db.failures import InUse
from app.errors import InvalidTransition, NotFound, ReasonRequired
from app.http.calls import CallDep
from app.http.openapi import IF_MATCH
from app.http.pages import page
from app.http.problems import problems
from app.http.respond import show
from app.http.write import write
from app.organizations.service import OrganizationArchived
from app.programs import reads, service
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
async def list_programs(call: CallDep, query: Annotated[ProgramQuery, Query()]) -> Response:
    """List the programs of the organizations in sight and of those above them."""
    within, above = scopes(call.principal), reads.ancestors(call.principal.reach)
    return await page(call, reads.PROGRAMS, query, scopes=within, ancestors=above)


@router.post("", status_code=201, response_model=ProgramRead, responses=problems(NotFound, OrganizationArchived))
async def create_program(call: CallDep, body: ProgramCreate) -> Response:
    """Create a program."""
    return await write(call, service.create_program, body)


@router.get("/{program_id}", response_model=ProgramRead)
async def get_program(call: CallDep, program_id: UUID) -> Response:
    """Read one program."""
    return show(call, await reads.program(call, call.principal, program_id))


@router.patch("/{program_id}", response_model=ProgramRead, openapi_extra=IF_MATCH)
async def update_program(call: CallDep, program_id: UUID, body: ProgramPatch) -> Response:
    """Change a program."""
    return await write(call, service.patch_program, program_id, body)


@router.delete(
    "/{program_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_program(call: CallDep, program_id: UUID) -> Response:
    """Delete a program that nobody uses."""
    return await write(call, service.remove_program, program_id)


@implementations.get("", response_model=Page[ImplementationRead])
async def list_implementations(call: CallDep, query: Annotated[ImplementationQuery, Query()]) -> Response:
    """List the implementations of the organizations in sight."""
    within = scopes(call.principal)
    return await page(call, reads.IMPLEMENTATIONS, query, scopes=within, caller=reads.caller(call.principal))


@implementations.post(
    "",
    status_code=201,
    response_model=ImplementationRead,
    responses=problems(NotFound, ImplementationExists, OrganizationArchived, ProgramOutOfReach, UnknownProgram),
)
async def create_implementation(call: CallDep, body: ImplementationCreate) -> Response:
    """Begin an organization's use of a program."""
    return await write(call, service.create_implementation, body)


@implementations.get("/{implementation_id}", response_model=ImplementationRead)
async def get_implementation(call: CallDep, implementation_id: UUID) -> Response:
    """Read one implementation."""
    return show(call, await reads.implementation(call, call.principal, implementation_id))


@implementations.delete(
    "/{implementation_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_implementation(call: CallDep, implementation_id: UUID) -> Response:
    """Delete an implementation that was never assessed."""
    return await write(call, service.remove_implementation, implementation_id)


@implementations.post(
    "/{implementation_id}/transitions",
    response_model=ImplementationRead,
    responses=problems(InvalidTransition, ReasonRequired),
    openapi_extra=IF_MATCH,
)
async def transition_implementation(call: CallDep, implementation_id: UUID, body: ImplementationTransition) -> Response:
    """Move an implementation to another stage, forth or back."""
    return await write(call, service.transition_implementation, implementation_id, body)


@implementations.get("/{implementation_id}/stages", response_model=Page[StageChangeRead])
async def list_implementation_stages(
    call: CallDep, implementation_id: UUID, query: Annotated[StageQuery, Query()]
) -> Response:
    """List the stages of an implementation, from its beginning."""
    found = await reads.implementation(call, call.principal, implementation_id)
    return await page(call, reads.STAGES, query, implementation_id=found.id)
