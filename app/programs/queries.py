"""Reads of programs and implementations: the statements, and the representation of their rows."""

from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, DateTime, Text, Uuid, and_, any_, bindparam, func, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from app.access.policy import allowed_below, require
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_choice, json_constant, json_if, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.principal import Principal
from app.programs.models import Implementation, Program, Stage, StageChange
from app.programs.schemas import ImplementationRead, ProgramRead, StageChangeRead, moves_from
from app.tree.models import OrganizationPlace
from app.tree.paths import below_any, in_ranges, organization_scope

_TENANT = bindparam("tenant_id", type_=Uuid())
_ID = bindparam("id", type_=Uuid())
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))


def _offered(count: int) -> ColumnElement[bool]:
    """Make a condition for programs of one of ``count`` subtrees, or of an organization above one (``:ancestors``)."""
    path = col(OrganizationPlace.path)
    return or_(in_ranges(path, count), path == any_(bindparam("ancestors", type_=ARRAY(Text()))))


def _within(count: int) -> ColumnElement[bool]:
    return in_ranges(col(OrganizationPlace.path), count)


def _at(table: Any) -> ColumnElement[bool]:
    return and_(
        col(OrganizationPlace.tenant_id) == table.tenant_id,
        col(OrganizationPlace.organization_id) == table.organization_id,
    )


_PROGRAMS = (
    select(col(Program.id), col(OrganizationPlace.path))
    .join(OrganizationPlace, _at(Program))
    .where(col(Program.tenant_id) == _TENANT)
)
_RENDERED_PROGRAMS = render(
    _PROGRAMS, Program, ProgramRead, col(Program.id), col(Program.version), col(OrganizationPlace.path)
)
_PROGRAM = Read(_RENDERED_PROGRAMS.where(col(Program.id) == _ID))
PROGRAMS = Listing(
    "programs",
    _RENDERED_PROGRAMS,
    key=col(Program.id),
    orders={"id": col(Program.id), "name": col(Program.name_key), "updated_at": col(Program.updated_at)},
    filters={
        "organization_id": col(Program.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
        "q": func.strpos(col(Program.name_key), bindparam("q", type_=Text())) > 0,
        "updated_since": col(Program.updated_at) >= _UPDATED_SINCE,
    },
    scope=_offered,
)

_IMPLEMENTATIONS = (
    select(col(Implementation.id), col(OrganizationPlace.path))
    .select_from(Implementation)
    .join(OrganizationPlace, _at(Implementation))
    .join(
        Program,
        and_(
            col(Program.tenant_id) == col(Implementation.tenant_id), col(Program.id) == col(Implementation.program_id)
        ),
    )
    .where(col(Implementation.tenant_id) == _TENANT)
)
_HAS_ENDED = col(Implementation.ended_at).is_not(None)
_RENDERED_IMPLEMENTATIONS = render(
    _IMPLEMENTATIONS,
    Implementation,
    ImplementationRead,
    col(Implementation.id),
    col(Implementation.version),
    col(OrganizationPlace.path),
    program_name=col(Program.name),
    allowed_transitions=json_if(
        below_any("movable", OrganizationPlace.path),
        json_if(
            _HAS_ENDED,
            json_constant(moves_from(Stage.EXPLORATION, has_ended=True)),
            json_choice(col(Implementation.stage), {at: moves_from(at, has_ended=False) for at in Stage}),
        ),
        json_constant([]),
    ),
)
_GUARD = Read(_IMPLEMENTATIONS.where(col(Implementation.id) == _ID))
_IMPLEMENTATION = Read(_RENDERED_IMPLEMENTATIONS.where(col(Implementation.id) == _ID))
IMPLEMENTATIONS = Listing(
    "implementations",
    _RENDERED_IMPLEMENTATIONS,
    key=col(Implementation.id),
    orders={"id": col(Implementation.id), "updated_at": col(Implementation.updated_at)},
    filters={
        "organization_id": col(Implementation.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
        "program_id": col(Implementation.program_id) == bindparam("program_id", type_=Uuid()),
        "stage": col(Implementation.stage) == bindparam("stage", type_=Text()),
        "ended": bindparam("ended", type_=Boolean()) == _HAS_ENDED,
        "updated_since": col(Implementation.updated_at) >= _UPDATED_SINCE,
    },
    scope=_within,
    organization_scope=organization_scope(col(Implementation.organization_id), pinned=("organization_id",)),
)
STAGES = Listing(
    "implementation-stages",
    render(select(col(StageChange.id)), StageChange, StageChangeRead, col(StageChange.id)).where(
        col(StageChange.tenant_id) == _TENANT,
        col(StageChange.implementation_id) == bindparam("implementation_id", type_=Uuid()),
    ),
    key=col(StageChange.id),
    orders={"id": col(StageChange.id)},
    filters={"updated_since": col(StageChange.created_at) >= _UPDATED_SINCE},
)


def sees(principal: Principal, path: str) -> bool:
    """Return whether the caller sees the programs of the organization at ``path``: its own or those above it."""
    return principal.reads(path) or any(start.startswith(path) for start in principal.visible_paths)


async def get_program(reader: CallerReader, program_id: UUID) -> Rendered:
    """Return one program.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    row = await reader.fetch_one(_PROGRAM, tenant_id=reader.principal.tenant_id, id=program_id)
    if row is None or not sees(reader.principal, row["path"]):
        raise NotFound
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


def caller_arguments(principal: Principal) -> dict[str, Any]:
    """Return the parameters of a rendered implementation that depend on the caller."""
    return {"movable": allowed_below(principal, "transitionImplementation")}


async def get_implementation(reader: CallerReader, implementation_id: UUID) -> Rendered:
    """Return one implementation, as its caller sees it.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    principal = reader.principal
    row = await reader.fetch_one(
        _IMPLEMENTATION, tenant_id=principal.tenant_id, id=implementation_id, **caller_arguments(principal)
    )
    if row is None:
        raise NotFound
    require(principal, "getImplementation", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def guard_implementation(reader: CallerReader, implementation_id: UUID) -> UUID:
    """Check that the caller may read an implementation. Return its id.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    row = await reader.fetch_one(_GUARD, tenant_id=reader.principal.tenant_id, id=implementation_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getImplementation", row["path"])
    return implementation_id
