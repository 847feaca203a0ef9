"""Reading programs and implementations: statements over the tables, and their rows as what callers get."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Text, Uuid, and_, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from app.access.policy import allowed_below, may, require
from app.db.keyset import Listing
from app.db.sql_json import json_choice, json_constant, json_if, render
from app.db.statement import Read, Reader, Row
from app.errors import NotFound
from app.principal import Principal
from app.programs.models import Implementation, Program, Stage, StageChange
from app.programs.schemas import ImplementationRead, ProgramRead, StageChangeRead
from app.tree.models import Organization
from app.tree.paths import below_any, organization_scope, within

_TENANT = bindparam("tenant_id", type_=Uuid())
_ID = bindparam("id", type_=Uuid())
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))


def _offered(count: int) -> ColumnElement[bool]:
    """Programs of one of ``count`` subtrees, or of an organization above one (``:ancestors``)."""
    return or_(within(count), col(Organization.path) == any_(bindparam("ancestors", type_=ARRAY(Text()))))


_PROGRAMS = (
    select(*(getattr(Program, name) for name in ProgramRead.model_fields), col(Organization.path))
    .join(
        Organization,
        and_(
            col(Organization.tenant_id) == col(Program.tenant_id),
            col(Organization.id) == col(Program.organization_id),
        ),
    )
    .where(col(Program.tenant_id) == _TENANT)
)
_PROGRAM = Read(_PROGRAMS.where(col(Program.id) == _ID))
PROGRAMS = Listing(
    "programs",
    render(_PROGRAMS, Program, ProgramRead, col(Program.id)),
    key=col(Program.id),
    orders={"id": col(Program.id), "name": col(Program.name_key), "updated_at": col(Program.updated_at)},
    filters={
        "organization_id": col(Program.organization_id) == bindparam("organization_id", type_=Uuid()),
        "q": func.strpos(col(Program.name_key), bindparam("q", type_=Text())) > 0,
        "updated_since": col(Program.updated_at) >= _UPDATED_SINCE,
    },
    scope=_offered,
)

_ELSEWHERE = {"program_name", "allowed_transitions"}
_IMPLEMENTATIONS = (
    select(
        *(getattr(Implementation, name) for name in ImplementationRead.model_fields if name not in _ELSEWHERE),
        col(Program.name).label("program_name"),
        col(Organization.path),
    )
    .select_from(Implementation)
    .join(
        Organization,
        and_(
            col(Organization.tenant_id) == col(Implementation.tenant_id),
            col(Organization.id) == col(Implementation.organization_id),
        ),
    )
    .join(
        Program,
        and_(
            col(Program.tenant_id) == col(Implementation.tenant_id), col(Program.id) == col(Implementation.program_id)
        ),
    )
    .where(col(Implementation.tenant_id) == _TENANT)
)
_IMPLEMENTATION = Read(_IMPLEMENTATIONS.where(col(Implementation.id) == _ID))
IMPLEMENTATIONS = Listing(
    "implementations",
    render(
        _IMPLEMENTATIONS,
        Implementation,
        ImplementationRead,
        col(Implementation.id),
        program_name=col(Program.name),
        allowed_transitions=json_if(
            below_any("movable"),
            json_choice(col(Implementation.stage), {at: [to for to in Stage if to is not at] for at in Stage}),
            json_constant([]),
        ),
    ),
    key=col(Implementation.id),
    orders={"id": col(Implementation.id), "updated_at": col(Implementation.updated_at)},
    filters={
        "organization_id": col(Implementation.organization_id) == bindparam("organization_id", type_=Uuid()),
        "program_id": col(Implementation.program_id) == bindparam("program_id", type_=Uuid()),
        "stage": col(Implementation.stage) == bindparam("stage", type_=Text()),
        "updated_since": col(Implementation.updated_at) >= _UPDATED_SINCE,
    },
    scope=within,
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


def ancestors(paths: Iterable[str]) -> list[str]:
    """The paths of every organization above these, each once, in order."""
    return sorted({path[: end + 1] for path in paths for end, step in enumerate(path[:-1]) if step == "."})


def sees(principal: Principal, path: str) -> bool:
    """Whether the programs of the organization at ``path`` are in this caller's sight: a county sees its state's."""
    return principal.reads(path) or any(start.startswith(path) for start in principal.reach)


def present_program(row: Row) -> ProgramRead:
    """A row as every caller who sees it gets it."""
    return ProgramRead.model_validate(dict(row))


async def program(reader: Reader, principal: Principal, program_id: UUID) -> ProgramRead:
    """One program.

    Raises:
        NotFound: none such in the caller's sight.
    """
    row = await reader.fetch_one(_PROGRAM, tenant_id=principal.tenant_id, id=program_id)
    if row is None or not sees(principal, row["path"]):
        raise NotFound
    return present_program(row)


def caller(principal: Principal) -> dict[str, Any]:
    """What rendered implementations depend on besides their rows."""
    return {"movable": allowed_below(principal, "transitionImplementation")}


def present_implementation(principal: Principal, row: Row) -> ImplementationRead:
    """A row as this caller sees it."""
    fields: dict[str, Any] = dict(row)
    movable = may(principal, "transitionImplementation", row["path"])
    fields["allowed_transitions"] = [stage for stage in Stage if movable and stage != row["stage"]]
    return ImplementationRead.model_validate(fields)


async def implementation(reader: Reader, principal: Principal, implementation_id: UUID) -> ImplementationRead:
    """One implementation.

    Raises:
        NotFound: none such in the caller's sight.
    """
    row = await reader.fetch_one(_IMPLEMENTATION, tenant_id=principal.tenant_id, id=implementation_id)
    if row is None:
        raise NotFound
    require(principal, "getImplementation", row["path"])
    return present_implementation(principal, row)
