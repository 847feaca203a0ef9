"""Scenes that set the stage: organizations, keys, programs and their use, people."""

from collections.abc import Iterator
from uuid import UUID

from app.access import keys
from app.db.transaction import Tx
from app.demo.scenes import Scene, World, ago
from app.demo.story import (
    ROOT,
    ImplementationTold,
    KeyTold,
    OrganizationTold,
    PersonTold,
    Places,
    ProgramTold,
    StageMoveTold,
)
from app.organizations import service as organizations
from app.organizations.schemas import ExternalId, OrganizationCreate, OrganizationStatus, OrganizationTransition
from app.people import service as people
from app.people.schemas import PersonCreate, PersonPatch
from app.principal import Grant, Principal, Role
from app.programs import service as programs
from app.programs.schemas import ImplementationCreate, ImplementationTransition, ProgramCreate
from app.tree.organizations import load_organization

FOUNDED = 602
OPERATOR = "operator"


def scenes(places: Places) -> Iterator[Scene]:
    """All of them."""
    for number, organization in enumerate(places.organizations):
        yield from _organization(organization, number)
    for number, key in enumerate(places.keys):
        yield _key(key, number)
    for number, program in enumerate(places.programs):
        yield _program(program, number)
    for implementation in places.implementations:
        yield from _implementation(implementation)
    for number, person in enumerate(places.people):
        yield from _person(person, places.label_of(person.key), number)


def _organization(told: OrganizationTold, number: int) -> Iterator[Scene]:
    async def create(tx: Tx, world: World) -> UUID:
        body = OrganizationCreate(
            parent_id=world.the("organizations", told.parent),
            kind=told.kind,
            name=told.name,
            staff_count=told.staff,
            timezone=told.timezone,
            external_ids=[ExternalId(source="hr", external_id=told.hr)] if told.hr else [],
        )
        return await organizations.create(tx, body)

    made = ("organizations", told.key)
    yield Scene(f"organization/{told.key}", ago(FOUNDED, "15:00", 2 * number), Role.ADMIN, create, made)
    archived = told.archived
    if archived is None:
        return

    async def archive(tx: Tx, world: World) -> None:
        body = OrganizationTransition(to=OrganizationStatus.ARCHIVED, reason=archived.reason)
        await organizations.transition(tx, world.the(*made), body)

    yield Scene(f"organization/{told.key}/archived", ago(archived.day, "16:30"), Role.ADMIN, archive, changes=True)


def _key(told: KeyTold, number: int) -> Scene:
    async def create(tx: Tx, world: World) -> None:
        organization_id = world.the("organizations", told.at)
        key_id, _ = await keys.create_key(tx, name=told.name, grants=[(told.role, organization_id)])
        world.callers[told.role] = await caller(tx, key_id)

    # The keys of the root come before the tree, which one of them makes.
    at = ago(FOUNDED, "14:30" if told.at == ROOT else "16:30", number)
    return Scene(scene_of_key(told.role), at, OPERATOR, create)


def scene_of_key(role: Role) -> str:
    """The scene in which the key of this role is made."""
    return f"key/{role.value}"


async def caller(tx: Tx, key_id: UUID) -> Principal:
    """Whoever calls with this key."""
    [(record, grants)] = [(record, grants) for key, record, grants in await keys.list_keys(tx) if key.id == key_id]
    return Principal(
        tenant_id=tx.tenant_id,
        id=record.id,
        kind=record.kind,
        name=record.name,
        tenant_secret=tx.principal.tenant_secret,
        grants=tuple(
            [
                Grant(one.role, one.organization_id, (await load_organization(tx, one.organization_id)).path)
                for one in grants
            ]
        ),
    )


def _program(told: ProgramTold, number: int) -> Scene:
    async def create(tx: Tx, world: World) -> UUID:
        body = ProgramCreate(
            organization_id=world.the("organizations", told.at),
            name=told.name,
            description=told.description,
            website=told.website,
        )
        return await programs.create_program(tx, body)

    return Scene(f"program/{told.key}", ago(598, "15:00", 10 * number), Role.MANAGER, create, ("programs", told.key))


def _implementation(told: ImplementationTold) -> Iterator[Scene]:
    async def create(tx: Tx, world: World) -> UUID:
        body = ImplementationCreate(
            organization_id=world.the("organizations", told.at),
            program_id=world.the("programs", told.program),
            stage=told.stage,
        )
        return await programs.create_implementation(tx, body)

    made = ("implementations", told.key)
    yield Scene(f"implementation/{told.key}", ago(told.day, "15:30"), Role.MANAGER, create, made)
    for number, told_move in enumerate(told.moves, 1):

        async def move(tx: Tx, world: World, told_move: StageMoveTold = told_move) -> None:
            body = ImplementationTransition(to=told_move.to, reason=told_move.reason)
            await programs.transition_implementation(tx, world.the(*made), body)

        name = f"implementation/{told.key}/{number}"
        yield Scene(name, ago(told_move.day, "17:00"), Role.MANAGER, move, changes=True)


def _person(told: PersonTold, label: str, number: int) -> Iterator[Scene]:
    async def create(tx: Tx, world: World) -> UUID:
        body = PersonCreate(organization_id=world.the("organizations", told.at), name=label)
        return (await people.create(tx, body)).id

    made = ("people", told.key)
    yield Scene(f"person/{told.key}", ago(597, "15:00", number), Role.INTEGRATOR, create, made)
    if told.left is None:
        return

    async def leave(tx: Tx, world: World) -> None:
        await people.patch(tx, world.the(*made), PersonPatch(active=False))

    yield Scene(f"person/{told.key}/left", ago(told.left, "20:00"), Role.INTEGRATOR, leave, changes=True)
