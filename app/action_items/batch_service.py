"""Many action items in one transaction: all or none."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from app.action_items import service, transitions
from app.action_items.batch_schemas import (
    ActionItemChange,
    ActionItemMove,
    ActionItemsCreate,
    ActionItemsPatch,
    ActionItemsTransition,
)
from app.db.transaction import Preconditions, Tx
from app.errors import AppError, FieldError, Invalid

Entry = TypeVar("Entry", ActionItemChange, ActionItemMove)


async def create_many(tx: Tx, body: ActionItemsCreate) -> list[UUID]:
    """Propose many action items. Return their ids in the order sent.

    Raises:
        AppError: what `service.create` raises, for the first item that is refused; ``errors`` says which.
    """
    ids = []
    for at, item in enumerate(body.items):
        try:
            ids.append(await service.create(tx, item))
        except AppError as refused:
            raise refused.within(f"/body/items/{at}") from None
    return ids


async def patch_many(tx: Tx, body: ActionItemsPatch) -> list[UUID]:
    """Change many action items, each at the version that was read. Return their ids in the order sent.

    Raises:
        AppError: what `service.patch` raises, for the first item that is refused; ``errors`` says which.
        Invalid: an item is named twice.
    """
    return await _each(tx, body.items, lambda entry: service.patch(tx, entry.id, entry.changes))


async def transition_many(tx: Tx, body: ActionItemsTransition) -> list[UUID]:
    """Make a transition of many action items, each at the version that was read. Return their ids in the order sent.

    Raises:
        AppError: what `transitions.transition` raises, for the first item that is refused; ``errors`` says which.
        Invalid: an item is named twice.
    """
    return await _each(tx, body.items, lambda entry: transitions.transition(tx, entry.id, entry))


async def _each(tx: Tx, entries: Sequence[Entry], do: Callable[[Entry], Awaitable[UUID]]) -> list[UUID]:
    ids = [entry.id for entry in entries]
    if len(set(ids)) != len(ids):
        raise Invalid(errors=[FieldError("/body/items", "repeated_item", "An item is named twice")])
    # In the order of their ids, so that two batches that share items wait for each other instead of deadlocking.
    for at, entry in sorted(enumerate(entries), key=lambda pair: pair[1].id):
        tx.preconditions = Preconditions(if_match=frozenset({entry.version}), has_if_match=True)
        try:
            await do(entry)
        except AppError as refused:
            raise refused.within(f"/body/items/{at}") from None
    return ids
