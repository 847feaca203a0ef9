"""Organizations as a tree: the columns that an import of one source reads, so that a table can be imported again.

A tree names organizations by their external ids of the source. The root and organizations without such an id are left
out, because an import would not know them.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from pydantic import BaseModel
from sqlalchemy import Uuid, and_, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from app.access.policy import allowed_below
from app.db.statement import Read, Reader
from app.exports.names import ORGANIZATION_NAME
from app.organizations.schemas import OrganizationStatus
from app.principal import Principal
from app.tree.models import Organization, OrganizationKind, OrganizationPlace
from app.tree.paths import below_any

# In a file an organization without a parent is below the root, so the root is no parent.
_PARENTS: Final = Read(
    select(
        col(Organization.id),
        ORGANIZATION_NAME,
    )
    .join(
        OrganizationPlace,
        and_(
            col(OrganizationPlace.tenant_id) == col(Organization.tenant_id),
            col(OrganizationPlace.organization_id) == col(Organization.id),
        ),
    )
    .where(
        col(Organization.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(Organization.id) == any_(bindparam("ids", type_=ARRAY(Uuid()))),
        col(Organization.parent_id).is_not(None),
        below_any("visible", path=OrganizationPlace.path),
    )
)


class TreeItem(BaseModel):
    """An organization as a tree has it. The fields are those that an import reads."""

    external_id: str
    name: str
    kind: OrganizationKind
    parent: str | None
    timezone: str | None
    staff_count: int | None
    status: OrganizationStatus


async def to_tree(reader: Reader, principal: Principal, source: str, items: Sequence[bytes]) -> list[bytes]:
    """Return the organizations of a list, given as JSON, as a tree of a source has them."""
    rows = [(one, external_id) for one in map(msgspec.json.decode, items) if (external_id := _id_of(one, source))]
    found = await reader.fetch(
        _PARENTS,
        tenant_id=principal.tenant_id,
        source=source,
        ids=list({UUID(one["parent_id"]) for one, _ in rows}),
        visible=allowed_below(principal, "getOrganization"),
    )
    shown = {str(row["id"]): row["shown"] for row in found}
    return [msgspec.json.encode(_to_item(one, external_id, shown)) for one, external_id in rows]


def _id_of(organization: dict[str, Any], source: str) -> str | None:
    """Return the first external id of the source; None for the root."""
    ids = [one["external_id"] for one in organization["external_ids"] if one["source"] == source]
    return min(ids, default=None) if organization["parent_id"] is not None else None


def _to_item(organization: dict[str, Any], external_id: str, shown: dict[str, str]) -> dict[str, Any]:
    named = {"external_id": external_id, "parent": shown.get(organization["parent_id"])}
    return {name: named[name] if name in named else organization[name] for name in TreeItem.model_fields}
