"""API keys over HTTP: made, shown once, rotated, revoked, and never more than the caller has."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from tests.support.accounts import new_account, new_principal, problem
from tests.support.actors import Actor, Tenancy
from tests.support.database import Urls

SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
LATER = (datetime.now(UTC) + timedelta(days=30)).isoformat()
PAST = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

#: What a caller whose rights end tomorrow may ask for.
EXPIRIES = [(None, "beyond_own_rights"), (LATER, "beyond_own_rights"), (SOON, None)]


def body(organization_id: str, role: str = "viewer", **terms: Any) -> dict[str, Any]:
    return {"name": "New key", "role": role, "organization_id": organization_id, **terms}


async def me(actor: Actor) -> tuple[int, str | None]:
    return problem(await actor.get("/v1/me"))


async def test_a_key_has_one_role_on_one_organization(tenancy: Tenancy, admin: Actor) -> None:
    county = (await tenancy.organization())["id"]
    made = await admin.made("/v1/api-keys", body(county, "manager", expires_at=LATER))
    key = Actor(tenancy.http, made["key"])
    shown = (await key.get("/v1/me")).json()
    assert [(one["role"], one["organization_id"], one["ends_at"]) for one in shown["grants"]] == [
        ("manager", county, None)
    ]
    assert (shown["api_key"]["id"], shown["id"]) == (made["id"], made["principal_id"])
    assert len(await key.items("/v1/organizations")) == 1


async def test_a_key_is_read_as_it_was_made_but_for_its_secret(tenancy: Tenancy, admin: Actor) -> None:
    terms: dict[str, Any] = {"expires_at": "2100-01-01T00:00:00Z", "allowed_networks": ["192.0.2.0/24"]}
    answer = await admin.post("/v1/api-keys", body(tenancy.root_id, **terms))
    made = answer.json()
    secret = made.pop("key")
    assert secret.startswith("fa_")
    assert made.pop("key_reason") is None
    assert answer.headers["location"] == f"/v1/api-keys/{made['id']}"
    read = await admin.get(answer.headers["location"])
    assert read.json() == made | {"allowed_networks": ["192.0.2.0/24"]}
    listed = await admin.items("/v1/api-keys")
    assert made in listed
    assert secret not in read.text + str(listed)


async def test_a_replay_shows_no_key_and_stores_none(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    asked = {"headers": {"Idempotency-Key": uuid4().hex}}
    first = await admin.post("/v1/api-keys", body(tenancy.root_id), **asked)
    again = await admin.post("/v1/api-keys", body(tenancy.root_id), **asked)
    assert again.status_code == 201
    assert (again.json()["key"], again.json()["key_reason"]) == (None, "secret_not_replayable")
    assert again.json()["id"] == first.json()["id"]
    connection = await asyncpg.connect(urls.owner)
    stored = await connection.fetchval(
        "select string_agg(convert_from(body, 'UTF8'), '') from idempotency_keys where tenant_id = $1",
        tenancy.tenant_id,
    )
    await connection.close()
    assert first.json()["key"].rpartition("_")[2] not in stored


async def test_a_dry_run_makes_no_key(tenancy: Tenancy, admin: Actor) -> None:
    answer = await admin.post("/v1/api-keys?dry_run=true", body(tenancy.root_id))
    assert (answer.json()["key"], answer.json()["key_reason"]) == (None, "dry_run")
    assert len(await admin.items("/v1/api-keys")) == 1


async def test_a_rotated_key_works_with_both_secrets(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    answer = await admin.post(f"/v1/api-keys/{account.key_id}/rotation", {"overlap_seconds": 60})
    assert (answer.status_code, answer.json()["id"]) == (200, account.key_id)
    assert answer.json()["former_secret_until"] is not None
    assert [await me(account.actor), await me(Actor(tenancy.http, answer.json()["key"]))] == [(200, None)] * 2


async def test_a_rotation_without_overlap_ends_the_present_secret_at_once(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    assert await me(account.actor) == (200, None)
    answer = await admin.post(f"/v1/api-keys/{account.key_id}/rotation", {"overlap_seconds": 0})
    assert await me(account.actor) == (401, "unauthorized")
    assert await me(Actor(tenancy.http, answer.json()["key"])) == (200, None)


async def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    assert await me(account.actor) == (200, None)
    path = f"/v1/api-keys/{account.key_id}"
    assert (await admin.delete(path)).status_code == 204
    assert await me(account.actor) == (401, "key_revoked")
    assert [one["id"] for one in await admin.items("/v1/api-keys", revoked="true")] == [account.key_id]
    assert (await admin.delete(path)).status_code == 204
    assert problem(await admin.post(f"{path}/rotation", {})) == (409, "key_ended")


async def test_revoking_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    path = f"/v1/api-keys/{account.key_id}"
    assert problem(await admin.delete(path, if_match=None)) == (428, "precondition_required")
    tag = (await admin.get(path)).headers["etag"]
    assert (await admin.post(f"{path}/rotation", {})).status_code == 200
    assert problem(await admin.delete(path, if_match=tag)) == (412, "precondition_failed")


async def test_an_admin_may_revoke_the_key_of_the_request(tenancy: Tenancy) -> None:
    account = await new_account(tenancy, ("admin", tenancy.root_id))
    assert (await account.actor.delete(f"/v1/api-keys/{account.key_id}")).status_code == 204
    assert await me(account.actor) == (401, "key_revoked")


async def test_the_last_key_of_the_last_admin_cannot_be_revoked(tenancy: Tenancy, admin: Actor) -> None:
    [key] = await admin.items("/v1/api-keys")
    assert problem(await admin.delete(f"/v1/api-keys/{key['id']}")) == (409, "last_admin")
    assert await me(admin) == (200, None)


async def test_a_key_can_be_revoked_while_another_of_the_admin_works(tenancy: Tenancy, admin: Actor) -> None:
    [key] = await admin.items("/v1/api-keys")
    other = await admin.made(f"/v1/principals/{key['principal_id']}/api-keys", {"name": "Second"})
    assert (await admin.delete(f"/v1/api-keys/{key['id']}")).status_code == 204
    assert await me(Actor(tenancy.http, other["key"])) == (200, None)


@pytest.mark.parametrize("role", ["viewer", "respondent", "facilitator", "manager", "integrator"])
async def test_only_an_admin_makes_keys(tenancy: Tenancy, role: str) -> None:
    caller = await tenancy.key((role, tenancy.root_id))
    expected = (404, "not_found") if role == "respondent" else (403, "forbidden")
    assert problem(await caller.post("/v1/api-keys", body(tenancy.root_id, role))) == expected


async def test_an_admin_makes_keys_in_the_own_subtree_only(tenancy: Tenancy) -> None:
    county, sibling = [(await tenancy.organization())["id"] for _ in range(2)]
    site = (await tenancy.organization(county))["id"]
    caller = await tenancy.key(("admin", county), ("viewer", sibling))
    places = (site, county, sibling, tenancy.root_id, str(uuid4()))
    answers = [problem(await caller.post("/v1/api-keys", body(at, "admin"))) for at in places]
    assert answers == [(201, None), (201, None), (403, "forbidden"), (404, "not_found"), (404, "not_found")]


@pytest.mark.parametrize(("expires_at", "code"), EXPIRIES, ids=["never", "later", "soon"])
async def test_no_key_outlasts_the_role_of_its_maker(
    tenancy: Tenancy, expires_at: str | None, code: str | None
) -> None:
    limit = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    maker = await new_account(tenancy, ("admin", tenancy.root_id), ends_at=limit)
    answer = await maker.actor.post("/v1/api-keys", body(tenancy.root_id, expires_at=expires_at))
    assert problem(answer)[1] == code
    if code is None:
        [grant] = (await Actor(tenancy.http, answer.json()["key"]).get("/v1/me")).json()["grants"]
        assert grant["ends_at"] is not None


@pytest.mark.parametrize(("expires_at", "code"), EXPIRIES, ids=["never", "later", "soon"])
async def test_no_key_outlasts_the_key_that_made_it(tenancy: Tenancy, expires_at: str | None, code: str | None) -> None:
    limit = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    maker = await new_account(tenancy, ("admin", tenancy.root_id), expires_at=limit)
    answer = await maker.actor.post("/v1/api-keys", body(tenancy.root_id, expires_at=expires_at))
    assert problem(answer)[1] == code


@pytest.mark.parametrize(
    ("networks", "code"),
    [
        ([], "beyond_own_rights"),
        (["0.0.0.0/0"], "beyond_own_rights"),
        (["127.0.0.0/8", "192.0.2.0/24"], "beyond_own_rights"),
        (["::/0"], "beyond_own_rights"),
        (["127.0.0.1"], None),
    ],
)
async def test_no_key_works_from_more_networks_than_its_maker(
    tenancy: Tenancy, networks: list[str], code: str | None
) -> None:
    maker = await new_account(tenancy, ("admin", tenancy.root_id), allowed_networks=["127.0.0.0/8"])
    answer = await maker.actor.post("/v1/api-keys", body(tenancy.root_id, allowed_networks=networks))
    assert problem(answer)[1] == code


async def test_an_admin_rotates_no_key_that_opens_more(tenancy: Tenancy) -> None:
    county = (await tenancy.organization())["id"]
    target = await new_account(tenancy, ("viewer", county), ("viewer", tenancy.root_id), home=county)
    caller = await tenancy.key(("admin", county))
    path = f"/v1/api-keys/{target.key_id}"
    assert problem(await caller.post(f"{path}/rotation", {})) == (403, "beyond_own_rights")
    more = await caller.post(f"/v1/principals/{target.id}/api-keys", {"name": "More"})
    assert problem(more) == (403, "beyond_own_rights")
    assert (await caller.delete(path)).status_code == 204


async def test_a_role_that_has_yet_to_start_counts_for_who_may_make_a_key(tenancy: Tenancy, admin: Actor) -> None:
    county = (await tenancy.organization())["id"]
    target = await new_principal(admin, county)
    later = {"principal_id": target, "role": "viewer", "organization_id": tenancy.root_id, "starts_at": LATER}
    await admin.made("/v1/role-grants", later)
    caller = await tenancy.key(("admin", county))
    answer = await caller.post(f"/v1/principals/{target}/api-keys", {"name": "Key"})
    assert problem(answer) == (403, "beyond_own_rights")


async def test_an_ending_key_cannot_rotate_a_lasting_one(tenancy: Tenancy) -> None:
    caller = await new_account(tenancy, ("admin", tenancy.root_id), expires_at=SOON)
    target = await new_account(tenancy, ("viewer", tenancy.root_id))
    answer = await caller.actor.post(f"/v1/api-keys/{target.key_id}/rotation", {})
    assert problem(answer) == (403, "beyond_own_rights")


async def root_admin_until_tomorrow(tenancy: Tenancy) -> Actor:
    limit = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    return (await new_account(tenancy, ("admin", tenancy.root_id), ends_at=limit)).actor


@pytest.mark.parametrize(("expires_at", "code"), EXPIRIES, ids=["never", "later", "soon"])
async def test_no_key_of_a_principal_without_roles_outlasts_the_role_of_its_maker(
    tenancy: Tenancy, admin: Actor, expires_at: str | None, code: str | None
) -> None:
    maker, target = await root_admin_until_tomorrow(tenancy), await new_principal(admin, tenancy.root_id)
    answer = await maker.post(f"/v1/principals/{target}/api-keys", {"name": "Key", "expires_at": expires_at})
    assert problem(answer)[1] == code


@pytest.mark.parametrize(("expires_at", "code"), EXPIRIES, ids=["never", "later", "soon"])
async def test_an_ending_admin_rotates_no_key_that_outlasts_the_role(
    tenancy: Tenancy, expires_at: str | None, code: str | None
) -> None:
    maker, target = await root_admin_until_tomorrow(tenancy), await new_account(tenancy, expires_at=expires_at)
    assert problem(await maker.post(f"/v1/api-keys/{target.key_id}/rotation", {}))[1] == code


@pytest.mark.parametrize("expires_at", [None, SOON], ids=["a lasting key", "a key that ends before the secret"])
async def test_a_former_secret_cannot_rotate_its_key(tenancy: Tenancy, expires_at: str | None) -> None:
    account = await new_account(tenancy, ("admin", tenancy.root_id), expires_at=expires_at)
    path = f"/v1/api-keys/{account.key_id}/rotation"
    new = await account.actor.post(path, {})
    assert new.status_code == 200
    assert problem(await account.actor.post(path, {})) == (403, "beyond_own_rights")
    assert (await Actor(tenancy.http, new.json()["key"]).post(path, {})).status_code == 200


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"expires_at": PAST}, "invalid_period"),
        ({"allowed_networks": ["192.0.2.1/24"]}, "invalid"),
        ({"allowed_networks": ["example.org"]}, "invalid"),
        ({"allowed_networks": ["192.0.2.0/24"] * 21}, "invalid"),
        ({"name": " "}, "invalid"),
        ({"role": "owner"}, "invalid"),
    ],
)
async def test_terms_that_make_no_sense_are_refused(
    tenancy: Tenancy, admin: Actor, terms: dict[str, Any], code: str
) -> None:
    assert problem(await admin.post("/v1/api-keys", body(tenancy.root_id) | terms)) == (422, code)


async def test_keys_of_another_tenant_do_not_exist(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    admin, path = other_tenancy.admin, f"/v1/api-keys/{account.key_id}"
    answers = [
        await admin.get(path),
        await admin.post(f"{path}/rotation", {}),
        await admin.delete(path),
        await admin.post(f"/v1/principals/{account.id}/api-keys", {"name": "Mine"}),
        await admin.post("/v1/api-keys", body(tenancy.root_id)),
    ]
    assert [problem(answer) for answer in answers] == [(404, "not_found")] * 5
    assert len(await admin.items("/v1/api-keys")) == 1


async def test_a_subtree_admin_lists_the_keys_of_that_subtree(tenancy: Tenancy, admin: Actor) -> None:
    county, sibling = [(await tenancy.organization())["id"] for _ in range(2)]
    site = (await tenancy.organization(county))["id"]
    made = [(await admin.made("/v1/api-keys", body(at)))["id"] for at in (site, sibling)]
    caller = await tenancy.key(("admin", county), ("viewer", tenancy.root_id))
    listed = {one["id"] for one in await caller.items("/v1/api-keys")}
    assert [key in listed for key in made] == [True, False]
    assert [one["id"] for one in await caller.items("/v1/api-keys", subtree=site)] == made[:1]
    assert problem(await caller.get(f"/v1/api-keys?subtree={sibling}")) == (403, "forbidden")


async def test_a_key_of_an_earlier_release_belongs_to_the_root(
    tenancy: Tenancy, admin: Actor, app: FastAPI, urls: Urls
) -> None:
    [key] = await admin.items("/v1/api-keys")
    connection = await asyncpg.connect(urls.owner)
    values = "organization_id = null, kind = 'api_key'"
    await connection.execute(f"update principals set {values} where tenant_id = $1", tenancy.tenant_id)
    await connection.execute("update api_keys set name = null where tenant_id = $1", tenancy.tenant_id)
    await connection.close()
    [read] = await admin.items("/v1/api-keys")
    assert (read["name"], read["organization_id"]) == (key["principal_name"], tenancy.root_id)
    principal = (await admin.get(f"/v1/principals/{key['principal_id']}")).json()
    assert (principal["kind"], principal["organization_id"]) == ("machine", tenancy.root_id)
    assert (await admin.post(f"/v1/api-keys/{key['id']}/rotation", {})).status_code == 200


async def test_each_write_of_a_key_leaves_an_event_without_the_secret(
    tenancy: Tenancy, admin: Actor, urls: Urls
) -> None:
    made = await admin.made("/v1/api-keys", body(tenancy.root_id))
    rotated = (await admin.post(f"/v1/api-keys/{made['id']}/rotation", {})).json()
    await admin.delete(f"/v1/api-keys/{made['id']}")
    connection = await asyncpg.connect(urls.owner)
    query = "select type, data::text as data from outbox_events where tenant_id = $1 and subject_id = $2 order by id"
    rows = await connection.fetch(query, tenancy.tenant_id, made["id"])
    await connection.close()
    assert [row["type"] for row in rows] == ["api_key.created", "api_key.rotated", "api_key.revoked"]
    assert not any(secret["key"].rpartition("_")[2] in row["data"] for secret in (made, rotated) for row in rows)


async def test_a_revoked_key_makes_nothing_by_a_replay(tenancy: Tenancy, http: httpx.AsyncClient) -> None:
    account = await new_account(tenancy, ("admin", tenancy.root_id))
    asked = {"headers": {"Idempotency-Key": uuid4().hex}}
    assert (await account.actor.post("/v1/api-keys", body(tenancy.root_id), **asked)).status_code == 201
    await tenancy.admin.delete(f"/v1/api-keys/{account.key_id}")
    again = await account.actor.post("/v1/api-keys", body(tenancy.root_id), **asked)
    assert problem(again) == (401, "key_revoked")
