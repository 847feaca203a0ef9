"""Reads of jobs: the statements, and the representation of their rows.

A job belongs to an organization, or to the whole tenant. The latter, like a job whose organization was deleted, is
visible from the root only.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, and_, bindparam, select, true
from sqlmodel import col

from app.access.policy import require
from app.db.keyset import Listing
from app.db.statement import Read, Row, from_json
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.jobs.models import Job, JobState
from app.jobs.schemas import JobRead
from app.principal import Principal
from app.tree.models import OrganizationPlace
from app.tree.paths import is_root, lives_within, organization_scope

_TENANT = bindparam("tenant_id", type_=Uuid())
_COLUMNS = [
    getattr(Job, name)
    for name in JobRead.model_fields
    if name not in {"percent", "counts", "errors", "error_count", "failure"}
]
_ROWS = select(*_COLUMNS, col(Job.outcome)).where(col(Job.tenant_id) == _TENANT)
_PLACE = and_(
    col(OrganizationPlace.tenant_id) == col(Job.tenant_id),
    col(OrganizationPlace.organization_id) == col(Job.organization_id),
)
_JOB = Read(
    _ROWS.add_columns(col(OrganizationPlace.path))
    .select_from(Job)
    .outerjoin(OrganizationPlace, _PLACE)
    .where(col(Job.id) == bindparam("id", type_=Uuid()))
)
LIST: Final = Listing(
    "jobs",
    _ROWS,
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
_NOTHING: Final[Mapping[str, Any]] = {"counts": {}, "errors": [], "error_count": 0, "failure": None}


def to_job(row: Row) -> JobRead:
    """Return the representation of a row."""
    outcome = from_json(row["outcome"]) or _NOTHING
    shown = {name: row[name] for name in JobRead.model_fields if name in row}
    return JobRead(**shown, **outcome, percent=_percent(row["state"], row["done"], row["total"]))


def _percent(state: str, done: int, total: int | None) -> int | None:
    if state == JobState.DONE:
        return 100
    return min(100, done * 100 // total) if total else None


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


async def get_job(reader: CallerReader, job_id: UUID) -> JobRead:
    """Return one job.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    row = await reader.fetch_one(_JOB, tenant_id=reader.principal.tenant_id, id=job_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getJob", path_of(reader.principal, row["path"]))
    return to_job(row)
