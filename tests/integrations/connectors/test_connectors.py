"""Connectors over HTTP and on their schedule: made, shown, changed, run one at a time, and deleted."""

import asyncio
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.integrations.connectors.scheduling import enqueue_due_runs
from tests.support.accounts import problem
from tests.support.actors import Actor, Tenancy
from tests.support.audit import changed, seal_trail, trail
from tests.support.connectors import CONNECTORS, SECRET, BambooServer, a_connector, pulling, run
from tests.support.database import Urls
from tests.support.feed import read_all, seal, types
from tests.support.jobs import work_of


@pytest.fixture
async def connector(tenancy: Tenancy, admin: Actor) -> dict[str, Any]:
    """A connector with a schedule."""
    return await admin.made(CONNECTORS, a_connector(tenancy.root_id, interval_minutes=60))


def path_of(connector: dict[str, Any]) -> str:
    return f"{CONNECTORS}/{connector['id']}"


async def runs(actor: Actor, connector: dict[str, Any]) -> list[dict[str, Any]]:
    return await actor.items(f"{path_of(connector)}/runs")


async def make_due(owner: AsyncEngine, connector: dict[str, Any]) -> None:
    query = "update connector_states set next_run_at = now() - interval '1 second' where connector_id = :id"
    async with owner.begin() as connection:
        await connection.execute(text(query), {"id": connector["id"]})


async def test_a_connector_is_read_as_it_was_made_and_without_its_secret(
    admin: Actor, connector: dict[str, Any]
) -> None:
    found = await admin.get(path_of(connector))
    assert found.json() == connector
    assert await admin.items(CONNECTORS) == [connector]
    assert (connector["enabled"], connector["watermark"]) == (True, None)
    assert connector["next_run_at"] is not None
    assert "secret" not in connector


async def test_the_secret_is_kept_in_one_place(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    headers = {"Idempotency-Key": "once"}
    made = (await admin.post(CONNECTORS, a_connector(tenancy.root_id), headers=headers)).json()
    assert (await admin.patch(path_of(made), {"secret": SECRET + "2"})).status_code == 200
    connection = await asyncpg.connect(urls.owner)
    for table in ("audit_events", "audit_values", "outbox_events", "connectors", "jobs", "idempotency_keys"):
        query = f"select string_agg(t::text, ' ') from {table} t where tenant_id = $1"
        rows = await connection.fetchval(query, tenancy.tenant_id)
        assert SECRET not in (rows or ""), table
        assert SECRET.encode().hex() not in (rows or ""), table
    await connection.close()


async def test_a_change_is_audited_and_announced(tenancy: Tenancy, admin: Actor, connector: dict[str, Any]) -> None:
    answer = await admin.patch(path_of(connector), {"enabled": False})
    shown = answer.json()
    assert (shown["enabled"], shown["disabled_reason"], shown["next_run_at"]) == (False, "paused", None)
    assert (await admin.patch(path_of(connector), {"enabled": True})).json()["next_run_at"] is not None
    assert (await admin.delete(path_of(connector))).status_code == 204
    assert problem(await admin.get(path_of(connector))) == (404, "not_found")
    await seal(tenancy)
    announced = [one for one in types(await read_all(admin)) if one.startswith("connector.")]
    assert announced == ["connector.created", "connector.updated", "connector.updated", "connector.deleted"]
    await seal_trail(tenancy)
    row = (await trail(admin, action="connector.updated"))[0]
    assert changed(row)["enabled"] == (True, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("settings", {"company_domain": "agency.example.org/"}),
        ("settings", {"company_domain": "agency@10.0.0.1"}),
        ("settings", {}),
        ("kind", "workday"),
        ("secret", ""),
        ("secret", "two\nlines"),
        ("interval_minutes", 14),
    ],
)
async def test_what_cannot_work_is_refused(tenancy: Tenancy, admin: Actor, field: str, value: Any) -> None:
    answer = await admin.post(CONNECTORS, a_connector(tenancy.root_id, **{field: value}))
    assert problem(answer) == (422, "invalid")
    refused = {**answer.json(), "request_id": ""}
    assert str(value or "…") not in str(refused)


async def test_an_integrator_runs_the_connectors_it_made_and_no_others(
    tenancy: Tenancy, connector: dict[str, Any]
) -> None:
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    own = await integrator.made(CONNECTORS, a_connector(tenancy.root_id))
    assert (await integrator.post(f"{path_of(own)}/runs", {})).status_code == 202
    assert problem(await integrator.post(f"{path_of(connector)}/runs", {})) == (403, "forbidden")
    assert await runs(integrator, connector) == []


async def test_one_run_at_a_time(admin: Actor, connector: dict[str, Any]) -> None:
    first = await admin.post(f"{path_of(connector)}/runs", {})
    assert (first.json()["state"], first.json()["counts"]) == ("waiting", {})
    assert first.headers["ETag"].startswith('"1.')
    assert problem(await admin.post(f"{path_of(connector)}/runs", {})) == (409, "connector_running")
    assert (await admin.post(f"/v1/jobs/{first.json()['id']}/cancellation")).status_code == 200
    assert (await admin.post(f"{path_of(connector)}/runs", {})).status_code == 202


async def test_a_due_connector_gets_one_run_whatever_looks_at_it(
    tenancy: Tenancy, admin: Actor, connector: dict[str, Any], owner: AsyncEngine
) -> None:
    await enqueue_due_runs(work_of(tenancy.app))
    assert await runs(admin, connector) == []
    await make_due(owner, connector)
    await asyncio.gather(*(enqueue_due_runs(work_of(tenancy.app)) for _ in range(3)))
    [due] = await runs(admin, connector)
    assert (due["state"], due["dry_run"], due["whole"]) == ("waiting", False, False)
    # While that one waits there is no other.
    await make_due(owner, connector)
    await enqueue_due_runs(work_of(tenancy.app))
    assert len(await runs(admin, connector)) == 1


async def test_a_connector_whose_creator_lost_the_right_is_disabled_when_it_is_due(
    tenancy: Tenancy, admin: Actor, owner: AsyncEngine
) -> None:
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    made = await integrator.made(CONNECTORS, a_connector(tenancy.root_id, interval_minutes=15))
    assert (await admin.delete(f"/v1/api-keys/{tenancy.keys[-1]}")).status_code == 204
    await make_due(owner, made)
    await enqueue_due_runs(work_of(tenancy.app))
    shown = (await admin.get(path_of(made))).json()
    assert (shown["enabled"], shown["disabled_reason"], shown["next_run_at"]) == (False, "rights_lost", None)
    assert await runs(admin, made) == []


async def test_an_erased_person_is_not_named_by_a_run(tenancy: Tenancy, admin: Actor) -> None:
    async with BambooServer() as bamboo, pulling(tenancy, bamboo):
        connector = await admin.made(CONNECTORS, a_connector(tenancy.root_id, settings=bamboo.settings()))
        bamboo.put("4711")
        await run(admin, connector)
        bamboo.put("4711", workEmail="none")
        done = await run(admin, connector)
        assert [one["external_id"] for one in done["errors"]] == ["4711"]
    [person] = await admin.items("/v1/people")
    assert (await admin.post(f"/v1/people/{person['id']}/erasure")).status_code == 200
    assert "4711" not in str(await runs(admin, connector))
