"""People who signed in give and take rights as keys do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.people.sign_ins import link
from app.provisioning import operators_transaction
from tests.support.accounts import grant, new_account, new_principal, problem
from tests.support.actors import Actor, Tenancy
from tests.support.issuer import Issuer


@pytest.fixture
async def issuer(tenancy: Tenancy) -> AsyncIterator[Issuer]:
    async with Issuer() as started:
        await started.bind(tenancy)
        yield started


@pytest.fixture
async def elsewhere(replica: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of another replica, which knows a caller for a second."""
    transport = httpx.ASGITransport(app=replica, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://replica") as client:
        yield client


async def principal_of(tenancy: Tenancy, issuer: Issuer) -> str:
    """Let a person sign in; the id of the person's principal."""
    person_id = await issuer.link(tenancy)
    [found] = await tenancy.admin.items("/v1/principals", person_id=person_id)
    made: str = found["id"]
    return made


async def test_a_person_has_the_roles_of_their_principal(tenancy: Tenancy, admin: Actor, issuer: Issuer) -> None:
    principal, holder = await principal_of(tenancy, issuer), issuer.holder(tenancy)
    made = await grant(admin, principal, "admin", tenancy.root_id)
    shown = (await holder.get("/v1/me")).json()
    assert [(one["id"], one["role"]) for one in shown["grants"]] == [(made.json()["id"], "admin")]
    assert shown["api_key"] is None
    other = await new_principal(admin, tenancy.root_id)
    assert (await grant(holder, other, "viewer", tenancy.root_id)).status_code == 201


@pytest.mark.parametrize("how", ["deactivate", "take the role"])
async def test_a_person_who_loses_the_rights_meanwhile_grants_nothing(
    tenancy: Tenancy, admin: Actor, elsewhere: httpx.AsyncClient, issuer: Issuer, how: str
) -> None:
    principal, target = await principal_of(tenancy, issuer), await new_principal(admin, tenancy.root_id)
    made = (await grant(admin, principal, "admin", tenancy.root_id)).json()
    there = Actor(elsewhere, issuer.holder(tenancy).token)
    assert (await there.get("/v1/organizations")).status_code == 200
    if how == "deactivate":
        answer = await admin.move(f"/v1/principals/{principal}", "deactivated")
    else:
        answer = await admin.delete(f"/v1/role-grants/{made['id']}")
    assert answer.is_success
    assert (await grant(there, target, "viewer", tenancy.root_id)).status_code in {401, 404}


async def test_a_person_whose_role_was_shortened_meanwhile_grants_nothing_longer(
    tenancy: Tenancy, admin: Actor, elsewhere: httpx.AsyncClient, issuer: Issuer
) -> None:
    principal, target = await principal_of(tenancy, issuer), await new_principal(admin, tenancy.root_id)
    made = (await grant(admin, principal, "admin", tenancy.root_id)).json()
    there = Actor(elsewhere, issuer.holder(tenancy).token)
    assert (await there.get("/v1/organizations")).status_code == 200
    ends_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert (await admin.patch(f"/v1/role-grants/{made['id']}", {"ends_at": ends_at})).status_code == 200
    assert problem(await grant(there, target, "viewer", tenancy.root_id)) == (403, "beyond_own_rights")


async def test_a_link_does_not_name_a_principal_that_another_person_gets_meanwhile(
    tenancy: Tenancy, admin: Actor, issuer: Issuer
) -> None:
    person = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "Person"})
    taken = await new_principal(admin, tenancy.root_id, kind="person", person_id=person["id"])
    async with tenancy.owner.begin() as changing:
        statement = "update principals set person_id = null where tenant_id = :tenant and id = :id"
        await changing.execute(text(statement), {"tenant": tenancy.tenant_id, "id": taken})
        linking = asyncio.ensure_future(issuer.link(tenancy, person_id=person["id"]))
        await asyncio.wait({linking}, timeout=0.5)
    await linking
    me = (await issuer.holder(tenancy).get("/v1/me")).json()
    [principal] = await admin.items("/v1/principals", person_id=person["id"])
    assert me["id"] == principal["id"] != taken


async def test_a_deactivated_person_is_refused(tenancy: Tenancy, admin: Actor, issuer: Issuer) -> None:
    principal, holder = await principal_of(tenancy, issuer), issuer.holder(tenancy)
    assert (await holder.get("/v1/me")).status_code == 200
    assert (await admin.move(f"/v1/principals/{principal}", "deactivated")).status_code == 200
    assert problem(await holder.get("/v1/me")) == (401, "principal_deactivated")


async def test_the_person_of_a_principal_that_signs_in_stays(tenancy: Tenancy, admin: Actor, issuer: Issuer) -> None:
    path = f"/v1/principals/{await principal_of(tenancy, issuer)}"
    assert problem(await admin.patch(path, {"person_id": None})) == (409, "person_signs_in")
    assert (await admin.patch(path, {"name": "Coach"})).status_code == 200


async def test_a_person_without_a_key_is_not_the_last_admin(tenancy: Tenancy, admin: Actor, issuer: Issuer) -> None:
    principal = await principal_of(tenancy, issuer)
    assert (await grant(admin, principal, "admin", tenancy.root_id)).status_code == 201
    own = (await admin.get("/v1/me")).json()["grants"][0]["id"]
    assert problem(await admin.delete(f"/v1/role-grants/{own}")) == (409, "last_admin")
    await new_account(tenancy, ("admin", tenancy.root_id))
    assert (await admin.delete(f"/v1/role-grants/{own}")).status_code == 204


async def test_two_links_of_a_person_at_once_share_a_principal(tenancy: Tenancy, admin: Actor, issuer: Issuer) -> None:
    person = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "Person"})
    assert issuer.provider_id is not None
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        await link(tx, issuer.provider_id, UUID(person["id"]), "first")
        await tx.flush()
        second = asyncio.ensure_future(issuer.link(tenancy, "second", person["id"]))
        await asyncio.wait({second}, timeout=0.5)
    await second
    callers = [(await issuer.holder(tenancy, subject).get("/v1/me")).json() for subject in ("first", "second")]
    [principal] = await admin.items("/v1/principals", person_id=person["id"])
    assert [caller["id"] for caller in callers] == [principal["id"]] * 2
