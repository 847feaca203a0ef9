"""Authorization: the functions that decide whether a caller may perform an operation on an organization."""

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
    """Return whether a role of this caller on the organization at ``path`` allows the operation."""
    roles = OPERATIONS[operation].roles
    return any(grant.role in roles and path.startswith(grant.path) for grant in principal.grants)


def allowed_below(principal: Principal, operation: str) -> list[str]:
    """Return the paths on and below which `may` allows the operation, for a statement that decides row by row."""
    roles = OPERATIONS[operation].roles
    return [grant.path for grant in principal.grants if grant.role in roles]


def allowed_throughout(principal: Principal, operation: str) -> bool | None:
    """Return True if `may` allows the operation on every organization, False if on none, None if on some."""
    paths = allowed_below(principal, operation)
    if not paths:
        return False
    return True if any(map(is_root, paths)) else None


def forbidden(operation: str, where: str) -> Forbidden:
    """Return the error that names the roles that may perform the operation, and where they apply."""
    roles = OPERATIONS[operation].published()
    seat = " A seat may too, in its own assessment." if "seat" in roles else ""
    creator = " So may the caller that created it." if "creator" in roles else ""
    proposer = " So may the caller that proposed it." if "proposer" in roles else ""
    oneself = " So may the person, signed in." if "oneself" in roles else ""
    named = ", ".join(role for role in roles if role not in {"seat", "creator", "proposer", "oneself"})
    if not named:
        return Forbidden("Only the holder of a seat may.", required_roles=roles)
    detail = f"This needs one of these roles on {where}: {named}.{seat}{creator}{proposer}{oneself}"
    return Forbidden(detail, required_roles=roles)


def require(principal: Principal, operation: str, path: str) -> None:
    """Check that the caller may perform the operation, without revealing an organization it cannot see.

    Raises:
        NotFound: The organization is not visible to the caller.
        Forbidden: It is visible, but no role there allows the operation.
    """
    if not principal.reads(path):
        raise NotFound
    if not may(principal, operation, path):
        raise forbidden(operation, "the organization concerned, or one above it")


def require_for_assessment(principal: Principal, operation: str, path: str, assessment_id: UUID) -> None:
    """Check as `require` does, and accept the holder of a seat in this assessment where the operation allows seats.

    A person who signed in and holds a seat here may do what the person's roles allow. Where they do not allow the
    operation, the person may still read what the seat may read. To vote, the person acts as the seat (see
    `app.assessments.acting`).

    Raises:
        NotFound: It is not visible to the caller.
        Forbidden: It is visible, but not allowed.
    """
    access, where = OPERATIONS[operation], "the organization of the assessment, or one above it"
    if principal.seat is not None:
        if principal.seat.assessment_id != assessment_id:
            raise NotFound
        if not access.seat:
            raise forbidden(operation, where)
    elif principal.holder_in(assessment_id) is None or may(principal, operation, path):
        require(principal, operation, path)
    elif not (access.seat and operation.startswith(("get", "list"))):
        raise forbidden(operation, where)


def require_everywhere(principal: Principal, operation: str) -> None:
    """Check that the caller may perform the operation on the tenant's root, and so everywhere in the tenant.

    Raises:
        Forbidden: The caller has no such role on the root.
    """
    roles = OPERATIONS[operation].roles
    if not any(grant.role in roles and is_root(grant.path) for grant in principal.grants):
        raise forbidden(operation, "the root organization of the tenant")


def is_visible(principal: Principal, organization_id: Any) -> ColumnElement[bool]:
    """Return the condition that a row's organization is visible to the caller.

    Every statement that locks a row includes it. A hidden row then costs what a missing row costs, and the caller
    never waits for its lock.

    Args:
        organization_id: the column that names the row's organization.
    """
    return _has_place(principal, organization_id, [])


def is_visible_or_above(principal: Principal, organization_id: Any) -> ColumnElement[bool]:
    """Return the condition of `is_visible`, extended to organizations above a visible one."""
    return _has_place(principal, organization_id, ancestors(principal.visible_paths))


def _has_place(principal: Principal, organization_id: Any, paths: list[str]) -> ColumnElement[bool]:
    place = aliased(OrganizationPlace)
    conditions = [(col(place.path) >= path) & (col(place.path) < after(path)) for path in principal.visible_paths]
    of_row = (col(place.tenant_id) == principal.tenant_id) & (col(place.organization_id) == organization_id)
    return exists().where(of_row, or_(false(), *conditions, *(col(place.path) == path for path in paths)))


def visible_ranges(principal: Principal) -> dict[str, Any]:
    """Return the visible subtrees as bound path ranges for a list; empty if the caller sees the whole tenant.

    Raises:
        Forbidden: The caller sees no organization.
    """
    if not principal.visible_paths:
        roles = sorted(READERS)
        raise Forbidden(f"Lists need one of these roles on any organization: {', '.join(roles)}.", required_roles=roles)
    if is_root(principal.visible_paths[0]):
        return {}
    return ranges(principal.visible_paths)


async def load_organization_for(
    tx: Tx, organization_id: UUID, operation: str, *, lock: str | None = "share"
) -> Organization:
    """Load an organization for an operation on it or below it. Every write loads organizations this way.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: It is visible, but not allowed.
    """
    organization = await load_organization(
        tx, organization_id, lock=lock, where=is_visible(tx.principal, organization_id)
    )
    require(tx.principal, operation, organization.path)
    return organization
