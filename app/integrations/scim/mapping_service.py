"""Make and delete the mappings of groups of the identity provider."""

from uuid import UUID

from sqlmodel import col, select

from app.access.last_admin import keep_an_admin, lock_rights
from app.access.policy import load_organization_for, require_everywhere
from app.accounts.authority import check_end
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import NotFound
from app.events.record import record_event
from app.integrations.scim.errors import ScimGroupMappingExists
from app.integrations.scim.memberships import end_mapping, members_of, reconcile
from app.integrations.scim.models import ScimGroupMapping
from app.integrations.scim.schemas import ScimGroupMappingCreate
from app.text import fold_case
from app.tree.archived import check_archived


async def create(tx: Tx, body: ScimGroupMappingCreate) -> UUID:
    """Add a mapping, and give the present members of the group what it says. Return its id.

    Raises:
        Forbidden: the caller is no admin of the whole tenant.
        NotFound: the organization does not exist.
        OrganizationArchived: members would work in an archived organization.
        BeyondOwnRights: the role would outlast the caller's own.
        ScimGroupMappingExists: there is one.
    """
    await lock_rights(tx, "createScimGroupMapping")
    require_everywhere(tx.principal, "createScimGroupMapping")
    organization = await load_organization_for(tx, body.organization_id, "createScimGroupMapping")
    if body.role is None:
        check_archived(organization, "createScimGroupMapping")
    else:
        check_end(tx, "createScimGroupMapping", organization.path, None, "/body/role")
    key = fold_case(body.group_name)
    same = select(ScimGroupMapping.id).where(
        col(ScimGroupMapping.tenant_id) == tx.tenant_id,
        col(ScimGroupMapping.group_key) == key,
        col(ScimGroupMapping.organization_id) == organization.id,
        col(ScimGroupMapping.role).is_not_distinct_from(body.role),
    )
    if await tx.session.scalar(same) is not None:
        raise ScimGroupMappingExists
    made = ScimGroupMapping(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        created_at=tx.now,
        updated_at=tx.now,
        group_name=body.group_name,
        group_key=key,
        organization_id=organization.id,
        role=body.role,
    )
    tx.session.add(made)
    record_event(tx, "scim_group_mapping.created", made.id, organization_id=organization.id)
    await reconcile(tx, await members_of(tx, key))
    return made.id


async def remove(tx: Tx, mapping_id: UUID) -> None:
    """Delete a mapping, and take the roles that it gave.

    Raises:
        Forbidden: the caller is no admin of the whole tenant.
        NotFound: It does not exist.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        LastAdmin: the tenant would be left without an admin.
    """
    await lock_rights(tx, "deleteScimGroupMapping")
    require_everywhere(tx.principal, "deleteScimGroupMapping")
    query = select(ScimGroupMapping).where(
        col(ScimGroupMapping.tenant_id) == tx.tenant_id, col(ScimGroupMapping.id) == mapping_id
    )
    found = (await tx.session.execute(query.with_for_update())).scalar_one_or_none()
    if found is None:
        raise NotFound
    tx.expect(found)
    async with keep_an_admin(tx):
        await end_mapping(tx, mapping_id)
        await tx.session.delete(found)
        record_event(tx, "scim_group_mapping.deleted", found.id, organization_id=found.organization_id)
        await tx.flush()
