"""A database of two tenants: the sandbox's, which has rows of every kind, and a new one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import col, select

from app.access.keys import create_key, rotate_key
from app.access.oidc.providers import add_provider
from app.db.connection import transaction
from app.db.schema.migrate import migrate
from app.db.transaction import Tx
from app.demo.make import Demo, make_demo
from app.demo.sandbox import DEFAULT_DAY, clock_for
from app.jobs.enqueue import enqueue
from app.main import create_app
from app.people.models import Person
from app.people.sign_ins import link
from app.principal import Role
from app.provisioning import begin_tenant, operators_transaction
from app.settings import Settings
from app.tree.models import Organization, OrganizationKind
from tests.support.actors import Actor
from tests.support.connectors import a_connector
from tests.support.database import Urls
from tests.support.databases import fresh_database
from tests.support.jobs import new_kind, work_of
from tests.support.metrics import record_metric
from tests.support.services import WITHOUT_LIMITS


@dataclass(frozen=True)
class Tenants:
    """The two tenants of one database.

    Attributes:
        sandbox: the tenant whose rows are to be kept from the other.
        other_key: an admin key of the other tenant.
    """

    urls: Urls
    sandbox: Demo
    other_id: UUID
    other_key: str

    async def connect(self, tenant_id: UUID | None) -> "asyncpg.Connection[asyncpg.Record]":
        """Open a session of the service's role in a tenant."""
        settings = {} if self.urls.separate else {"role": self.urls.role}
        if tenant_id is not None:
            settings["app.tenant"] = str(tenant_id)
        return await asyncpg.connect(self.urls.service, server_settings=settings)

    async def connect_as_owner(self) -> "asyncpg.Connection[asyncpg.Record]":
        """Open a session of the owner, whom no policy binds."""
        return await asyncpg.connect(self.urls.owner)


async def _make(urls: Urls) -> Tenants:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(urls.owner), poolclass=NullPool
    )
    sandbox = await make_demo(engine, None)
    async with transaction(engine) as connection:
        other, _, _, key = await begin_tenant(
            connection, slug="other", name="Other agency", root_kind=OrganizationKind.AGENCY, timezone="UTC"
        )
    async with operators_transaction(engine, sandbox.tenant_id) as tx:
        key_id, _ = await create_key(tx, name="rotated", grants=[])
        await tx.flush()
        await rotate_key(tx, key_id, timedelta(days=1))
        await _let_sign_in(tx)
    await engine.dispose()
    return Tenants(urls, sandbox, other.id, key)


async def _let_sign_in(tx: Tx) -> None:
    root_id = await tx.session.scalar(
        select(col(Organization.id)).where(col(Organization.tenant_id) == tx.tenant_id).limit(1)
    )
    person_id = await tx.session.scalar(select(col(Person.id)).where(col(Person.tenant_id) == tx.tenant_id).limit(1))
    assert root_id is not None
    assert person_id is not None
    provider = await add_provider(
        tx, issuer="https://issuer.example", audiences=["fa-readiness"], roles=[(None, Role.VIEWER, root_id)]
    )
    await link(tx, provider.id, person_id, "subject")


@pytest.fixture(scope="session")
def tenants(server: Urls) -> Iterator[Tenants]:
    with fresh_database(server) as urls:
        asyncio.run(migrate(urls.owner, urls.role, login_is_separate=urls.separate))
        yield asyncio.run(_make(urls))


@pytest.fixture(scope="session")
async def sandbox_app(tenants: Tenants) -> AsyncIterator[FastAPI]:
    """The service on that database, with the sandbox's clock."""
    urls = tenants.urls
    settings = Settings(
        database_url=urls.service,
        owner_database_url=urls.owner if urls.separate else None,
        demo_date=DEFAULT_DAY,
        log_level="error",
        **WITHOUT_LIMITS,
    )
    made = create_app(settings, clock=clock_for(settings))
    yield made
    await made.state.app_state.database.close()


@pytest.fixture(scope="session")
async def sandbox_admin(tenants: Tenants, sandbox_app: FastAPI) -> AsyncIterator[Actor]:
    """The sandbox's admin, who has added what the sandbox itself has no row of."""
    transport = httpx.ASGITransport(app=sandbox_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        admin = Actor(client, tenants.sandbox.keys["admin"])
        await _add_rows(admin, tenants)
        async with work_of(sandbox_app).transaction(tenants.sandbox.tenant_id, "test") as tx:
            await enqueue(tx, new_kind())
        yield admin


async def _add_rows(admin: Actor, tenants: Tenants) -> None:
    ids = tenants.sandbox.ids["organizations"]
    site = {"parent_id": str(ids["north"]), "kind": "site", "name": "Site"}
    added = await admin.put("/v1/organizations/by-external-id/roster/site-1", site)
    assert added.status_code == 201, added.text
    moved = await admin.call(
        "POST",
        f"/v1/organizations/{added.json()['id']}/move",
        json={"parent_id": str(ids["west"])},
        headers={"If-Match": "*"},
    )
    assert moved.status_code == 200, moved.text
    person = {"organization_id": str(ids["root"]), "name": "Casey"}
    answer = await admin.post("/v1/people", person, headers={"Idempotency-Key": "add-casey"})
    assert answer.status_code == 201, answer.text
    [draft, *_] = await admin.items("/v1/assessments", state="draft")
    await admin.made(f"/v1/assessments/{draft['id']}/participants", {"seat": "observer", "label": "Guest"})
    [using, *_] = await admin.items("/v1/implementations")
    await record_metric(admin, using["organization_id"], using["program_id"])
    connector = await admin.made("/v1/connectors", a_connector(str(ids["root"])))
    assert (await admin.post(f"/v1/connectors/{connector['id']}/runs", {})).status_code == 202
    await admin.made("/v1/webhooks", {"organization_id": str(ids["root"]), "url": "https://localhost:1/hook"})
