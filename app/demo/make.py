"""Making the sandbox, and telling what a client needs of it."""

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
from app.demo import places, sessions, work
from app.demo.sandbox import DEFAULT_DAY
from app.demo.scenes import AS_READ, FRESH, Scene, World, ago
from app.demo.script import DemoScript
from app.demo.story import ROOT, told
from app.errors import OperatorError
from app.provisioning import DEMO_SLUG, begin_tenant, list_tenants, operator

_TENANT = "tenant"
_FOUNDED = ago(places.FOUNDED, "14:00")
_TAKEN_BACK = timedelta(minutes=50)


@dataclass(frozen=True)
class Demo:
    """What is known of the sandbox without a look at its database.

    Attributes:
        made: whether it was made now, and not before.
        keys: the API key by role.
        tokens: the token by session and seat, such as ``prairie-1/manager``; paper seats have none.
        ids: the ids by kind and by the key the story has for them.
    """

    today: date
    made: bool
    tenant_id: UUID
    keys: dict[str, str]
    tokens: dict[str, str]
    ids: dict[str, dict[str, UUID]]

    def published(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "today": self.today.isoformat(),
            "tenant_id": str(self.tenant_id),
            "keys": self.keys,
            "tokens": self.tokens,
            "ids": {kind: {key: str(one) for key, one in named.items()} for kind, named in self.ids.items()},
        }

    def lines(self) -> list[str]:
        """What a reader of the command's output wants to know."""
        keys = [f"  {role:<12} {key}" for role, key in self.keys.items()]
        return [
            f"The sandbox {'is made' if self.made else 'is there already'}: today is {self.today}.",
            "Its keys are public and always the same; put nothing real beside them.",
            *keys,
            "fa-readiness demo --json tells all ids and the tokens of the seats.",
        ]


async def make_demo(engine: AsyncEngine, day: date | None) -> Demo:
    """Make the sandbox's tenant in one transaction, unless it is there.

    Args:
        engine: connected as the owner.
        day: its today; None: the one it was made with, or the default.

    Raises:
        OperatorError: the database has another tenant, or the sandbox with another today.
    """
    tenants = [tenant for tenant, _ in await list_tenants(engine)]
    if any(tenant.slug != DEMO_SLUG for tenant in tenants):
        raise OperatorError(
            "This database has tenants of its own, and the sandbox's keys are public: give the sandbox another "
            "database, such as an embedded one with FA_DATA_DIR=.fa-demo."
        )
    if tenants:
        present = (tenants[0].created_at - _FOUNDED).date()
        if day not in {None, present}:
            raise OperatorError(
                f"The sandbox is there already, and its today is {present}: set FA_DEMO_DATE={present}, or remove its "
                "data directory or database first."
            )
        return describe(present, made=False)
    today = day or DEFAULT_DAY
    try:
        async with transaction(engine) as connection:
            await play(connection, today)
    except IntegrityError:
        raise OperatorError("Another process has made a tenant here at this moment; try again.") from None
    return describe(today, made=True)


async def play(connection: Connection, today: date) -> World:
    """Make everything, scene by scene in the order of their instants, and end no transaction."""
    script, world = DemoScript(today), World(today)
    with following(script):
        script.enter(_TENANT, _FOUNDED)
        the_tenant = told().places.tenant
        tenant, root, first_key_id, _ = await begin_tenant(
            connection,
            slug=DEMO_SLUG,
            name=the_tenant.name,
            root_kind=the_tenant.kind,
            timezone=the_tenant.timezone,
        )
        world.ids["organizations", ROOT] = root.id
        world.callers[places.OPERATOR] = operator(tenant.id)
        for scene in _in_order(_first_key_taken_back(first_key_id), *script_of_scenes()):
            script.enter(scene.name, scene.at)
            preconditions = AS_READ if scene.changes else FRESH
            tx = Tx(connection, world.callers[scene.by], script.now(), script.request_id(), preconditions)
            made = await scene.do(tx, world)
            await tx.flush()
            if scene.makes is not None and made is not None:
                world.ids[scene.makes] = made
    return world


@cache
def script_of_scenes() -> tuple[Scene, ...]:
    """All scenes but the tenant's, in the order of their instants."""
    story = told()
    every = [
        *places.scenes(story.places),
        *sessions.scenes(story.sessions, story.places),
        *work.scenes(story.items),
    ]
    return _in_order(*every)


def _in_order(*scenes: Scene) -> tuple[Scene, ...]:
    return tuple(sorted(scenes, key=lambda scene: scene.at))


def _first_key_taken_back(key_id: UUID) -> Scene:
    """The key every tenant begins with gives way to one of the published."""

    async def revoke(tx: Tx, _world: World) -> None:
        await revoke_key(tx, key_id)

    return Scene("first-key", _FOUNDED + _TAKEN_BACK, places.OPERATOR, revoke)


def describe(today: date, *, made: bool) -> Demo:
    """The sandbox's keys, tokens and ids: they follow from the script."""
    script = DemoScript(today)
    scenes = {scene.name: scene for scene in script_of_scenes()}
    with following(script):
        script.enter(_TENANT, _FOUNDED)
        tenant_id, root_id = script.uuid7(), script.uuid7()

        def credential(kind: str, scene: str) -> str:
            script.enter(scene, scenes[scene].at)
            return credentials.issue(kind, tenant_id)[0]

        keys = {
            key.role.value: credential(credentials.API_KEY, places.scene_of_key(key.role)) for key in told().places.keys
        }
        tokens = {
            f"{session.key}/{seat.name}": credential(credentials.SEAT_TOKEN, sessions.scene_of_claim(session, seat))
            for session in told().sessions
            for seat in session.team
            if not seat.on_paper
        }
        ids = {"organizations": {ROOT: root_id}}
        for scene in scenes.values():
            if scene.makes is not None:
                kind, key = scene.makes
                script.enter(scene.name, scene.at)
                ids.setdefault(kind, {})[key] = script.uuid7()
    return Demo(today, made, tenant_id, keys, tokens, ids)
