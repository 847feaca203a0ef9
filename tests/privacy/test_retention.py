"""Hashes of credentials are dropped some time after they ended; what they belonged to stays."""

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.background import PURGE_EXPIRED, PURGES
from app.jobs.retention import enqueue_purges
from tests.support.accounts import new_account, problem
from tests.support.actors import Actor, Tenancy
from tests.support.jobs import until_finished, work_of, working
from tests.support.team import new_team


async def purge(app: FastAPI, owner: AsyncEngine) -> None:
    await enqueue_purges(PURGE_EXPIRED, PURGES, work_of(app))
    async with working(app, PURGE_EXPIRED):
        await until_finished(owner, PURGE_EXPIRED)


async def as_owner(tenancy: Tenancy, sql: str) -> Any:
    async with tenancy.owner.begin() as connection:
        return await connection.execute(text(f"{sql} where tenant_id = :t"), {"t": tenancy.tenant_id})


AGES = pytest.mark.parametrize(("days", "left"), [(31, 0), (29, 1)])


@AGES
async def test_expired_invitations_are_deleted(tenancy: Tenancy, days: int, left: int) -> None:
    await (await new_team(tenancy)).invited("Seat")
    await as_owner(tenancy, f"update invitation_codes set expires_at = now() - interval '{days} days'")
    await purge(tenancy.app, tenancy.owner)
    assert (await as_owner(tenancy, "select count(*) from invitation_codes")).scalar_one() == left


@AGES
@pytest.mark.parametrize("ended", ["token_revoked_at", "withdrawn_at"])
async def test_tokens_of_ended_seats_are_dropped(tenancy: Tenancy, ended: str, days: int, left: int) -> None:
    team = await new_team(tenancy)
    await team.seat("Seat")
    await as_owner(tenancy, f"update participants set {ended} = now() - interval '{days} days'")
    path = f"{team.path}/participants/{team.ids['Seat']}"
    before = (await tenancy.admin.get(path)).content
    await purge(tenancy.app, tenancy.owner)
    assert (await as_owner(tenancy, "select count(token_hash) from participants")).scalar_one() == left
    assert (await tenancy.admin.get(path)).content == before


async def test_tokens_that_are_held_stay(tenancy: Tenancy) -> None:
    seat = await (await new_team(tenancy)).seat("Seat")
    await as_owner(tenancy, "update participants set created_at = now() - interval '1 year'")
    await purge(tenancy.app, tenancy.owner)
    assert (await seat.get("/v1/me")).status_code == 200


@AGES
async def test_secrets_that_were_rotated_away_are_deleted(tenancy: Tenancy, admin: Actor, days: int, left: int) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    made = await admin.post(f"/v1/api-keys/{account.key_id}/rotation", {"overlap_seconds": 60})
    assert made.status_code == 200, made.text
    await as_owner(tenancy, f"update former_key_secrets set ends_at = now() - interval '{days} days'")
    await purge(tenancy.app, tenancy.owner)
    assert (await as_owner(tenancy, "select count(*) from former_key_secrets")).scalar_one() == left
    assert (await Actor(tenancy.http, made.json()["key"]).get("/v1/me")).status_code == 200


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
async def test_secrets_of_ended_keys_are_dropped_and_the_keys_stay(
    app: FastAPI, tenancy: Tenancy, admin: Actor, ended: str
) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    path = f"/v1/api-keys/{account.key_id}"
    async with tenancy.owner.begin() as connection:
        query = text(f"update api_keys set {ended} = now() - interval '31 days' where id = :id")
        await connection.execute(query, {"id": account.key_id})
    app.state.app_state.invalidate()
    before = (await admin.get(path)).content
    assert problem(await account.actor.get("/v1/me"))[1] in {"key_revoked", "key_expired"}
    await purge(app, tenancy.owner)
    app.state.app_state.invalidate()
    assert problem(await account.actor.get("/v1/me")) == (401, "unauthorized")
    assert (await admin.get(path)).content == before
    assert (await admin.get("/v1/me")).status_code == 200
