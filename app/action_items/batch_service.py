"""Many action items in one transaction: all or none."""

from app.action_items import service
from app.action_items.schemas import ActionItemBatch, ActionItemsCreate, ActionItemsPatch
from app.db.transaction import Preconditions, Tx
from app.errors import AppError, FieldError, Invalid


async def create_many(tx: Tx, body: ActionItemsCreate) -> ActionItemBatch:
    """Propose many action items.

    Raises:
        AppError: what `service.create` raises, for the first item that is refused; ``errors`` says which.
    """
    made = []
    for at, item in enumerate(body.items):
        try:
            made.append(await service.create(tx, item))
        except AppError as refused:
            raise refused.within(f"/body/items/{at}") from None
    return ActionItemBatch(items=made)


async def patch_many(tx: Tx, body: ActionItemsPatch) -> ActionItemBatch:
    """Change many action items, each at the version that was read.

    Raises:
        AppError: what `service.patch` raises, for the first item that is refused; ``errors`` says which.
        Invalid: an item is named twice.
    """
    ids = [item.id for item in body.items]
    if len(set(ids)) != len(ids):
        raise Invalid(errors=[FieldError("/body/items", "repeated_item", "An item is named twice")])
    changed = {}
    # In the order of their ids, so that two batches that share items wait for each other instead of deadlocking.
    for at, item in sorted(enumerate(body.items), key=lambda pair: pair[1].id):
        tx.preconditions = Preconditions(if_match=frozenset({item.version}), has_if_match=True)
        try:
            changed[item.id] = await service.patch(tx, item.id, item.changes)
        except AppError as refused:
            raise refused.within(f"/body/items/{at}") from None
    return ActionItemBatch(items=[changed[id_] for id_ in ids])
