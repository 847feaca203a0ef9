"""The rules for giving and taking rights, shared by principals, keys and grants.

- Nobody gives more than they have. Only an admin gives rights, on organizations that the admin role covers, and for no
  longer than that role lasts. A key makes keys for its own networks and its own lifetime at most.
- A key opens everything that its principal may do. So an admin makes or rotates a key only for a principal all of
  whose roles that admin could grant.

That a tenant keeps an admin is the rule of `app.access.last_admin`.
"""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, or_, select
from sqlmodel import col

from app.access.models import RoleGrant
from app.access.operations import OPERATIONS
from app.accounts.errors import BeyondOwnRights
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import FieldError
from app.principal import Principal
from app.tree.models import OrganizationPlace

_TENANT, _NOW = bindparam("tenant_id", type_=Uuid()), bindparam("now", type_=DateTime(timezone=True))
_GRANTED = Read(
    select(col(OrganizationPlace.path), col(RoleGrant.ends_at))
    .select_from(RoleGrant)
    .join(
        OrganizationPlace,
        (col(OrganizationPlace.tenant_id) == col(RoleGrant.tenant_id))
        & (col(OrganizationPlace.organization_id) == col(RoleGrant.organization_id)),
    )
    .where(
        col(RoleGrant.tenant_id) == _TENANT,
        col(RoleGrant.principal_id) == bindparam("principal_id", type_=Uuid()),
        or_(col(RoleGrant.ends_at).is_(None), col(RoleGrant.ends_at) > _NOW),
    )
)


def may_until(principal: Principal, operation: str, path: str, ends_at: datetime | None) -> bool:
    """Return whether the caller may perform an operation on the organization at ``path`` until an instant.

    Args:
        ends_at: None means for ever.
    """
    roles = OPERATIONS[operation].roles
    return any(
        grant.role in roles
        and path.startswith(grant.path)
        and (grant.ends_at is None or (ends_at is not None and ends_at <= grant.ends_at))
        for grant in principal.grants
    )


def check_end(tx: Tx, operation: str, path: str, ends_at: datetime | None, pointer: str | None) -> None:
    """Check that a right which the caller may give does not outlast the caller's own.

    Args:
        pointer: the member of the request that says when the right ends; None: no member does.

    Raises:
        BeyondOwnRights: it does.
    """
    if not may_until(tx.principal, operation, path, ends_at):
        raise _beyond(pointer, "This would outlast your own role")


async def check_covers(tx: Tx, principal_id: UUID, operation: str, until: datetime | None) -> None:
    """Check that the caller could grant every role of a principal, those that have yet to start included.

    Args:
        until: when what the caller gets ends; None: it does not.

    Raises:
        BeyondOwnRights: the principal may do what the caller may not give.
    """
    for row in await tx.fetch(_GRANTED, tenant_id=tx.tenant_id, principal_id=principal_id, now=tx.now):
        ends = [at for at in (row["ends_at"], until) if at is not None]
        if not may_until(tx.principal, operation, row["path"], min(ends, default=None)):
            raise BeyondOwnRights("This principal has rights that you could not grant.")


def check_key_terms(tx: Tx, expires_at: datetime | None, networks: Sequence[str], *, are_sent: bool) -> None:
    """Check that a key which the caller gets is no better than the caller's own key.

    Args:
        are_sent: the body of the request states these terms.

    Raises:
        BeyondOwnRights: it would last longer, or work from elsewhere.
    """
    own = tx.principal.key
    if own is None:
        return
    if own.expires_at is not None and (expires_at is None or expires_at > own.expires_at):
        raise _beyond("/body/expires_at" if are_sent else None, "This would outlast your own key")
    wanted = [ip_network(network) for network in networks]
    if own.networks and not (wanted and all(_is_within(network, own.networks) for network in wanted)):
        pointer = "/body/allowed_networks" if are_sent else None
        raise _beyond(pointer, "Your own key works only from certain networks")


def _is_within(network: IPv4Network | IPv6Network, others: Sequence[IPv4Network | IPv6Network]) -> bool:
    def lies_in(other: Any) -> bool:
        return network.version == other.version and network.subnet_of(other)

    return any(map(lies_in, others))


def _beyond(pointer: str | None, message: str) -> BeyondOwnRights:
    if pointer is None:
        return BeyondOwnRights(f"{message}.")
    return BeyondOwnRights(errors=[FieldError(pointer, BeyondOwnRights.code, message)])
