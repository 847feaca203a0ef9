"""Access to what lives in an organization and acts with the rights of its creator: webhooks, connectors, calendars."""

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

from app.access.policy import is_visible, may, require
from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.errors import NotFound
from app.events.record import record_event
from app.principal import Principal
from app.tree.models import OrganizationPlace

Owned = TypeVar("Owned")


def require_for_owned(principal: Principal, operation: str, row: Row, *, create: str) -> None:
    """Check that the caller is an admin where a thing lives, or its creator who may still make one there.

    Args:
        row: ``path`` of its organization, and ``principal_id`` of its creator.
        create: the operation that makes such a thing.

    Raises:
        NotFound: the organization is not visible to the caller.
        Forbidden: neither holds.
    """
    is_creator = UUID(int=row["principal_id"].int) == principal.id
    if not (is_creator and may(principal, create, row["path"])):
        require(principal, operation, row["path"])


async def load_owned(tx: Tx, model: type[Owned], id_: UUID, operation: str, *, create: str) -> Owned:
    """Load a thing for an operation, and lock it.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: the caller is no admin there and did not create it.
    """
    table: Any = model
    query = (
        select(table, OrganizationPlace.path)
        .join(
            OrganizationPlace,
            (col(OrganizationPlace.tenant_id) == col(table.tenant_id))
            & (col(OrganizationPlace.organization_id) == col(table.organization_id)),
        )
        .where(
            col(table.tenant_id) == tx.tenant_id,
            col(table.id) == id_,
            is_visible(tx.principal, col(table.organization_id)),
        )
        .with_for_update(of=table)
        .execution_options(populate_existing=True)
    )
    found = (await tx.session.execute(query)).one_or_none()
    if found is None:
        raise NotFound
    owned: Any = found[0]
    require_for_owned(tx.principal, operation, {"path": found.path, "principal_id": owned.principal_id}, create=create)
    return owned  # type: ignore[no-any-return]


def note_switch(owned: Any, paused: StrEnum, now: datetime, *, was_enabled: bool) -> None:
    """Note since when a webhook or connector is disabled, or that it is not, after its caller switched it.

    Args:
        paused: the reason for what its caller disables.
    """
    if owned.enabled and not was_enabled:
        owned.disabled_reason = owned.disabled_at = None
    elif was_enabled and not owned.enabled:
        owned.disabled_reason, owned.disabled_at = paused, now


def disabling(table: str, condition: str = "true") -> Read:
    """Return the statement that disables a row of webhooks or connectors, for `disable_owned`."""
    return Read(
        text(
            f"""
            update {table}
            set enabled = false, disabled_reason = cast(:reason as text), disabled_at = :now, version = version + 1,
                updated_at = greatest(:now, updated_at + interval '1 microsecond')
            where tenant_id = :tenant_id and id = :id and enabled and {condition}
            returning organization_id
            """  # noqa: S608  # constants of the callers
        )
    )


async def disable_owned(tx: Tx, statement: Read, id_: UUID, reason: StrEnum, event_type: str, **values: Any) -> bool:
    """Disable what is enabled, without a caller, and record the event that says so. Return whether it was enabled.

    Args:
        statement: that of `disabling`.
        values: of the parameters of its condition.
    """
    row = await tx.fetch_one(statement, tenant_id=tx.tenant_id, id=id_, reason=reason.value, now=tx.now, **values)
    if row is None:
        return False
    organization_id = UUID(int=row["organization_id"].int)
    record_event(tx, event_type, id_, organization_id=organization_id, data={"reason": reason.value})
    return True
