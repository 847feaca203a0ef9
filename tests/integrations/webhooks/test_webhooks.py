"""Webhooks over HTTP: made, shown, changed and deleted, and by whom."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.integrations.webhooks import service
from app.main import create_app
from app.settings import Settings
from tests.support.accounts import new_account, problem
from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.database import Urls
from tests.support.feed import read_all, seal
from tests.support.webhooks import (
    HOOKS,
    Receiver,
    add_webhook,
    deliveries,
    dispatch,
    new_webhook,
    purge_leftovers,
    read,
    waiting,
)

URL = "https://localhost:1/hook"


def body(organization_id: str, **fields: Any) -> dict[str, Any]:
    return {"organization_id": organization_id, "url": URL, **fields}


async def test_a_webhook_is_read_as_it_was_made_but_for_its_secret(tenancy: Tenancy, admin: Actor) -> None:
    answer = await admin.post(HOOKS, body(tenancy.root_id, description="D", event_types=["person.created"]))
    made = answer.json()
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made.pop("secret_reason") is None
    found = await admin.get(answer.headers["location"])
    assert found.json() == made
    assert (made["enabled"], made["disabled_reason"], made["event_types"]) == (True, None, ["person.created"])
    assert made in await admin.items(HOOKS)
    assert secret not in found.text


async def test_a_replay_and_a_dry_run_show_no_secret(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    asked = {"headers": {"Idempotency-Key": uuid4().hex}}
    first = (await admin.post(HOOKS, body(tenancy.root_id), **asked)).json()
    again = (await admin.post(HOOKS, body(tenancy.root_id), **asked)).json()
    dry = (await admin.post(f"{HOOKS}?dry_run=true", body(tenancy.root_id))).json()
    assert [(one["secret"], one["secret_reason"]) for one in (again, dry)] == [
        (None, "secret_not_replayable"),
        (None, "dry_run"),
    ]
    assert again["id"] == first["id"]
    assert len(await admin.items(HOOKS)) == 1


async def test_no_secret_is_kept_but_where_it_signs(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    made = await admin.made(HOOKS, body(tenancy.root_id))
    secret = made["secret"].removeprefix("whsec_")
    connection = await asyncpg.connect(urls.owner)
    for table in ("audit_events", "audit_values", "outbox_events", "webhooks", "idempotency_keys"):
        rows = await connection.fetchval(
            f"select string_agg(t::text, ' ') from {table} t where tenant_id = $1", tenancy.tenant_id
        )
        assert secret not in (rows or "")
    await connection.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.example.org\\@localhost/",
        "https://user:password@example.org/",
        "https://example.org/#part",
        "ftp://example.org/",
        "https:///hook",
        "https://example.org:99999/",
        "https://[::1/",
        "https://exämple.org/",
        "https://example.org/a b",
        "//example.org/",
        "",
    ],
)
async def test_what_is_no_usable_url_is_refused(tenancy: Tenancy, admin: Actor, url: str) -> None:
    answer = await admin.post(HOOKS, body(tenancy.root_id, url=url))
    assert problem(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == "/body/url"


@pytest.mark.parametrize(
    "url",
    ["https://10.0.0.1/", "https://169.254.169.254/", "https://[fe80::1]/", "https://2130706433/", "https://0x7f.1/"],
)
async def test_a_private_address_is_refused_at_once(tenancy: Tenancy, admin: Actor, url: str) -> None:
    assert problem(await admin.post(HOOKS, body(tenancy.root_id, url=url))) == (422, "webhook_address_refused")
    made = await admin.made(HOOKS, body(tenancy.root_id))
    answer = await admin.patch(f"{HOOKS}/{made['id']}", {"url": url})
    assert problem(answer) == (422, "webhook_address_refused")


async def test_a_tenant_has_a_bounded_number_of_webhooks(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_WEBHOOKS", 1)
    made = await admin.made(HOOKS, body(tenancy.root_id))
    assert problem(await admin.post(HOOKS, body(tenancy.root_id))) == (409, "too_many_webhooks")
    assert (await admin.delete(f"{HOOKS}/{made['id']}")).status_code == 204
    await admin.made(HOOKS, body(tenancy.root_id))


async def test_an_integrator_changes_the_webhooks_it_made_and_no_others(tenancy: Tenancy, admin: Actor) -> None:
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    foreign, own = [await who.made(HOOKS, body(tenancy.root_id)) for who in (admin, integrator)]
    assert (await integrator.get(f"{HOOKS}/{foreign['id']}")).status_code == 200
    for call in (
        integrator.patch(f"{HOOKS}/{foreign['id']}", {"url": URL}),
        integrator.delete(f"{HOOKS}/{foreign['id']}"),
    ):
        assert problem(await call) == (403, "forbidden")
    assert problem(await integrator.get(f"{HOOKS}/{foreign['id']}/deliveries")) == (403, "forbidden")
    assert (await integrator.patch(f"{HOOKS}/{own['id']}", {"description": "Mine"})).status_code == 200
    assert await deliveries(integrator, own) == []
    assert (await admin.delete(f"{HOOKS}/{own['id']}")).status_code == 204


async def test_an_integrator_gets_no_events_about_keys(tenancy: Tenancy, admin: Actor) -> None:
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    await seal(tenancy)
    async with Receiver() as theirs, Receiver() as admins:
        await new_webhook(integrator, tenancy.root_id, theirs.url, event_types=["api_key.created", "person.created"])
        await new_webhook(admin, tenancy.root_id, admins.url, event_types=["api_key.created"])
        await tenancy.key(("viewer", tenancy.root_id))
        await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
        await dispatch(tenancy)
        assert [got.event["type"] for got in theirs.got] == ["person.created"]
        assert [got.event["type"] for got in admins.got] == ["api_key.created"]


async def lose_grant(tenancy: Tenancy, account: Any) -> None:
    assert (await tenancy.admin.delete(f"/v1/role-grants/{account.grants[0]}")).status_code == 204


async def lose_key(tenancy: Tenancy, account: Any) -> None:
    assert (await tenancy.admin.delete(f"/v1/api-keys/{account.key_id}")).status_code == 204


async def be_deactivated(tenancy: Tenancy, account: Any) -> None:
    path = f"/v1/principals/{account.id}"
    answer = await tenancy.admin.move(path, "deactivated", reason="Left")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("lose", [lose_grant, lose_key, be_deactivated])
async def test_nothing_is_sent_when_the_creator_has_lost_the_right(
    tenancy: Tenancy, admin: Actor, owner: AsyncEngine, lose: Any
) -> None:
    account = await new_account(tenancy, ("integrator", tenancy.root_id))
    async with Receiver(answers=[None]) as receiver:
        made = await new_webhook(account.actor, tenancy.root_id, receiver.url, event_types=["person.created"])
        await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
        # The first event waits in a queue when the right is lost, and the second is in the feed only.
        await dispatch(tenancy, seconds=1.0)
        assert await waiting(owner, made) == 1
        await lose(tenancy, account)
        await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "B"})
        await dispatch(tenancy)
        assert len(receiver.got) == 1
    shown = await read(admin, made)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "rights_lost")
    await dispatch(tenancy)
    [notice] = await read_all(admin, types="webhook.disabled")
    assert notice["data"] == {"reason": "rights_lost"}


async def test_what_moved_out_of_the_subtree_is_withheld(tenancy: Tenancy, admin: Actor, owner: AsyncEngine) -> None:
    mine, other = [(await tenancy.organization())["id"] for _ in range(2)]
    below = (await tenancy.organization(mine))["id"]
    async with Receiver(answers=[None]) as receiver:
        made = await new_webhook(admin, mine, receiver.url, event_types=["person.created"])
        await admin.made("/v1/people", {"organization_id": below, "name": "A"})
        await dispatch(tenancy, seconds=1.0)
        moved = await admin.call(
            "POST", f"/v1/organizations/{below}/move", json={"parent_id": other}, headers={"If-Match": "*"}
        )
        assert moved.status_code == 200, moved.text
        await admin.patch(f"{HOOKS}/{made['id']}", {"enabled": False})
        await admin.patch(f"{HOOKS}/{made['id']}", {"enabled": True})
        await dispatch(tenancy)
        assert len(receiver.got) == 1
    assert [one["outcome"] for one in await deliveries(admin, made)] == ["timed_out", "withheld"]
    assert await waiting(owner, made) == 0


async def test_the_log_is_filtered_by_event_and_outcome(tenancy: Tenancy, admin: Actor) -> None:
    async with Receiver() as receiver:
        made = await new_webhook(admin, tenancy.root_id, receiver.url, event_types=["person.created"])
        for name in "AB":
            await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": name})
        await dispatch(tenancy)
    [first, _] = await deliveries(admin, made)
    assert await deliveries(admin, made, event_id=first["event_id"]) == [first]
    assert await deliveries(admin, made, outcome="timed_out") == []
    assert (await admin.items(f"{HOOKS}/{made['id']}/deliveries"))[-1] == first


async def test_a_deleted_webhook_leaves_nothing_but_its_history(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    made = await admin.made(HOOKS, body(tenancy.root_id))
    await dispatch(tenancy)
    assert (await admin.delete(f"{HOOKS}/{made['id']}")).status_code == 204
    assert problem(await admin.get(f"{HOOKS}/{made['id']}")) == (404, "not_found")
    await purge_leftovers(tenancy)
    left = {}
    connection = await asyncpg.connect(urls.owner)
    for table in ("secrets", "cursors", "messages", "queues", "deliveries", "leftovers"):
        query = f"select count(*) from webhook_{table} where tenant_id = $1"
        left[table] = await connection.fetchval(query, tenancy.tenant_id)
    await connection.close()
    assert set(left.values()) == {0}, left


async def test_the_service_delivers_by_itself(settings: Settings, tenancy: Tenancy, admin: Actor) -> None:
    app: FastAPI = create_app(settings)
    async with Receiver() as receiver, app.router.lifespan_context(app):
        await new_webhook(admin, tenancy.root_id, receiver.url, event_types=["person.created"])
        await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
        await receiver.until(lambda one: len(one.got) == 1)


async def test_an_organization_with_a_webhook_stays(tenancy: Tenancy, admin: Actor) -> None:
    organization = await tenancy.organization()
    webhook = await add_webhook(tenancy, organization["id"])
    path = f"/v1/organizations/{organization['id']}"
    assert outcome(await admin.delete(path)) == (409, "in_use")
    assert (await admin.delete(f"{HOOKS}/{webhook}")).status_code == 204
    assert (await admin.delete(path)).status_code == 204
