"""Scenes of the action items: proposed, taken up, noted, done or not."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from app.action_items import service, transitions
from app.action_items.schemas import ActionItemCreate, ActionItemNoteCreate, ActionItemTransition
from app.db.transaction import Tx
from app.demo.scenes import Scene, World, ago
from app.demo.story import ItemMoveTold, ItemNoteTold, ItemTold
from app.principal import Role


def scenes(items: tuple[ItemTold, ...]) -> Iterator[Scene]:
    """All of them."""
    for number, item in enumerate(items):
        yield _proposed(item, number)
        for count, told_move in enumerate(item.moves, 1):
            yield _moved(item, told_move, count)
        for count, note in enumerate(item.notes, 1):
            yield _noted(item, note, count)


def _proposed(told: ItemTold, number: int) -> Scene:
    async def create(tx: Tx, world: World) -> UUID:
        body = ActionItemCreate(
            organization_id=world.id_of("organizations", told.at),
            assessment_id=world.id_of("assessments", told.gap),
            practices=list(told.practices),
            title=told.title,
            description=told.description,
            owner_id=world.id_of("people", told.owner),
            due_on=None if told.due is None else world.today + timedelta(days=told.due),
            effort=told.effort,
            expected_level=told.expected_level,
        )
        return await service.create(tx, body)

    made = ("action_items", told.key)
    return Scene(f"item/{told.key}", ago(told.day, "15:00", 6 * (number % 10)), Role.MANAGER, create, made)


def _moved(told: ItemTold, told_move: ItemMoveTold, count: int) -> Scene:
    async def move(tx: Tx, world: World) -> None:
        body = ActionItemTransition(
            to=told_move.to, reason=told_move.reason, verified_by=world.id_of("people", told_move.by)
        )
        await transitions.transition(tx, world.the("action_items", told.key), body)

    return Scene(f"item/{told.key}/{count}", ago(told_move.day, "18:00", count), Role.MANAGER, move, changes=True)


def _noted(told: ItemTold, note: ItemNoteTold, count: int) -> Scene:
    async def add(tx: Tx, world: World) -> None:
        await service.add_note(tx, world.the("action_items", told.key), ActionItemNoteCreate(text=note.text))

    return Scene(f"item/{told.key}/note/{count}", ago(note.day, "17:30", count), Role.MANAGER, add)
