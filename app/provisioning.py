"""Create a tenant: its root organization, its copies of the shipped documents, and its first admin key."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, select

from app.access.keys import create_key
from app.db.base import now
from app.db.connection import Connection, transaction
from app.db.ids import random_bytes, uuid7
from app.db.transaction import Tx
from app.errors import OperatorError
from app.events.record import record_event
from app.instruments.install import install_shipped
from app.principal import OPERATOR, Principal, Role
from app.text import search_key
from app.tree.clock import check_zone
from app.tree.models import Organization, OrganizationKind, Tenant
from app.tree.places import add_place

#: The sandbox's slug. Its keys are public, so it stands alone in a database.
DEMO_SLUG = "demo"
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def operator(tenant_id: UUID) -> Principal:
    """Return the principal of the command line, which the owner's login authenticates."""
    return Principal(tenant_id=tenant_id, id=UUID(int=0), kind=OPERATOR, name="command line", tenant_secret=b"")


@asynccontextmanager
async def operators_transaction(engine: AsyncEngine, tenant_id: UUID) -> AsyncIterator[Tx]:
    """Provide a transaction of the operator in one tenant, committed unless something is raised."""
    async with transaction(engine) as connection:
        tx = _operators(connection, tenant_id)
        yield tx
        await tx.flush()


def _operators(connection: Connection, tenant_id: UUID) -> Tx:
    return Tx(connection, operator(tenant_id), now(), f"cli-{random_bytes(6).hex()}")


async def create_tenant(
    engine: AsyncEngine,
    *,
    slug: str,
    name: str,
    root_kind: OrganizationKind = OrganizationKind.AGENCY,
    timezone: str = "UTC",
    before_commit: Callable[[str], None] | None = None,
) -> tuple[Tenant, Organization, str]:
    """Create a tenant in one transaction.

    Args:
        engine: connected as the owner: the service itself cannot make tenants.
        slug: lower-case letters, digits and hyphens; unique.
        name: the tenant's name, and its root organization's.
        before_commit: takes the first admin key; what it raises rolls the tenant back.

    Returns:
        The tenant, its root, and the first admin key, which cannot be shown again.

    Raises:
        OperatorError: the slug is malformed, taken or reserved, or the database is the sandbox's.
    """
    if not _SLUG.fullmatch(slug):
        raise OperatorError("A tenant's slug is 1 to 63 lower-case letters, digits and inner hyphens.")
    if slug == DEMO_SLUG:
        raise OperatorError("This slug is the sandbox's: fa-readiness demo makes it.")
    async with transaction(engine) as connection:
        slugs = select(Tenant.slug).where(col(Tenant.slug).in_([slug, DEMO_SLUG]))
        taken = set(await connection.session.scalars(slugs))
        if DEMO_SLUG in taken:
            raise OperatorError("This database is the sandbox, whose keys are public: use another one.")
        if taken:
            raise OperatorError("A tenant with this slug exists already.")
        tenant, root, _, key = await begin_tenant(
            connection, slug=slug, name=name, root_kind=root_kind, timezone=timezone
        )
        if before_commit is not None:
            before_commit(key)
    return tenant, root, key


async def begin_tenant(
    connection: Connection, *, slug: str, name: str, root_kind: OrganizationKind, timezone: str
) -> tuple[Tenant, Organization, UUID, str]:
    """Make a tenant in the caller's transaction.

    Returns:
        The tenant, its root, the first admin key's id, and that key.
    """
    session, tenant = connection.session, Tenant(slug=slug, name=name, secret=random_bytes(32))
    session.add(tenant)
    await session.flush()
    root_id = uuid7()
    root = Organization(
        tenant_id=tenant.id,
        id=root_id,
        kind=root_kind,
        name=name,
        name_key=search_key(name),
        timezone=timezone,
    )
    session.add(root)
    await session.flush()
    tx = _operators(connection, tenant.id)
    await check_zone(tx, timezone)
    await add_place(tx, root, None)
    await install_shipped(tx)
    record_event(tx, "tenant.created", tenant.id, organization_id=root.id)
    key_id, key = await create_key(tx, name="first admin key", grants=[(Role.ADMIN, root.id)])
    await tx.flush()
    return tenant, root, key_id, key


async def list_tenants(engine: AsyncEngine) -> Sequence[Any]:
    """Return all tenants with their roots' ids, oldest first."""
    async with AsyncSession(engine) as session:
        return (
            await session.execute(
                select(Tenant, Organization.id)
                .join(Organization, col(Organization.tenant_id) == col(Tenant.id))
                .where(col(Organization.parent_id).is_(None))
                .order_by(col(Tenant.id))
            )
        ).all()
