"""Reads of jobs, rendered by PostgreSQL.

A job belongs to an organization, or to the whole tenant. The latter, like a job whose organization was deleted, is
visible from the root only.
"""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlmodel import col

from app.access.policy import require
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_constant, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.jobs.models import Job, JobState
from app.jobs.schemas import JobRead
from app.principal import Principal
from app.tree.models import OrganizationPlace
from app.tree.paths import is_root, lives_within, organization_scope

_TENANT = bindparam("tenant_id", type_=Uuid())
_JOBS = select(col(Job.id)).where(col(Job.tenant_id) == _TENANT)
_PLACE = and_(
    col(OrganizationPlace.tenant_id) == col(Job.tenant_id),
    col(OrganizationPlace.organization_id) == col(Job.organization_id),
)
_HUNDRED = literal_column("100", BigInteger)
_PERCENT = case(
    (col(Job.state) == literal_column(f"'{JobState.DONE}'", Text), _HUNDRED),
    (col(Job.total) > literal_column("0"), func.least(_HUNDRED, col(Job.done) * _HUNDRED // col(Job.total))),
)


def part_of_outcome(name: str, otherwise: Any) -> Any:
    """Return a part of what came of a job."""
    part = func.json_extract_path(cast(col(Job.outcome), JSON), literal_column(f"'{name}'", Text))
    return func.coalesce(part, json_constant(otherwise))


def _render(statement: Any, *columns: Any) -> Any:
    return render(
        statement,
        Job,
        JobRead,
        col(Job.id),
        *columns,
        percent=_PERCENT,
        counts=part_of_outcome("counts", {}),
        errors=part_of_outcome("errors", []),
        error_count=part_of_outcome("error_count", 0),
        failure=part_of_outcome("failure", None),
    )


_JOB = Read(
    _render(
        _JOBS.select_from(Job).outerjoin(OrganizationPlace, _PLACE), col(Job.version), col(OrganizationPlace.path)
    ).where(col(Job.id) == bindparam("id", type_=Uuid()))
)
LIST: Final = Listing(
    "jobs",
    _render(_JOBS),
    key=col(Job.id),
    orders={"id": col(Job.id), "updated_at": col(Job.updated_at)},
    filters={
        "state": col(Job.state) == bindparam("state", type_=Text()),
        "kind": col(Job.kind) == bindparam("kind", type_=Text()),
        "organization_id": col(Job.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
        "updated_since": col(Job.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=lives_within(col(Job.organization_id)),
    organization_scope=organization_scope(col(Job.organization_id), pinned=("organization_id",)),
)


def path_of(principal: Principal, path: str | None) -> str:
    """Return the path that decides who sees a job: its organization's, or the root's.

    Raises:
        NotFound: the caller does not see the root, which is where the job is visible.
    """
    if path is not None:
        return path
    for visible in principal.visible_paths:
        if is_root(visible):
            return visible
    raise NotFound


async def get_job(reader: CallerReader, job_id: UUID) -> Rendered:
    """Return one job.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    row = await reader.fetch_one(_JOB, tenant_id=reader.principal.tenant_id, id=job_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getJob", path_of(reader.principal, row["path"]))
    return Rendered(row["rendered"], version=row["version"], id=row["id"])
