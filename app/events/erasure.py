"""Erasing what the audit trail keeps of a person. The chain stays whole."""

from uuid import UUID

from sqlalchemy import text

from app.db.transaction import Tx

_ERASE = text("select erase_audit_values(:tenant_id, :person_id)")


async def erase_audit_values(tx: Tx, person_id: UUID) -> None:
    """Erase the values before and after that say who a person is. The rows stay, and say that they are not kept."""
    await tx.session.execute(_ERASE, {"tenant_id": tx.tenant_id, "person_id": person_id})
