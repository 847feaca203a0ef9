"""Create the sandbox and describe its keys, tokens and ids."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access import credentials
from app.access.keys import revoke_key
from app.db.connection import Connection, transaction
from app.db.ids import following
from app.db.transaction import Tx
from app.demo import figures, followers, places, sessions, sources, work
from app.demo.sandbox import DEFAULT_DAY
from app.demo.script import DemoScript
from app.demo.spec import ROOT, load_spec
from app.demo.steps import AFTER_READ, NO_PRECONDITIONS, DemoState, Step, ago
from app.errors import OperatorError
from app.provisioning import DEMO_SLUG, begin_tenant, list_tenants, operator

_TENANT = "tenant"
_FOUNDED = ago(places.FOUNDED, "14:00")
_REVOKED_AFTER = timedelta(minutes=50)


@dataclass(frozen=True)
class Demo:
    """The sandbox's public description. It follows from the steps, without a look at the database.

    Attributes:
        today: the sandbox's current date.
        made: whether this call created it; False if it existed.
        keys: the API keys by role.
        tokens: the seat tokens by session and seat, such as ``prairie-1/manager``. Paper seats have none.
        ids: the ids by kind and by the key used in the data files.
    """

    today: date
    made: bool
    tenant_id: UUID
    keys: dict[str, str]
    tokens: dict[str, str]
    ids: dict[str, dict[str, UUID]]

    def as_json_object(self) -> dict[str, Any]:
        """Return all attributes but `made` as JSON values."""
        return {
            "today": self.today.isoformat(),
            "tenant_id": str(self.tenant_id),
            "keys": self.keys,
            "tokens": self.tokens,
            "ids": {kind: {key: str(one) for key, one in named.items()} for kind, named in self.ids.items()},
        }

    def summary_lines(self) -> list[str]:
        """Return the lines that the command prints."""
        keys = [f"  {role:<12} {key}" for role, key in self.keys.items()]
        return [
            f"The sandbox {'was created' if self.made else 'exists already'}. Its current date is {self.today}.",
            "Its keys are public and always the same. Do not store real data in this database.",
            *keys,
            "Run fa-readiness demo --json for all ids and the seat tokens.",
        ]


async def make_demo(engine: AsyncEngine, day: date | None) -> Demo:
    """Create the sandbox's tenant in one transaction, unless it exists.

    Args:
        engine: connected as the owner.
        day: the sandbox's current date. None means the date it was created with, or the default.

    Raises:
        OperatorError: The database has another tenant, or a sandbox with another current date.
    """
    tenants = [tenant for tenant, _ in await list_tenants(engine)]
    if any(tenant.slug != DEMO_SLUG for tenant in tenants):
        raise OperatorError(
            "This database has other tenants, and the sandbox's keys are public: give the sandbox another "
            "database, such as an embedded one with FA_DATA_DIR=.fa-demo."
        )
    if tenants:
        present = (tenants[0].created_at - _FOUNDED).date()
        if day not in {None, present}:
            raise OperatorError(
                f"The sandbox exists already, and its current date is {present}: set FA_DEMO_DATE={present}, "
                "or remove its data directory or database first."
            )
        return describe(present, made=False)
    today = day or DEFAULT_DAY
    try:
        async with transaction(engine) as connection:
            await make_tenant(connection, today)
    except IntegrityError:
        raise OperatorError("Another process has made a tenant here at this moment; try again.") from None
    return describe(today, made=True)


async def make_tenant(connection: Connection, today: date) -> DemoState:
    """Create everything, step by step in the order of time, in the caller's transaction."""
    script, state = DemoScript(today), DemoState(today)
    with following(script):
        script.begin_step(_TENANT, _FOUNDED)
        the_tenant = load_spec().places.tenant
        tenant, root, first_key_id, _ = await begin_tenant(
            connection,
            slug=DEMO_SLUG,
            name=the_tenant.name,
            root_kind=the_tenant.kind,
            timezone=the_tenant.timezone,
        )
        state.ids["organizations", ROOT] = root.id
        state.callers[places.OPERATOR] = operator(tenant.id)
        for step in _in_order(_revoke_first_key(first_key_id), *all_steps()):
            script.begin_step(step.name, step.at)
            preconditions = AFTER_READ if step.changes else NO_PRECONDITIONS
            tx = Tx(connection, state.callers[step.by], script.now(), script.request_id(), preconditions)
            made = await step.action(tx, state)
            await tx.flush()
            if step.makes is not None and made is not None:
                state.ids[step.makes] = made
    return state


@cache
def all_steps() -> tuple[Step, ...]:
    """Return all steps but the tenant's, in the order of time."""
    spec = load_spec()
    every = [
        *places.steps(spec.places),
        *sessions.steps(spec.sessions, spec.places),
        *work.steps(spec.items),
        *followers.steps(),
        *sources.steps(spec.places.people),
        *figures.steps(spec.metrics),
    ]
    return _in_order(*every)


def _in_order(*steps: Step) -> tuple[Step, ...]:
    return tuple(sorted(steps, key=lambda step: step.at))


def _revoke_first_key(key_id: UUID) -> Step:
    """Return the step that revokes the first key of the tenant, which the published admin key replaces."""

    async def revoke(tx: Tx, _world: DemoState) -> None:
        await revoke_key(tx, key_id)

    return Step("first-key", _FOUNDED + _REVOKED_AFTER, places.OPERATOR, revoke)


def describe(today: date, *, made: bool) -> Demo:
    """Compute the sandbox's keys, tokens and ids from its steps."""
    script = DemoScript(today)
    steps = {step.name: step for step in all_steps()}
    with following(script):
        script.begin_step(_TENANT, _FOUNDED)
        tenant_id, root_id = script.uuid7(), script.uuid7()

        def credential(kind: str, step: str) -> str:
            script.begin_step(step, steps[step].at)
            return credentials.issue(kind, tenant_id)[0]

        keys = {
            key.role.value: credential(credentials.API_KEY, places.key_step_name(key.role))
            for key in load_spec().places.keys
        }
        tokens = {
            f"{session.key}/{seat.name}": credential(credentials.SEAT_TOKEN, sessions.claim_step_name(session, seat))
            for session in load_spec().sessions
            for seat in session.team
            if not seat.on_paper
        }
        ids = {"organizations": {ROOT: root_id}}
        for step in steps.values():
            if step.makes is not None:
                kind, key = step.makes
                script.begin_step(step.name, step.at)
                ids.setdefault(kind, {})[key] = script.uuid7()
    return Demo(today, made, tenant_id, keys, tokens, ids)
