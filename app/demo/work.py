"""Steps of the action items: proposals, transitions and notes."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from app.action_items import service, transitions
from app.action_items.schemas import ActionItemCreate, ActionItemNoteCreate, ActionItemTransition
from app.db.transaction import Tx
from app.demo.spec import ItemMoveSpec, ItemNoteSpec, ItemSpec
from app.demo.steps import DemoState, Step, ago
from app.principal import Role


def steps(items: tuple[ItemSpec, ...]) -> Iterator[Step]:
    """Yield all steps of the action items."""
    for number, item in enumerate(items):
        yield _propose(item, number)
        for count, move_spec in enumerate(item.moves, 1):
            yield _move(item, move_spec, count)
        for count, note in enumerate(item.notes, 1):
            yield _add_note(item, note, count)


def _propose(spec: ItemSpec, number: int) -> Step:
    async def create(tx: Tx, state: DemoState) -> UUID:
        body = ActionItemCreate(
            organization_id=state.id_of("organizations", spec.at),
            assessment_id=state.id_of("assessments", spec.gap),
            practices=list(spec.practices),
            title=spec.title,
            description=spec.description,
            owner_id=state.id_of("people", spec.owner),
            due_on=None if spec.due is None else state.today + timedelta(days=spec.due),
            effort=spec.effort,
            expected_level=spec.expected_level,
        )
        return await service.create(tx, body)

    made = ("action_items", spec.key)
    return Step(f"item/{spec.key}", ago(spec.day, "15:00", 6 * (number % 10)), Role.MANAGER, create, made)


def _move(spec: ItemSpec, move_spec: ItemMoveSpec, count: int) -> Step:
    async def move(tx: Tx, state: DemoState) -> None:
        body = ActionItemTransition(
            to=move_spec.to, reason=move_spec.reason, verified_by=state.id_of("people", move_spec.by)
        )
        await transitions.transition(tx, state.the("action_items", spec.key), body)

    return Step(f"item/{spec.key}/{count}", ago(move_spec.day, "18:00", count), Role.MANAGER, move, changes=True)


def _add_note(spec: ItemSpec, note: ItemNoteSpec, count: int) -> Step:
    async def add(tx: Tx, state: DemoState) -> None:
        await service.add_note(tx, state.the("action_items", spec.key), ActionItemNoteCreate(text=note.text))

    return Step(f"item/{spec.key}/note/{count}", ago(note.day, "17:30", count), Role.MANAGER, add)
