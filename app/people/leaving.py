"""What leaving means for the work that a person owns: it is announced item by item."""

from uuid import UUID

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.events.record import record_event
from app.people.models import Person

#: Statuses of action items that wait for nobody (`app.action_items.lifecycle.SETTLED`).
SETTLED = frozenset({"done", "verified", "dismissed"})
_OWNED = Read(
    text(
        """
        select id, organization_id from action_items
        where tenant_id = :tenant_id and owner_id = :person_id and not status = any(cast(:settled as text[]))
        order by id
        """
    )
)


async def announce_leaving(tx: Tx, person: Person) -> None:
    """Record that a person left, and for each unfinished action item that its owner did."""
    record_event(tx, "person.left", person.id, organization_id=person.organization_id)
    items = await tx.fetch(_OWNED, tenant_id=tx.tenant_id, person_id=person.id, settled=sorted(SETTLED))
    for item in items:
        announce_owner_left(tx, item["id"], item["organization_id"], person.id)


def announce_owner_left(tx: Tx, item_id: UUID, organization_id: UUID, person_id: UUID) -> None:
    """Record that the owner of an unfinished action item has left."""
    data = {"person_id": str(person_id)}
    record_event(tx, "action_item.owner_left", item_id, organization_id=organization_id, data=data)
