"""Steps that create organizations, keys, programs, implementations and people."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from app.access import keys
from app.db.transaction import Tx
from app.demo.spec import (
    ROOT,
    ImplementationSpec,
    KeySpec,
    OrganizationSpec,
    PersonSpec,
    PlacesSpec,
    ProgramSpec,
    StageMoveSpec,
)
from app.demo.steps import DemoState, Step, ago
from app.organizations import service as organizations
from app.organizations.schemas import ExternalId, OrganizationCreate, OrganizationStatus, OrganizationTransition
from app.people import service as people
from app.people.models import EmploymentStatus
from app.people.schemas import PersonCreate, PersonPatch
from app.principal import Grant, Principal, Role
from app.programs import service as programs
from app.programs.schemas import ImplementationCreate, ImplementationTransition, ProgramCreate
from app.tree.organizations import load_organization

FOUNDED = 602
OPERATOR = "operator"
#: Days between the hiring of two people.
_HIRED_APART = 37


def steps(places: PlacesSpec) -> Iterator[Step]:
    """Yield all steps of this module."""
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


def _organization(spec: OrganizationSpec, number: int) -> Iterator[Step]:
    async def create(tx: Tx, state: DemoState) -> UUID:
        body = OrganizationCreate(
            parent_id=state.the("organizations", spec.parent),
            kind=spec.kind,
            name=spec.name,
            staff_count=spec.staff,
            timezone=spec.timezone,
            external_ids=[ExternalId(source="hr", external_id=spec.hr)] if spec.hr else [],
        )
        return await organizations.create(tx, body)

    made = ("organizations", spec.key)
    yield Step(f"organization/{spec.key}", ago(FOUNDED, "15:00", 2 * number), Role.ADMIN, create, made)
    archived = spec.archived
    if archived is None:
        return

    async def archive(tx: Tx, state: DemoState) -> None:
        body = OrganizationTransition(to=OrganizationStatus.ARCHIVED, reason=archived.reason)
        await organizations.transition(tx, state.the(*made), body)

    yield Step(f"organization/{spec.key}/archived", ago(archived.day, "16:30"), Role.ADMIN, archive, changes=True)


def _key(spec: KeySpec, number: int) -> Step:
    async def create(tx: Tx, state: DemoState) -> None:
        organization_id = state.the("organizations", spec.at)
        key_id, _ = await keys.create_key(tx, name=spec.name, grants=[(spec.role, organization_id)])
        state.callers[spec.role] = await load_caller(tx, key_id)

    # The keys of the root come before the tree, which one of them makes.
    at = ago(FOUNDED, "14:30" if spec.at == ROOT else "16:30", number)
    return Step(key_step_name(spec.role), at, OPERATOR, create)


def key_step_name(role: Role) -> str:
    """Return the name of the step that creates the key of a role."""
    return f"key/{role.value}"


async def load_caller(tx: Tx, key_id: UUID) -> Principal:
    """Load the principal of a key."""
    [(record, grants)] = [(record, grants) for key, record, grants in await keys.list_keys(tx) if key.id == key_id]
    return Principal(
        tenant_id=tx.tenant_id,
        id=record.id,
        kind="api_key",
        name=record.name,
        tenant_secret=tx.principal.tenant_secret,
        grants=tuple(
            [
                Grant(one.role, one.organization_id, (await load_organization(tx, one.organization_id)).path)
                for one in grants
            ]
        ),
    )


def _program(spec: ProgramSpec, number: int) -> Step:
    async def create(tx: Tx, state: DemoState) -> UUID:
        body = ProgramCreate(
            organization_id=state.the("organizations", spec.at),
            name=spec.name,
            description=spec.description,
            website=spec.website,
        )
        return await programs.create_program(tx, body)

    return Step(f"program/{spec.key}", ago(598, "15:00", 10 * number), Role.MANAGER, create, ("programs", spec.key))


def _implementation(spec: ImplementationSpec) -> Iterator[Step]:
    async def create(tx: Tx, state: DemoState) -> UUID:
        body = ImplementationCreate(
            organization_id=state.the("organizations", spec.at),
            program_id=state.the("programs", spec.program),
            stage=spec.stage,
        )
        return await programs.create_implementation(tx, body)

    made = ("implementations", spec.key)
    yield Step(f"implementation/{spec.key}", ago(spec.day, "15:30"), Role.MANAGER, create, made)
    for number, move_spec in enumerate(spec.moves, 1):

        async def move(tx: Tx, state: DemoState, move_spec: StageMoveSpec = move_spec) -> None:
            body = ImplementationTransition(to=move_spec.to, reason=move_spec.reason)
            await programs.transition_implementation(tx, state.the(*made), body)

        name = f"implementation/{spec.key}/{number}"
        yield Step(name, ago(move_spec.day, "17:00"), Role.MANAGER, move, changes=True)


def _person(spec: PersonSpec, label: str, number: int) -> Iterator[Step]:
    async def create(tx: Tx, state: DemoState) -> UUID:
        body = PersonCreate(
            organization_id=state.the("organizations", spec.at),
            name=label,
            email=f"{spec.key}@agency.example",
            employee_number=str(20_401 + number),
            position=spec.role,
            department=spec.department,
            manager_id=state.id_of("people", spec.manager),
            hired_on=state.today - timedelta(days=FOUNDED + _HIRED_APART * (number + 1)),
            external_ids=[ExternalId(source="hr", external_id=f"P-{1001 + number}")],
        )
        return await people.create(tx, body)

    made = ("people", spec.key)
    yield Step(f"person/{spec.key}", ago(597, "15:00", number), Role.INTEGRATOR, create, made)
    left = spec.left
    if left is None:
        return

    async def leave(tx: Tx, state: DemoState) -> None:
        last_day = state.today + timedelta(days=ago(left).days)
        body = PersonPatch(employment_status=EmploymentStatus.LEFT, left_on=last_day)
        await people.patch(tx, state.the(*made), body)

    yield Step(f"person/{spec.key}/left", ago(left, "20:00"), Role.INTEGRATOR, leave, changes=True)
