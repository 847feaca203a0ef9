"""What reaches an endpoint, in which order, and what happens when the endpoint does not take it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.actors import Actor, Tenancy
from tests.support.feed import read_all, seal
from tests.support.webhooks import (
    Got,
    Receiver,
    answer,
    deliveries,
    dispatch,
    dispatching,
    end_leases,
    fail_since,
    make_due,
    new_webhook,
    read,
    undo_claims,
    waiting,
)

PEOPLE = ["person.created", "person.updated", "person.deleted"]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as made:
        yield made


@pytest.fixture
async def webhook(tenancy: Tenancy, admin: Actor, receiver: Receiver) -> dict[str, Any]:
    """A webhook for changes of people."""
    return await new_webhook(admin, tenancy.root_id, receiver.url, event_types=PEOPLE)


async def add_person(tenancy: Tenancy, name: str = "A", organization_id: str | None = None) -> str:
    body = {"organization_id": organization_id or tenancy.root_id, "name": name}
    made: str = (await tenancy.admin.made("/v1/people", body))["id"]
    return made


async def rename(tenancy: Tenancy, person: str, *names: str) -> None:
    for name in names:
        assert (await tenancy.admin.patch(f"/v1/people/{person}", {"name": name})).status_code == 200


async def test_an_event_arrives_in_the_form_of_the_feed_and_signed(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    await add_person(tenancy)
    await dispatch(tenancy)
    [got] = receiver.got
    assert got.event == (await read_all(admin, types="person.created"))[-1]
    assert (got.id, got.path) == (got.event["id"], "/hook")
    assert got.headers["content-type"] == "application/json"
    assert got.is_signed_by(webhook["secret"])
    [logged] = await deliveries(admin, webhook)
    assert (logged["event_id"], logged["outcome"], logged["status_code"]) == (got.id, "delivered", 204)
    assert (logged["attempt"], logged["next_attempt_at"]) == (1, None)
    assert await waiting(owner, webhook) == 0


async def test_only_the_chosen_types_of_the_subtree_arrive(tenancy: Tenancy, admin: Actor, receiver: Receiver) -> None:
    mine, other = [(await tenancy.organization())["id"] for _ in range(2)]
    below = (await tenancy.organization(mine))["id"]
    await new_webhook(admin, mine, receiver.url, event_types=["person.created"])
    people = [await add_person(tenancy, organization_id=at) for at in (other, below, tenancy.root_id, mine)]
    await rename(tenancy, people[1], "B")
    await dispatch(tenancy)
    assert sorted(got.event["organization_id"] for got in receiver.got) == sorted([below, mine])
    assert {got.event["type"] for got in receiver.got} == {"person.created"}


async def test_a_failed_message_comes_again_under_its_id_and_holds_up_the_next_of_its_object(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    receiver.answers = [answer(500), answer(302, "Location: http://127.0.0.1:9/"), answer(204)]
    person = await add_person(tenancy)
    await rename(tenancy, person, "B")
    await dispatch(tenancy, 3)
    assert len(receiver.got) == 1
    for _ in range(2):
        await make_due(owner, webhook)
        await dispatch(tenancy, 2)
    assert [got.event["type"] for got in receiver.got] == ["person.created"] * 3 + ["person.updated"]
    assert len({got.id for got in receiver.got[:3]}) == 1
    assert len({got.body for got in receiver.got[:3]}) == 1
    logged = await deliveries(admin, webhook)
    assert [(one["outcome"], one["status_code"], one["attempt"]) for one in logged] == [
        ("rejected", 500, 1),
        ("rejected", 302, 2),
        ("delivered", 204, 3),
        ("delivered", 204, 1),
    ]
    assert [one["next_attempt_at"] is None for one in logged] == [False, False, True, True]


async def test_the_events_of_an_object_arrive_in_order(
    tenancy: Tenancy, webhook: dict[str, Any], receiver: Receiver
) -> None:
    people = [await add_person(tenancy, name) for name in "ABCDEF"]
    for person in people:
        await rename(tenancy, person, "X", "Y", "Z")
    await dispatch(tenancy, 30)
    assert len(receiver.got) == 24
    for person in people:
        events = [got.event for got in receiver.got if got.event["subject_id"] == person]
        assert [event["type"] for event in events] == ["person.created", *["person.updated"] * 3]
        assert [event["occurred_at"] for event in events] == sorted(event["occurred_at"] for event in events)


async def test_a_message_is_given_up_after_the_last_attempt_and_the_next_follows(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    receiver.answers = [*[answer(500)] * 10, answer(204)]
    person = await add_person(tenancy)
    await rename(tenancy, person, "B")
    for _ in range(10):
        await make_due(owner, webhook)
        await dispatch(tenancy)
    await dispatch(tenancy)
    logged = await deliveries(admin, webhook)
    assert [one["attempt"] for one in logged] == [*range(1, 11), 1]
    assert (logged[9]["outcome"], logged[9]["next_attempt_at"]) == ("rejected", None)
    assert [got.event["type"] for got in receiver.got][9:] == ["person.created", "person.updated"]
    assert await waiting(owner, webhook) == 0


async def drip(_: Got, writer: asyncio.StreamWriter) -> None:
    """Send a byte of the head now and then, for ever."""
    writer.write(b"HTTP/1.1 204 Text\r\nX-Slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def send_much(_: Got, writer: asyncio.StreamWriter) -> None:
    """Answer with a gigabyte."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    for _chunk in range(10_000):
        writer.write(b"x" * 100_000)
        await writer.drain()


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (None, ("timed_out", None)),
        (drip, ("timed_out", None)),
        (b"", ("unreachable", None)),
        (b"garbage\r\n\r\n", ("unreachable", None)),
        (answer(204, "X-Long: " + "x" * 200_000), ("unreachable", None)),
        (send_much, ("delivered", 200)),
    ],
    ids=["hangs", "drips", "closes", "garbage", "long head", "gigabyte"],
)
async def test_an_endpoint_that_misbehaves_costs_bounded_time_and_memory(
    tenancy: Tenancy, webhook: dict[str, Any], receiver: Receiver, behaviour: Any, expected: tuple[str, int | None]
) -> None:
    receiver.answers = [behaviour]
    await add_person(tenancy)
    await dispatch(tenancy, seconds=2.0 if expected[0] == "timed_out" else 300.0)
    [logged] = await deliveries(tenancy.admin, webhook)
    assert (logged["outcome"], logged["status_code"]) == expected


@pytest.mark.parametrize(
    ("url", "outcome"), [("http://localhost.invalid/", "unreachable"), ("https://localhost:1/", "address_refused")]
)
async def test_an_address_is_checked_when_it_is_dialled(tenancy: Tenancy, admin: Actor, url: str, outcome: str) -> None:
    made = await new_webhook(admin, tenancy.root_id, url, event_types=PEOPLE)
    await add_person(tenancy)
    await dispatch(tenancy, outgoing_networks=())
    [logged] = await deliveries(admin, made)
    assert logged["outcome"] == outcome


async def test_an_absurd_retry_after_is_granted_a_day_at_most(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver
) -> None:
    receiver.answers = [answer(429, "Retry-After: 99999999999")]
    await add_person(tenancy)
    await dispatch(tenancy)
    [logged] = await deliveries(admin, webhook)
    wait = datetime.fromisoformat(logged["next_attempt_at"]) - datetime.fromisoformat(logged["created_at"])
    assert wait == timedelta(days=1)


async def test_an_endpoint_that_is_gone_is_disabled_at_once_with_notice(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    receiver.answers = [answer(410)]
    await add_person(tenancy)
    await dispatch(tenancy)
    shown = await read(admin, webhook)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "gone")
    await add_person(tenancy)
    await make_due(owner, webhook)
    await dispatch(tenancy)
    assert len(receiver.got) == 1
    [notice] = await read_all(admin, types="webhook.disabled")
    assert (notice["subject_id"], notice["data"]) == (webhook["id"], {"reason": "gone"})


async def test_an_endpoint_that_fails_for_days_is_disabled_with_notice(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    receiver.answers = [answer(500)]
    await add_person(tenancy)
    await dispatch(tenancy)
    assert (await read(admin, webhook))["failing_since"] is not None
    await fail_since(owner, webhook, days=6)
    await make_due(owner, webhook)
    await dispatch(tenancy)
    shown = await read(admin, webhook)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "failing")
    await dispatch(tenancy)
    [notice] = await read_all(admin, types="webhook.disabled")
    assert notice["data"] == {"reason": "failing"}


async def test_an_old_failure_of_a_quiet_endpoint_disables_nothing(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    receiver.answers = [answer(500)]
    await fail_since(owner, webhook, days=6, quiet=3)
    person = await add_person(tenancy)
    await dispatch(tenancy)
    shown = await read(admin, webhook)
    [logged] = await deliveries(admin, webhook)
    assert (shown["enabled"], shown["failing_since"]) == (True, logged["created_at"])
    assert receiver.got[0].event["subject_id"] == person


async def test_an_endpoint_that_works_again_fails_no_longer(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    receiver.answers = [answer(500), answer(204)]
    await add_person(tenancy)
    await dispatch(tenancy)
    await fail_since(owner, webhook, days=6)
    await make_due(owner, webhook)
    await dispatch(tenancy)
    shown = await read(admin, webhook)
    assert (shown["enabled"], shown["failing_since"]) == (True, None)


async def test_what_happened_while_it_was_disabled_arrives_when_it_is_enabled(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver
) -> None:
    path = f"/v1/webhooks/{webhook['id']}"
    assert (await admin.patch(path, {"enabled": False})).json()["disabled_reason"] == "paused"
    person = await add_person(tenancy)
    await dispatch(tenancy)
    assert receiver.got == []
    assert (await admin.patch(path, {"enabled": True})).json()["disabled_reason"] is None
    await dispatch(tenancy)
    assert [got.event["subject_id"] for got in receiver.got] == [person]


async def test_a_hanging_endpoint_delays_neither_another_one_nor_another_tenant(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor, receiver: Receiver
) -> None:
    async with Receiver(answers=[None]) as hanging:
        await new_webhook(admin, tenancy.root_id, hanging.url, event_types=PEOPLE)
        for one in (tenancy, other_tenancy):
            await new_webhook(one.admin, one.root_id, receiver.url, event_types=PEOPLE)
            for name in "ABCDEFGHIJKLMNOPQRST":
                await add_person(one, name)
        async with dispatching(tenancy.app, seconds=3_600.0) as dispatcher:
            running = asyncio.create_task(_run_for_ever(dispatcher))
            await hanging.until(lambda one: len(one.got) > 0)
            await receiver.until(lambda one: len(one.got) == 40)
            running.cancel()
        assert len(hanging.got) <= 4


async def _run_for_ever(dispatcher: Any) -> None:
    while True:
        await dispatcher.run()
        await asyncio.sleep(0.01)


async def test_what_a_killed_dispatcher_held_is_sent_again(
    tenancy: Tenancy, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    receiver.answers = [None, answer(204)]
    await add_person(tenancy)
    await seal(tenancy)
    async with dispatching(tenancy.app, seconds=3_600.0) as killed:
        serving = asyncio.create_task(killed.serve(tenancy.tenant_id))
        await receiver.until(lambda one: len(one.got) == 1)
        await dispatch(tenancy)
        assert len(receiver.got) == 1
        await end_leases(owner, webhook)
        await dispatch(tenancy)
        serving.cancel()
    first, again = receiver.got
    assert first.id == again.id
    assert await waiting(owner, webhook) == 0


async def test_a_dispatcher_that_stops_gives_back_what_it_held(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver
) -> None:
    receiver.answers = [None, answer(204)]
    await add_person(tenancy)
    await seal(tenancy)
    async with dispatching(tenancy.app, seconds=3_600.0) as stopped:
        serving = asyncio.create_task(stopped.serve(tenancy.tenant_id))
        await receiver.until(lambda one: len(one.got) == 1)
        serving.cancel()
    await dispatch(tenancy)
    [logged] = await deliveries(admin, webhook)
    assert (logged["outcome"], logged["attempt"]) == ("delivered", 1)


async def test_two_dispatchers_at_once_send_each_message_once(
    tenancy: Tenancy, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    for name in "ABCDEFGHIJ":
        await rename(tenancy, await add_person(tenancy, name), "X")
    await seal(tenancy)
    async with dispatching(tenancy.app) as one, dispatching(tenancy.app) as other:
        for _ in range(15):
            await asyncio.gather(*(each.serve(tenancy.tenant_id) for each in (one, other)))
        while await waiting(owner, webhook):
            await dispatch(tenancy)
    assert len({got.id for got in receiver.got}) == len(receiver.got) == 20


async def test_a_claim_that_a_crash_undid_stops_no_endpoint(
    tenancy: Tenancy, webhook: dict[str, Any], receiver: Receiver, owner: AsyncEngine
) -> None:
    """A claim is not yet on disk when the message is sent, so a crash of the database can undo it."""
    go_on = asyncio.Event()

    async def wait(_: Got, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(answer(204))
        writer.close()

    receiver.answers = [*[wait] * 4, answer(204)]
    for name in "ABCD":
        await add_person(tenancy, name)
    await seal(tenancy)
    async with dispatching(tenancy.app, seconds=3_600.0) as dispatcher:
        serving = asyncio.create_task(dispatcher.serve(tenancy.tenant_id))
        await receiver.until(lambda one: len(one.got) == 4)
        await undo_claims(owner, webhook)
        go_on.set()
        await serving
    await add_person(tenancy, "E")
    for _ in range(3):
        await dispatch(tenancy)
    assert await waiting(owner, webhook) == 0
    assert len({got.id for got in receiver.got}) == 5


async def test_the_answer_of_the_former_address_disables_nothing(
    tenancy: Tenancy, admin: Actor, webhook: dict[str, Any], receiver: Receiver
) -> None:
    async def move(_: Got, writer: asyncio.StreamWriter) -> None:
        moved = await admin.patch(f"/v1/webhooks/{webhook['id']}", {"url": f"{receiver.url}/new"})
        assert moved.status_code == 200, moved.text
        writer.write(answer(410))
        writer.close()

    receiver.answers = [move, answer(204)]
    await add_person(tenancy)
    await dispatch(tenancy)
    assert (await read(admin, webhook))["enabled"] is True
