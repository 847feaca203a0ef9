"""May this caller do this here? Everything that guards an object asks these functions."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, false, or_
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.access.operations import OPERATIONS
from app.db.transaction import Tx
from app.errors import Forbidden, NotFound
from app.principal import READERS, Principal
from app.tree.models import Organization, OrganizationPlace
from app.tree.organizations import load_organization
from app.tree.paths import after, ancestors, is_root, ranges


def may(principal: Principal, operation: str, path: str) -> bool:
    """Whether a role of this caller on the organization at ``path`` allows the operation."""
    roles = OPERATIONS[operation].roles
    return any(grant.role in roles and path.startswith(grant.path) for grant in principal.grants)


def allowed_below(principal: Principal, operation: str) -> list[str]:
    """The paths on and below which `may` allows the operation: what a statement needs to tell it row by row."""
    roles = OPERATIONS[operation].roles
    return [grant.path for grant in principal.grants if grant.role in roles]


def allowed_throughout(principal: Principal, operation: str) -> bool | None:
    """Whether `may` allows the operation on every organization, or on none; None: it depends on which."""
    paths = allowed_below(principal, operation)
    if not paths:
        return False
    return True if any(map(is_root, paths)) else None


def forbidden(operation: str, where: str) -> Forbidden:
    """The refusal that names the roles which may perform the operation, and where they count."""
    roles = OPERATIONS[operation].published()
    seat = " A seat may too, in its own assessment." if "seat" in roles else ""
    named = ", ".join(role for role in roles if role != "seat")
    detail = f"This needs one of these roles on {where}: {named}.{seat}" if named else "Only the holder of a seat may."
    return Forbidden(detail, required_roles=roles)


def require(principal: Principal, operation: str, path: str) -> None:
    """Let the caller pass, or tell it only what it may know.

    Raises:
        NotFound: the organization lies outside the caller's sight.
        Forbidden: it is in sight, but no role there allows the operation.
    """
    if not principal.reads(path):
        raise NotFound
    if not may(principal, operation, path):
        raise forbidden(operation, "the organization concerned, or one above it")


def require_for_assessment(principal: Principal, operation: str, path: str, assessment_id: UUID) -> None:
    """`require`, and the holder of a seat in this very assessment may pass where the operation is open to seats.

    Raises:
        NotFound: outside the caller's sight.
        Forbidden: in sight, but not allowed.
    """
    if principal.seat is None:
        require(principal, operation, path)
    elif principal.seat.assessment_id != assessment_id:
        raise NotFound
    elif not OPERATIONS[operation].seat:
        raise forbidden(operation, "the organization of the assessment, or one above it")


def require_everywhere(principal: Principal, operation: str) -> None:
    """Let the caller pass who may perform the operation on the tenant's root, and so everywhere in it.

    Raises:
        Forbidden: it may not.
    """
    roles = OPERATIONS[operation].roles
    if not any(grant.role in roles and is_root(grant.path) for grant in principal.grants):
        raise forbidden(operation, "the root organization of the tenant")


def in_sight(principal: Principal, organization_id: Any) -> ColumnElement[bool]:
    """The condition that a row's organization lies in the caller's sight.

    A statement that locks a row has it, so that what is out of sight costs what a missing row costs, and nobody waits
    for its lock.

    Args:
        organization_id: the column that names the row's organization.
    """
    return _has_place(principal, organization_id, [])


def in_sight_with_ancestors(principal: Principal, organization_id: Any) -> ColumnElement[bool]:
    """`in_sight`, or the row's organization lies above the caller's: programs are seen from below."""
    return _has_place(principal, organization_id, ancestors(principal.reach))


def _has_place(principal: Principal, organization_id: Any, paths: list[str]) -> ColumnElement[bool]:
    place = aliased(OrganizationPlace)
    ranges_in_sight = [(col(place.path) >= path) & (col(place.path) < after(path)) for path in principal.reach]
    of_row = (col(place.tenant_id) == principal.tenant_id) & (col(place.organization_id) == organization_id)
    return exists().where(of_row, or_(false(), *ranges_in_sight, *(col(place.path) == path for path in paths)))


def scopes(principal: Principal) -> dict[str, Any]:
    """The caller's sight as bound ranges for a list; empty where it is the whole tenant.

    Raises:
        Forbidden: the caller sees no organization at all.
    """
    if not principal.reach:
        roles = sorted(READERS)
        raise Forbidden(f"Lists need one of these roles on any organization: {', '.join(roles)}.", required_roles=roles)
    if is_root(principal.reach[0]):
        return {}
    return ranges(principal.reach)


async def organization_for(
    tx: Tx, organization_id: UUID, operation: str, *, lock: str | None = "share"
) -> Organization:
    """Load an organization for an operation on it or below it: the only way to one in a write.

    Raises:
        NotFound: none such in the caller's sight.
        Forbidden: in sight, but not allowed.
    """
    organization = await load_organization(
        tx, organization_id, lock=lock, where=in_sight(tx.principal, organization_id)
    )
    require(tx.principal, operation, organization.path)
    return organization
