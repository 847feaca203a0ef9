"""A BambooHR connector against a local server: what people become, and what a run that fails leaves."""

import asyncio
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.integrations.connectors import running
from tests.support.accounts import make_only_admin
from tests.support.actors import Actor, Tenancy
from tests.support.connectors import (
    CONNECTORS,
    BambooServer,
    a_connector,
    people,
    read,
    run,
    until_finished,
)
from tests.support.database import Urls, await_waiter

CHANGED = "/api/v1/employees/changed"
ONE = "/api/v1/employees/1?"


async def test_a_run_adds_people_with_their_place_and_manager(
    tenancy: Tenancy, admin: Actor, connector: dict[str, Any], bamboo: BambooServer
) -> None:
    north = await tenancy.organization(external_ids=[{"source": "hr", "external_id": "North"}])
    done = await run(admin, connector)
    assert (done["state"], done["counts"]["created"], done["errors"]) == ("done", 2, [])
    coach, boss = [(await people(admin))[key] for key in "12"]
    assert (coach["name"], coach["email"], coach["position"]) == ("Ada Coach", "ada@agency.example", "Coach")
    assert (coach["organization_id"], coach["manager_id"]) == (north["id"], boss["id"])
    assert (coach["hired_on"], coach["employment_status"]) == ("2024-03-01", "active")
    # A new person whose place is not known belongs to the organization of the connector.
    assert (boss["organization_id"], boss["manager_id"]) == (tenancy.root_id, None)
    assert done["counts"]["with_manager"] == 1
    shown = await read(admin, connector)
    assert shown["watermark"] == done["watermark"] == "2026-11-02T08:00:00Z"
    assert shown["succeeded_at"] is not None


async def test_the_same_again_changes_nothing(admin: Actor, connector: dict[str, Any], bamboo: BambooServer) -> None:
    await run(admin, connector)
    before = await people(admin)
    bamboo.asked.clear()
    again = await run(admin, connector)
    assert (again["counts"]["unchanged"], again["counts"]["changed"]) == (2, 0)
    assert await people(admin) == before
    # What changed in the last minutes is read again.
    assert bamboo.asked[0] == f"{CHANGED}?since=2026-11-02T07%3A50%3A00Z"


async def test_only_what_the_source_says_changes_a_person(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer
) -> None:
    await run(admin, connector)
    bamboo.put("1", "2026-11-03T08:00:00+00:00", jobTitle="Lead", workEmail="hidden", supervisorEId=None)
    bamboo.put("2", "2026-11-03T08:00:00+00:00", employmentHistoryStatus="parental LEAVE")
    done = await run(admin, connector)
    assert done["counts"]["changed"] == 2
    coach, boss = [(await people(admin))[key] for key in "12"]
    assert (coach["position"], coach["email"], coach["manager_id"]) == ("Lead", "ada@agency.example", None)
    assert (boss["employment_status"], boss["active"]) == ("on_leave", True)


async def test_a_source_that_ends_many_employments_is_not_believed_unless_a_run_is_forced(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer
) -> None:
    bamboo.put("3", firstName="Kim")
    await run(admin, connector)
    for key in "123":
        bamboo.put(key, "2026-11-03T08:00:00+00:00", status="Inactive")
    assert (await run(admin, connector, dry_run=True))["counts"]["left"] == 3
    before = await people(admin)
    refused = await run(admin, connector)
    assert (refused["state"], refused["failure"]["code"]) == ("failed", "source_ends_too_many")
    assert await people(admin) == before
    forced = await run(admin, connector, force=True)
    assert (forced["state"], forced["counts"]["left"], forced["force"]) == ("done", 3, True)


async def test_a_person_leaves_where_the_source_says_so_and_nobody_is_deleted(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer
) -> None:
    bamboo.put("3", status="Inactive")
    await run(admin, connector)
    bamboo.put("1", "2026-11-03T08:00:00+00:00", status="Inactive", terminationDate="2026-11-02")
    bamboo.changed["2"] = ("Deleted", "2026-11-03T08:00:00+00:00")
    done = await run(admin, connector)
    assert {name: done["counts"][name] for name in ("left", "gone", "created")} == {"left": 1, "gone": 1, "created": 0}
    found = await people(admin)
    assert (found["1"]["employment_status"], found["1"]["left_on"]) == ("left", "2026-11-02")
    assert found["2"]["active"]
    # Who had left before is not taken over.
    assert found.keys() == {"1", "2"}


async def test_a_dry_run_counts_and_changes_nothing(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer
) -> None:
    done = await run(admin, connector, dry_run=True)
    assert (done["state"], done["dry_run"], done["counts"]["created"], done["watermark"]) == ("done", True, 2, None)
    assert await people(admin) == {}
    assert (await read(admin, connector))["watermark"] is None


async def test_a_faulty_person_is_reported_and_does_not_keep_the_others(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer
) -> None:
    bamboo.put("1", workEmail="not an address")
    bamboo.replies["/api/v1/employees/2?"] = [(403, {}, b"")]
    bamboo.put("3", supervisorEId="99")
    done = await run(admin, connector)
    assert (done["state"], done["counts"]["created"], done["error_count"]) == ("done", 1, 3)
    assert sorted((one["external_id"], one["code"]) for one in done["errors"]) == [
        ("1", "string_pattern_mismatch"),
        ("2", "source_denied"),
        ("3", "unknown_manager"),
    ]
    assert "not an address" not in str(done)


async def test_two_people_may_change_places(admin: Actor, connector: dict[str, Any], bamboo: BambooServer) -> None:
    await run(admin, connector)
    bamboo.put("1", supervisorEId=None)
    bamboo.put("2", supervisorEId="1")
    done = await run(admin, connector)
    assert done["errors"] == []
    found = await people(admin)
    assert (found["1"]["manager_id"], found["2"]["manager_id"]) == (None, found["1"]["id"])


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ({"supervisorEId": "2", "reportsToId": None}, True),
        ({"supervisorEId": "hidden", "reportsToId": "2"}, True),
        ({"supervisorEId": None, "reportsToId": "2"}, True),
        ({"supervisorEId": "2", "reportsToId": "1"}, True),
        ({"supervisorEId": "hidden", "reportsToId": "hidden", "supervisorId": "2"}, False),
    ],
)
async def test_a_manager_has_the_name_of_either_field_that_holds_an_id(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer, sent: dict[str, Any], known: bool
) -> None:
    bamboo.put("1", **sent)
    done = await run(admin, connector)
    assert (done["errors"], done["counts"]["with_manager"]) == ([], int(known))
    found = await people(admin)
    assert found["1"]["manager_id"] == (found["2"]["id"] if known else None)


@pytest.mark.parametrize("change", [{"jobTitle": "Lead"}, {"supervisorEId": "3"}])
async def test_a_run_locks_people_in_the_order_in_which_imports_do(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer, urls: Urls, change: dict[str, Any]
) -> None:
    bamboo.put("3")
    await run(admin, connector)
    ids = {key: person["id"] for key, person in (await people(admin)).items()}
    first, last = sorted("12", key=ids.__getitem__)
    bamboo.put(last, "2026-11-03T08:00:00+00:00", **change)
    bamboo.put(first, "2026-11-03T08:00:01+00:00", **change)
    importing = await asyncpg.connect(urls.owner)
    async with importing.transaction():
        await importing.execute("select id from people where id = $1 for update", ids[first])
        pulling = asyncio.create_task(run(admin, connector))
        await await_waiter(importing)
        # The run waits, and holds nobody who comes later.
        await importing.execute("select id from people where id = $1 for update nowait", ids[last])
    await importing.close()
    done = await pulling
    assert (done["state"], done["attempt"], done["counts"]["faulty"]) == ("done", 1, 0)


async def test_a_refused_secret_disables_the_connector_until_there_is_another(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer
) -> None:
    path = f"{CONNECTORS}/{connector['id']}"
    assert (await admin.patch(path, {"secret": "wrong"})).status_code == 200
    done = await run(admin, connector)
    assert (done["state"], done["failure"]["code"]) == ("failed", "source_refused_secret")
    shown = await read(admin, connector)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "secret_refused")
    refused = await admin.post(f"{path}/runs", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "connector_disabled")


async def test_a_run_has_the_rights_that_its_creator_has_now(
    tenancy: Tenancy, admin: Actor, bamboo: BambooServer
) -> None:
    site = await tenancy.organization(external_ids=[{"source": "hr", "external_id": "North"}])
    own = await tenancy.organization()
    integrator = await tenancy.key(("integrator", own["id"]))
    settings = bamboo.settings(organization_field="department")
    made = await integrator.made(CONNECTORS, a_connector(own["id"], settings=settings))
    done = await run(admin, made)
    # The place of the coach is out of the integrator's sight.
    assert [(one["external_id"], one["code"]) for one in done["errors"]] == [("1", "unknown_organization")]
    assert (await people(admin)).keys() == {"2"}
    assert site["id"] not in {one["organization_id"] for one in await admin.items("/v1/people")}
    await admin.delete(f"/v1/api-keys/{tenancy.keys[-1]}")
    lost = await run(admin, made)
    assert (lost["state"], lost["failure"]["code"]) == ("failed", "connector_rights_lost")
    assert (await read(admin, made))["disabled_reason"] == "rights_lost"


async def test_other_settings_begin_anew(admin: Actor, connector: dict[str, Any], bamboo: BambooServer) -> None:
    await run(admin, connector)
    path = f"{CONNECTORS}/{connector['id']}"
    changed = await admin.patch(path, {"settings": bamboo.settings()})
    assert changed.json()["watermark"] is None
    bamboo.asked.clear()
    await run(admin, connector)
    assert bamboo.asked[0] == f"{CHANGED}?since=2000-01-01T00%3A00%3A00Z"


async def test_a_run_that_is_interrupted_moves_no_watermark_and_is_repeated(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, failures = running._finish, iter([True])

    async def interrupt(*args: Any) -> None:
        if next(failures, False):
            raise ConnectionResetError
        await finish(*args)

    monkeypatch.setattr(running, "_finish", interrupt)
    stopped = await run(admin, connector)
    assert (stopped["state"], len(await people(admin))) == ("waiting", 2)
    assert (await read(admin, connector))["watermark"] is None
    before = await people(admin)
    async with owner.begin() as connection:
        await connection.execute(text("update jobs set due_at = now() where id = :id"), {"id": stopped["id"]})
    done = await until_finished(admin, connector)
    assert (done["state"], done["attempt"], done["counts"]["unchanged"]) == ("done", 2, 2)
    assert await people(admin) == before


async def test_the_last_admin_who_leaves_is_reported_and_the_others_are_written(
    tenancy: Tenancy, bamboo: BambooServer
) -> None:
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    connector = await integrator.made(CONNECTORS, a_connector(tenancy.root_id, settings=bamboo.settings()))
    await run(integrator, connector)
    coach = (await people(integrator))["1"]
    await make_only_admin(tenancy, coach["id"])
    left = {"status": "Inactive", "terminationDate": "2026-11-02"}
    for employee_id in "12":
        bamboo.put(employee_id, "2026-11-03T08:00:00+00:00", **left)
    done = await run(integrator, connector)
    assert [(one["external_id"], one["code"]) for one in done["errors"]] == [("1", "last_admin")]
    found = await people(integrator)
    assert [found[key]["active"] for key in "12"] == [True, False]
