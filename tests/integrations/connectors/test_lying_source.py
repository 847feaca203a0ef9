"""A source that is busy, broken or hostile: the run ends or waits, and nothing is half written."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.integrations.connectors import bamboohr, source_client
from tests.support.actors import Actor, Tenancy
from tests.support.certificates import self_signed
from tests.support.connectors import (
    CONNECTORS,
    BambooServer,
    Reply,
    a_connector,
    as_json,
    employee,
    people,
    pulling,
    read,
    run,
)

CHANGED = "/api/v1/employees/changed"
ONE = "/api/v1/employees/1?"


async def test_a_busy_source_is_asked_again(admin: Actor, connector: dict[str, Any], bamboo: BambooServer) -> None:
    busy: Reply = (503, {"Retry-After": "0"}, b"")
    bamboo.replies[ONE] = [busy, (429, {}, b""), as_json({"id": "1", **employee()})]
    assert (await run(admin, connector))["counts"]["created"] == 2


async def test_a_source_that_asks_for_a_long_pause_gets_it_and_nothing_is_written(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer
) -> None:
    bamboo.replies["/api/v1/employees/2?"] = [(503, {"Retry-After": "7200"}, b"")]
    put_off = await run(admin, connector)
    assert (put_off["state"], put_off["failure"]["code"]) == ("waiting", "try_again")
    assert await people(admin) == {}
    assert (await read(admin, connector))["watermark"] is None


async def flood(writer: asyncio.StreamWriter) -> None:
    """Send a body without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while not writer.is_closing():
        writer.write(b" " * 65_536)
        await writer.drain()


def changes(id_: Any, at: str) -> Reply:
    """Return an answer that names one change."""
    return as_json({"latest": at, "employees": {"1": {"id": id_, "action": "Updated", "lastChanged": at}}})


NOT_ME = {"id": "7", **employee()}
LIES: dict[str, tuple[str, Reply]] = {
    "another content type": (ONE, (200, {"Content-Type": "text/html"}, b"<html>")),
    "a page for people": (CHANGED, (200, {"Content-Type": "text/html; charset=utf-8"}, b"<!doctype html><title>Hi")),
    "a page that is called JSON": (ONE, (200, {"Content-Type": "application/json"}, b"<html></html>")),
    "no number": (ONE, (200, {"Content-Type": "application/json"}, b'{"id": "1", "employeeNumber": NaN}')),
    "text that is no UTF-8": (ONE, (200, {"Content-Type": "application/json"}, b'{"id": "1", "firstName": "\xff"}')),
    "no fields": (ONE, as_json({})),
    "an unknown status": (ONE, as_json({"id": "1", **employee(status="Aktiv")})),
    "a list for the changes": (CHANGED, as_json({"employees": [{"id": "1"}]})),
    "no changes": (CHANGED, as_json({"latest": "2026-11-02T08:00:00+00:00"})),
    "a day without a zone": (CHANGED, changes("1", "2026-11-02T08:00:00")),
    "a day that does not exist": (CHANGED, changes("1", "2026-02-30T08:00:00+00:00")),
    "an id below zero": (CHANGED, changes("-1", "2026-11-02T08:00:00+00:00")),
    "another status": (ONE, (418, {}, b"")),
    "no JSON": (ONE, (200, {"Content-Type": "application/json"}, b'{"id": "1", "first')),
    "deep JSON": (ONE, (200, {"Content-Type": "application/json"}, b"[" * 200_000)),
    "a redirect": (ONE, (302, {"Location": "http://127.0.0.1:9/"}, b"")),
    "another person": (ONE, as_json(NOT_ME)),
    "another shape": (ONE, as_json([NOT_ME])),
    "no status": (ONE, as_json({"id": "1", **employee(status=None)})),
    "a nested value": (ONE, as_json({"id": "1", **employee(firstName={"a": 1})})),
    "other changes": (CHANGED, as_json({"employees": {"x": {"id": "../x", "action": "Updated"}}})),
    "no company": (CHANGED, (404, {}, b"")),
    "compressed": (ONE, (200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"\x1f\x8b")),
    "a body without an end": (ONE, flood),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lying_source_ends_in_an_error_and_nothing_is_written(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer, lie: str
) -> None:
    path, reply = LIES[lie]
    bamboo.replies[path] = [reply]
    done = await run(admin, connector)
    assert (done["state"], done["failure"]["code"]) == ("failed", "source_faulty")
    assert await people(admin) == {}
    assert (await read(admin, connector))["watermark"] is None


async def test_a_source_that_names_too_many_people_is_asked_for_none_of_them(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bamboohr, "MOST_PEOPLE", 1)
    done = await run(admin, connector)
    assert (done["state"], done["failure"]["code"]) == ("failed", "source_too_large")
    assert len(bamboo.asked) == 1


async def test_an_id_may_be_a_number_and_come_twice(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer
) -> None:
    one = {"id": 1, "action": "Updated", "lastChanged": "2026-11-02T08:00:00+00:00"}
    bamboo.replies[CHANGED] = [as_json({"employees": {"1": one, "01": {**one, "action": "Inserted"}}})]
    bamboo.put("1", supervisorEId=None, employeeNumber=17)
    done = await run(admin, connector)
    assert (done["counts"]["created"], done["errors"]) == (1, [])
    assert (await people(admin))["1"]["employee_number"] == "17"


async def test_managers_in_a_circle_are_reported(admin: Actor, connector: dict[str, Any], bamboo: BambooServer) -> None:
    bamboo.put("2", supervisorEId="1")
    bamboo.put("3", supervisorEId="3")
    done = await run(admin, connector)
    assert (done["state"], done["counts"]["created"]) == ("done", 3)
    assert {one["code"] for one in done["errors"]} == {"manager_cycle"}
    found = await people(admin)
    assert found["3"]["manager_id"] is None
    assert None in {found["1"]["manager_id"], found["2"]["manager_id"]}


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2025-01-01T00:00:00+00:00", "2026-11-02T08:00:00Z"), ("2999-01-01T00:00:00+00:00", "now")],
)
async def test_a_watermark_goes_neither_back_nor_ahead_of_the_clock(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer, at: str, expected: str
) -> None:
    await run(admin, connector)
    bamboo.replies[CHANGED] = [changes("1", at)]
    await run(admin, connector)
    shown = await read(admin, connector)
    assert shown["watermark"] == (shown["succeeded_at"] if expected == "now" else expected)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a body byte by byte, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """End the connection before the answer has begun."""
    writer.close()


UNAVAILABLE: dict[str, Reply] = {
    "it drips": drip,
    "it hangs up": hang_up,
    "it never answers": None,
    "an absurd pause": (429, {"Retry-After": "99999999999999999999"}, b""),
    "a pause that is no number": (429, {"Retry-After": "soon"}, b""),
    "a pause that ended long ago": (503, {"Retry-After": "Mon, 01 Jan 1900 00:00:00 GMT"}, b""),
}


@pytest.mark.parametrize("lie", UNAVAILABLE)
async def test_a_source_that_does_not_serve_is_asked_another_time_and_nothing_is_written(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    monkeypatch.setattr(source_client, "REQUEST_SECONDS", 0.2)
    bamboo.replies["/api/v1/employees/"] = [UNAVAILABLE[lie]]
    put_off = await run(admin, connector)
    assert (put_off["state"], put_off["failure"]["code"]) == ("waiting", "try_again")
    assert await people(admin) == {}


async def test_a_source_whose_certificate_nobody_signed_gets_no_secret(
    tenancy: Tenancy, admin: Actor, tmp_path: Path
) -> None:
    async with BambooServer(tls=self_signed(tmp_path)) as bamboo, pulling(tenancy, bamboo):
        made = await admin.made(CONNECTORS, a_connector(tenancy.root_id, settings=bamboo.settings()))
        put_off = await run(admin, made)
    assert (put_off["state"], put_off["failure"]["code"], bamboo.asked) == ("waiting", "try_again", [])


@pytest.mark.parametrize("status", [401, 403])
async def test_a_source_that_refuses_the_list_ends_the_run(
    admin: Actor, connector: dict[str, Any], bamboo: BambooServer, status: int
) -> None:
    bamboo.replies[CHANGED] = [(status, {}, b"")]
    done = await run(admin, connector)
    code = {401: "source_refused_secret", 403: "source_denied"}[status]
    assert (done["state"], done["failure"]["code"]) == ("failed", code)
    assert (await read(admin, connector))["enabled"] == (status == 403)
