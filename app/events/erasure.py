"""Erasing what the audit trail keeps of a person. The chain stays whole."""

from uuid import UUID

from sqlalchemy import text

from app.db.transaction import Tx

_ERASE = text("select erase_audit_values(:tenant_id, about) from unnest(cast(:subjects as uuid[])) as about")


async def erase_audit_values(tx: Tx, *subjects: UUID) -> None:
    """Erase the personal values about people, seats or principals. The rows stay, and say that they are not kept.

    Call it for a seat or a principal before it passes to somebody else, or is deleted: afterwards nothing says whose
    values they were. Values of this transaction that are not sent yet stay.
    """
    if subjects:
        await tx.session.execute(_ERASE, {"tenant_id": tx.tenant_id, "subjects": list(subjects)})
