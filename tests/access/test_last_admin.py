"""A tenant keeps an admin, in every way that a person can leave."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.integrations.roster.import_service import Faulty, ImportMode, ImportReport, import_people
from app.provisioning import operators_transaction
from tests.support.accounts import Colleague, new_colleague, problem, set_active
from tests.support.actors import Actor, Tenancy
from tests.support.people import add_person

REFUSED = (409, "last_admin")
ImportFile = Callable[[str, ImportMode], Awaitable[None]]
HR = {"source": "hr", "external_id": "7"}


@pytest.fixture
async def integrator(tenancy: Tenancy) -> Actor:
    """A caller who maintains people."""
    return await tenancy.key(("integrator", tenancy.root_id))


@pytest.fixture
async def last(tenancy: Tenancy, integrator: Actor) -> Colleague:
    """The only admin of the tenant, a person; the callers of the test are no admins."""
    made = await new_colleague(tenancy, external_ids=[HR])
    (first,) = [one for one in await made.actor.items("/v1/api-keys") if one["name"] == "first admin key"]
    assert (await made.actor.delete(f"/v1/api-keys/{first['id']}")).status_code == 204
    return made


@pytest.fixture
def import_file(tenancy: Tenancy, tmp_path: Path) -> ImportFile:
    """A function that imports a text as a roster, as an operator does with `--force`."""

    async def bring(content: str, mode: ImportMode) -> None:
        path = tmp_path / "roster.csv"
        path.write_text(content, encoding="utf-8")
        async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
            report = ImportReport()
            await import_people(tx, path, source="hr", columns={}, mode=mode, force=True, report=report)

    return bring


async def merge(caller: Actor, kept: str, gone: str) -> Any:
    return await caller.call("POST", f"/v1/people/{kept}/merge", json={"person_id": gone}, headers={"If-Match": "*"})


@pytest.mark.parametrize("change", [{"active": False}, {"employment_status": "left"}])
async def test_a_change_does_not_take_the_last_admin(
    last: Colleague, integrator: Actor, change: dict[str, Any]
) -> None:
    path = f"/v1/people/{last.person_id}"
    assert problem(await integrator.patch(path, change)) == REFUSED
    assert (await integrator.get(path)).json()["active"] is True
    assert (await last.actor.get("/v1/me")).status_code == 200


async def test_an_upsert_does_not_take_the_last_admin(tenancy: Tenancy, last: Colleague, integrator: Actor) -> None:
    body = {"organization_id": tenancy.root_id, "name": "Coach", "employment_status": "left"}
    assert problem(await integrator.put("/v1/people/by-external-id/hr/7", body)) == REFUSED


async def test_an_erasure_does_not_take_the_last_admin(last: Colleague) -> None:
    assert problem(await last.actor.post(f"/v1/people/{last.person_id}/erasure")) == REFUSED


async def test_the_last_admin_does_not_pass_to_a_person_who_has_left(tenancy: Tenancy, last: Colleague) -> None:
    leaver = await last.actor.made("/v1/people", {"organization_id": tenancy.root_id, "name": "Gone", "active": False})
    path = f"/v1/principals/{last.principal_id}"
    assert problem(await last.actor.patch(path, {"person_id": leaver["id"]})) == REFUSED


async def only_key_of(tenancy: Tenancy, holder: Colleague, *, made_by: Colleague) -> Actor:
    """Leave the tenant one admin: the holder, with one key that another person made. Return its caller."""
    key = await made_by.actor.made(f"/v1/principals/{holder.principal_id}/api-keys", {"name": "Only"})
    admin = Actor(tenancy.http, key["key"])
    for one in await admin.items("/v1/api-keys", revoked=False):
        if one["id"] != key["id"] and one["principal_name"] != "test key":
            assert (await admin.delete(f"/v1/api-keys/{one['id']}")).status_code == 204
    return admin


async def test_the_maker_of_the_last_admins_key_does_not_leave(tenancy: Tenancy, integrator: Actor) -> None:
    maker, holder = await new_colleague(tenancy, name="Maker"), await new_colleague(tenancy)
    admin = await only_key_of(tenancy, holder, made_by=maker)
    path = f"/v1/people/{maker.person_id}"
    assert problem(await integrator.patch(path, {"active": False})) == REFUSED
    (only,) = await admin.items("/v1/api-keys", revoked=False, principal_id=holder.principal_id)
    assert (await admin.post(f"/v1/api-keys/{only['id']}/adoption")).json()["maker_id"] == holder.person_id
    assert (await integrator.patch(path, {"active": False})).status_code == 200
    assert (await admin.get("/v1/me")).status_code == 200


async def test_a_merge_does_not_give_the_last_admins_key_to_a_person_who_has_left(
    tenancy: Tenancy, integrator: Actor
) -> None:
    maker, holder = await new_colleague(tenancy, name="Maker"), await new_colleague(tenancy)
    leaver = await add_person(tenancy, name="Gone", active=False)
    admin = await only_key_of(tenancy, holder, made_by=maker)
    unlinked = await admin.patch(f"/v1/principals/{maker.principal_id}", {"person_id": None})
    assert unlinked.status_code == 200, unlinked.text
    assert problem(await merge(integrator, leaver["id"], maker.person_id)) == REFUSED


async def test_an_admin_leaves_where_another_stays(tenancy: Tenancy) -> None:
    first, second = await new_colleague(tenancy, name="First"), await new_colleague(tenancy, name="Second")
    await set_active(tenancy, first.person_id, False)
    assert (await second.actor.get("/v1/me")).status_code == 200


@pytest.mark.parametrize(
    ("content", "mode", "fault"),
    [
        ("external_id,name,organization,status\n7,Coach,Test agency,left\n", "merge", (2, "status", "last_admin")),
        ("external_id,name,organization\n8,New,Test agency\n", "replace", (None, "status", "last_admin")),
    ],
)
async def test_a_roster_that_takes_the_last_admin_is_refused_whole(
    last: Colleague, import_file: ImportFile, content: str, mode: str, fault: tuple[int | None, str, str]
) -> None:
    with pytest.raises(Faulty) as refused:
        await import_file(content, ImportMode(mode))
    assert [(one.line, one.field, one.code) for one in refused.value.faults] == [fault]
    assert [one["name"] for one in await last.actor.items("/v1/people")] == ["Coach"]
