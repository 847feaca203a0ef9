"""The part of the tree that a list shows."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select
from sqlmodel import col

from app.access.policy import require, visible_ranges
from app.db.statement import Read, Reader
from app.errors import NotFound
from app.principal import Principal
from app.tree.models import OrganizationPlace
from app.tree.paths import is_root, ranges

_PATH: Final = Read(
    select(col(OrganizationPlace.path)).where(
        col(OrganizationPlace.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(OrganizationPlace.organization_id) == bindparam("id", type_=Uuid()),
    )
)


async def visible_paths(reader: Reader, principal: Principal, subtree: UUID | None) -> dict[str, Any]:
    """Return the visible subtrees, or the visible subtree asked for, as bound path ranges for a list.

    Raises:
        Forbidden: The caller sees no organization.
        NotFound: The organization does not exist, or the caller cannot see it.
    """
    seen = visible_ranges(principal)
    if subtree is None:
        return seen
    row = await reader.fetch_one(_PATH, tenant_id=principal.tenant_id, id=subtree)
    if row is None:
        raise NotFound
    require(principal, "getOrganization", row["path"])
    return {} if is_root(row["path"]) else ranges([row["path"]])
