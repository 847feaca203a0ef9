"""Without the condition on the tenant, no statement of the service finds a row of another tenant.

Every operation is called, by a key of the whole tree, by one of a branch, by a seat and by a person who signed in. Each
statement that the service sends is kept with its arguments. Then each is run again as the service's role in another
tenant, stripped of its condition. The owner runs it too: what the owner finds shows that the condition was all that
kept the rows apart.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.operations import OPERATIONS
from app.db.statement import TENANT_PARAMETER, Read, set_tenant
from app.principal import Role
from tests.access.test_access_matrix import Scene, client, scene
from tests.fuzz.rows import of_tenant
from tests.support.actors import Actor, Tenancy, new_tenancy
from tests.support.calls import CALLS
from tests.support.database import Urls
from tests.support.issuer import Issuer

__all__ = ["client", "scene"]

CONDITION = re.compile(r'(?:"?\w+"?\.)?tenant_id = (\$\d+)(?:::UUID)?', re.IGNORECASE)
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: The sealer works in the background, outside the context of the requests.
IS_CALLING = ContextVar("IS_CALLING", default=False)
SINCE = "2020-01-01T00:00:00Z"
HERE = "the organization of the branch"
FILTERS = {
    "/v1/organizations": {"parent_id": HERE, "subtree": HERE, "q": "s", "kind": "site", "sort": "-name"},
    "/v1/people": {"organization_id": HERE, "subtree": HERE, "q": "a", "updated_since": SINCE, "sort": "name"},
    "/v1/programs": {"organization_id": HERE, "subtree": HERE, "q": "a", "updated_since": SINCE},
    "/v1/implementations": {"organization_id": HERE, "subtree": HERE, "stage": "exploration", "ended": "false"},
    "/v1/assessments": {"organization_id": HERE, "subtree": HERE, "state": "draft", "superseded": "false"},
    "/v1/action-items": {"organization_id": HERE, "subtree": HERE, "status": "open", "overdue": "false", "q": "t"},
}


@dataclass
class Recorded:
    """The statements that were sent, each with the arguments of its last run."""

    reads: dict[str, tuple[Read, list[Any]]] = field(default_factory=dict)
    statements: dict[str, Sequence[Any]] = field(default_factory=dict)

    def stripped(self) -> list[tuple[str, Sequence[Any]]]:
        """Return the statements that have a condition on the tenant, without it."""
        sent = [*((sql, arguments) for sql, (_, arguments) in self.reads.items()), *self.statements.items()]
        return [(strip(sql), arguments) for sql, arguments in sent if strip(sql) != sql and "INSERT" not in sql.upper()]


def strip(sql: str) -> str:
    # The parameter stays, or its type would be unknown.
    return CONDITION.sub(r"\1::uuid is not null", sql)


@asynccontextmanager
async def recording(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Recorded]:
    """Keep what the app sends."""
    recorded, arguments = Recorded(), Read.arguments
    engine = app.state.app_state.database.engine.sync_engine

    def keep_read(self: Read, values: Any) -> list[Any]:
        given = arguments(self, values)
        if IS_CALLING.get():
            recorded.reads[self.sql] = (self, given)
        return given

    def keep_statement(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_more: Any) -> None:
        recorded.statements[sql] = parameters

    with monkeypatch.context() as patched:
        patched.setattr(Read, "arguments", keep_read)
        event.listen(engine, "before_cursor_execute", keep_statement)
        calling = IS_CALLING.set(True)
        yield recorded
        IS_CALLING.reset(calling)
        event.remove(engine, "before_cursor_execute", keep_statement)


async def call_everything(scene: Scene, signed_in: Actor) -> None:
    """Call each operation as each kind of caller; what would change something is a dry run."""
    branch, seat = await scene.tenancy.key(("admin", scene.places["own"].organization)), scene.places["own"].seat
    assert seat is not None
    for actor in (scene.tenancy.admin, branch, seat, signed_in):
        # The statements that find the caller are sent for each.
        scene.tenancy.app.state.app_state.invalidate()
        for operation in OPERATIONS:
            method, path, body = CALLS[operation](scene.places["own"], scene.shared)
            params = {} if method == "GET" or operation in {"computeReadiness", "claimSeat"} else {"dry_run": "true"}
            headers = {"If-Match": "*"} if method in {"PATCH", "DELETE"} or path.endswith("transitions") else {}
            sent = {} if body is None else {"json": body}
            await actor.call(method, path, params=params, headers=headers, **sent)
    for actor in (scene.tenancy.admin, branch):
        for path, filters in FILTERS.items():
            for name, value in filters.items():
                wanted = scene.places["own"].organization if value == HERE else value
                answer = await actor.get(path, params={name: wanted})
                assert answer.status_code == 200, (path, name, answer.text)


@dataclass
class Apart:
    """What was sent for one tenant, the ids of its rows, and another tenant."""

    recorded: Recorded
    ids: frozenset[str]
    own: Tenancy
    other: Tenancy
    urls: Urls

    async def leaks(self, url: str, settings: dict[str, str], *, pooled: bool = False) -> list[str]:
        """Run what was stripped in a session, and return the statements that found a row of the tenant."""
        connection = await asyncpg.connect(url, server_settings=settings)
        try:
            sent = self.pooled() if pooled else self.recorded.stripped()
            return [sql for sql, arguments in sent if await self.finds(connection, sql, arguments)]
        finally:
            await connection.close()

    async def finds(self, connection: Any, sql: str, arguments: Sequence[Any]) -> bool:
        """Return whether a statement finds a row of the tenant, more rows than it can use, or one it cannot change."""
        try:
            return bool(self.ids & await found(connection, sql, arguments))
        except (asyncpg.CardinalityViolationError, asyncpg.IntegrityConstraintViolationError):
            return True

    def pooled(self) -> list[tuple[str, Sequence[Any]]]:
        """Return the stripped reads as they run on a pooled connection, with the other tenant's id."""
        made: list[tuple[str, Sequence[Any]]] = []
        for sql, (read, arguments) in self.recorded.reads.items():
            if read.pooled_sql == read.sql or not re.match(r"\s*(select|with)\b", sql, re.IGNORECASE):
                continue
            given = list(arguments)
            place = given.index(self.own.tenant_id)
            given[place] = self.other.tenant_id
            made.append((set_tenant(strip(sql), place + 1), given))
        return made


async def found(connection: Any, sql: str, arguments: Sequence[Any]) -> set[str]:
    """Return the ids in the rows that a statement finds; what it changes is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        rows = await connection.fetch(sql, *arguments)
    finally:
        await transaction.rollback()
    values = [value for row in rows for value in row.values()]
    texts = [
        value.decode(errors="replace") if isinstance(value, bytes) and value[:1] in {b"{", b"["} else str(value)
        for value in values
    ]
    return {one for text in texts for one in UUIDS.findall(text)}


@pytest.fixture
async def apart(scene: Scene, app: FastAPI, owner: AsyncEngine, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> Apart:
    other = await new_tenancy(owner, app, scene.tenancy.http)
    async with Issuer() as issuer:
        await issuer.bind(scene.tenancy, ("leads", Role.MANAGER), roles_claim="groups")
        await issuer.link(scene.tenancy)
        async with recording(app, monkeypatch) as recorded:
            await call_everything(scene, issuer.holder(scene.tenancy, groups=["leads"]))
    tenants = (scene.tenancy.tenant_id, other.tenant_id)
    own, foreign = [{one for row in await of_tenant(owner, tenant) for one in UUIDS.findall(row)} for tenant in tenants]
    return Apart(recorded, frozenset(own - foreign), scene.tenancy, other, urls)


async def test_no_statement_shows_another_tenants_rows_without_its_condition(apart: Apart) -> None:
    kept_apart = await apart.leaks(apart.urls.owner, {})
    assert len(kept_apart) > 40
    settings = {"app.tenant": str(apart.other.tenant_id), **({} if apart.urls.separate else {"role": apart.urls.role})}
    assert await apart.leaks(apart.urls.service, settings) == []
    assert (
        await apart.leaks(apart.urls.service, {} if apart.urls.separate else {"role": apart.urls.role}, pooled=True)
        == []
    )


def is_of_a_tenant(sql: str) -> bool:
    tables = {"organizations", "people", "votes", "assessments", "action_items", "participants", "tenants", "api_keys"}
    return any(re.search(rf"\b{name}\b", sql) for name in tables)


async def test_every_read_of_tenants_rows_names_its_tenant(apart: Apart) -> None:
    reads = [read for read, _ in apart.recorded.reads.values()]
    assert len(reads) > 40
    assert [read.sql for read in reads if is_of_a_tenant(read.sql) and read.pooled_sql == read.sql] == []
    assert TENANT_PARAMETER == "tenant_id"


async def test_the_pooled_spelling_finds_a_tenants_own_rows(apart: Apart) -> None:
    settings = {} if apart.urls.separate else {"role": apart.urls.role}
    service, owner = (
        await asyncpg.connect(apart.urls.service, server_settings=settings),
        await asyncpg.connect(apart.urls.owner),
    )
    try:
        compared = 0
        for sql, (read, arguments) in apart.recorded.reads.items():
            if read.pooled_sql == sql or not re.match(r"\s*(select|with)\b", sql, re.IGNORECASE):
                continue
            expected = [tuple(row.values()) for row in await owner.fetch(sql, *arguments)]
            assert [tuple(row.values()) for row in await service.fetch(read.pooled_sql, *arguments)] == expected, sql
            compared += bool(expected)
        assert compared > 30
    finally:
        await service.close()
        await owner.close()
