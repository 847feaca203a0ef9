"""A connection that served one tenant says nothing of it to the next, a pooler's connections included."""

import asyncio

from fastapi import FastAPI
from sqlalchemy import text

from app.db.statement import Read
from tests.support.actors import Tenancy

LEFT = Read(text("select nullif(current_setting('app.tenant', true), '') as tenant, count(*) as seen from people"))
MANY = 40


async def test_no_tenant_outlives_its_statement(app: FastAPI, tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    both = (tenancy, other_tenancy)
    people = [one.admin.post("/v1/people", {"organization_id": one.root_id, "name": "Casey"}) for one in both]
    assert [answer.status_code for answer in await asyncio.gather(*people)] == [201, 201]
    paths = [(one, f"/v1/organizations/{one.root_id}") for one in both * MANY]
    answers = await asyncio.gather(*(one.admin.get(path) for one, path in paths))
    assert {answer.status_code for answer in answers} == {200}
    reads = app.state.app_state.database.reads
    left = await asyncio.gather(*(reads.fetch_one(LEFT) for _ in range(MANY)))
    assert {tuple(row.values()) for row in left} == {(None, 0)}


async def test_tenants_that_call_at_once_see_their_own_rows(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    pairs = [(tenancy, other_tenancy), (other_tenancy, tenancy)] * MANY
    own = [one.admin.get(f"/v1/organizations/{one.root_id}") for one, _ in pairs]
    foreign = [one.admin.get(f"/v1/organizations/{other.root_id}") for one, other in pairs]
    answers = await asyncio.gather(*own, *foreign)
    assert [answer.status_code for answer in answers] == [200] * len(own) + [404] * len(foreign)
