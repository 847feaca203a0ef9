"""Test events, and events that are sent again."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.accounts import problem
from tests.support.actors import Actor, Tenancy
from tests.support.feed import end_of
from tests.support.webhooks import HOOKS, Receiver, answer, deliveries, dispatch, make_due, new_webhook, read


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as made:
        yield made


@pytest.fixture
async def webhook(tenancy: Tenancy, admin: Actor, receiver: Receiver) -> dict[str, Any]:
    """A webhook for changes of people."""
    return await new_webhook(admin, tenancy.root_id, receiver.url, event_types=["person.created", "person.updated"])


async def add_people(tenancy: Tenancy, *names: str) -> list[str]:
    body = {"organization_id": tenancy.root_id}
    return [(await tenancy.admin.made("/v1/people", {**body, "name": name}))["id"] for name in names]


async def replay(actor: Actor, webhook: dict[str, Any], **places: str | None) -> Any:
    return await actor.post(f"{HOOKS}/{webhook['id']}/replay", places)


async def test_a_test_reaches_the_tested_endpoint_alone(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver
) -> None:
    async with Receiver() as other:
        await new_webhook(admin, tenancy.root_id, other.url)
        asked = await admin.post(f"{HOOKS}/{webhook['id']}/test")
        assert asked.status_code == 202
        await dispatch(tenancy, 2)
        assert "webhook.tested" not in [got.event["type"] for got in other.got]
    [got] = receiver.got
    assert (got.id, got.event["type"]) == (asked.json()["event_id"], "webhook.tested")
    [logged] = await deliveries(admin, webhook, event_id=got.id)
    assert logged["outcome"] == "delivered"


async def test_a_part_of_the_feed_is_sent_again_under_the_same_ids(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver
) -> None:
    await add_people(tenancy, "A")
    after = await end_of(tenancy)
    again = await add_people(tenancy, "B", "C")
    until = await end_of(tenancy)
    await add_people(tenancy, "D")
    await dispatch(tenancy)
    assert len(receiver.got) == 4
    answered = await replay(admin, webhook, after=after, until=until)
    assert (answered.status_code, answered.json()["replaying"]) == (202, True)
    await dispatch(tenancy)
    assert sorted(got.event["subject_id"] for got in receiver.got[4:]) == sorted(again)
    assert {got.id for got in receiver.got[4:]} < {got.id for got in receiver.got[:4]}
    assert not (await read(admin, webhook))["replaying"]


async def test_a_replay_without_places_sends_all_that_is_kept_in_order(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver
) -> None:
    [person] = await add_people(tenancy, "A")
    for name in "BC":
        assert (await admin.patch(f"/v1/people/{person}", {"name": name})).status_code == 200
    await dispatch(tenancy, 3)
    sent = [got.id for got in receiver.got]
    assert len(sent) == 3
    assert (await replay(admin, webhook)).status_code == 202
    await dispatch(tenancy, 3)
    assert [got.id for got in receiver.got[3:]] == sent


async def test_a_replay_does_not_wait_for_the_next_attempt(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver
) -> None:
    receiver.answers = [answer(500), answer(204)]
    await add_people(tenancy, "A")
    await dispatch(tenancy, 2)
    assert len(receiver.got) == 1
    assert (await replay(admin, webhook)).status_code == 202
    await dispatch(tenancy, 2)
    assert len({got.id for got in receiver.got}) == 1
    assert len(receiver.got) == 2


async def test_what_was_given_up_is_replayed(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    receiver.answers = [*[answer(500)] * 10, answer(204)]
    await add_people(tenancy, "A")
    for _ in range(10):
        await make_due(owner, webhook)
        await dispatch(tenancy)
    assert (await replay(admin, webhook)).status_code == 202
    await dispatch(tenancy)
    assert [one["outcome"] for one in await deliveries(admin, webhook)][-1] == "delivered"


async def test_one_replay_runs_at_a_time_between_places_of_the_feed(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any]
) -> None:
    before = await end_of(tenancy)
    await add_people(tenancy, "A")
    after = await end_of(tenancy)
    await dispatch(tenancy)
    assert problem(await replay(admin, webhook, after="nowhere")) == (400, "invalid_cursor")
    assert problem(await replay(admin, webhook, after=after, until=before)) == (400, "invalid_cursor")
    assert (await replay(admin, webhook)).status_code == 202
    assert problem(await replay(admin, webhook)) == (409, "replay_running")


async def test_a_disabled_webhook_takes_neither_a_test_nor_a_replay(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any]
) -> None:
    assert (await admin.patch(f"{HOOKS}/{webhook['id']}", {"enabled": False})).status_code == 200
    assert problem(await replay(admin, webhook)) == (409, "webhook_disabled")
    assert problem(await admin.post(f"{HOOKS}/{webhook['id']}/test")) == (409, "webhook_disabled")
