"""What a request may make the service do: each bound is checked before the work that it bounds."""

import json
import unicodedata
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic_core import PydanticCustomError

from app import schemas
from app.errors import MalformedBody, PayloadTooLarge, Unavailable
from app.http import body, problems
from tests.support.actors import Actor, Tenancy

JSON = {"Content-Type": "application/json"}
RAW_JSON = [(b"content-type", b"application/json")]
KEY = "fa_0123456789abcdef0123456789abcdef_" + "x" * 43


class Unread:
    """A body that fails the test where somebody reads it."""

    def __init__(self) -> None:
        self.pieces = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.pieces += 1
            yield b"[" * 1_000


@pytest.mark.parametrize("token", ["", "fa_odd", KEY])
async def test_a_body_without_credentials_is_not_read(http: httpx.AsyncClient, token: str) -> None:
    sent = Unread()
    answer = await Actor(http, token).call("POST", "/v1/organizations", content=aiter(sent), headers=JSON)
    assert (answer.status_code, answer.headers["connection"]) == (401, "close")
    assert sent.pieces == 0


@pytest.mark.parametrize("path", ["/v1/nothing", "/healthz/live"])
async def test_a_body_for_no_route_is_not_read(http: httpx.AsyncClient, path: str) -> None:
    sent = Unread()
    answer = await http.post(path, content=aiter(sent), headers=JSON)
    assert answer.status_code in {404, 405}
    assert sent.pieces == 0


async def test_a_small_body_that_was_not_read_leaves_the_connection_open(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/organizations", json={})
    assert answer.status_code == 401
    assert "connection" not in answer.headers


WIDE = b'{"name": "a", "more": [' + b"1," * 30_000 + b"1]}"
HOSTILE = {
    "brackets": b"[" * 1_000_000,
    "empty lists": b"[" + b"[]," * 300_000 + b"1]",
    "empty objects": b"[" + b"{}," * 300_000 + b"1]",
    "numbers": WIDE,
    "keys": json.dumps({f"k{number}": 1 for number in range(300)}).encode(),
    "a long name": json.dumps({"x" * 300: 1}).encode(),
    "a long number": b'{"staff_count": ' + b"1" * 1_001 + b"}",
    "a long fraction": b'{"staff_count": 0.' + b"1" * 1_001 + b"}",
    "a long string": json.dumps({"name": "x" * 100_001}).encode(),
    "escaped quotes without an end": b'"' + b',\\"' * 300_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_json_out_of_bounds_is_refused(admin: Actor, name: str) -> None:
    answer = await admin.call("POST", "/v1/organizations", content=HOSTILE[name], headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


@pytest.mark.parametrize("name", ["brackets", "empty lists", "empty objects", "numbers"])
def test_nothing_is_built_of_too_many_values(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def build(*_: Any, **__: Any) -> None:
        raise AssertionError("the body was parsed")

    monkeypatch.setattr(body, "json", SimpleNamespace(loads=build))
    with pytest.raises(MalformedBody, match="more than"):
        body.parse_json(HOSTILE[name])


def test_commas_and_brackets_in_text_are_no_values() -> None:
    said = {"reason": '[{,"\\' * 10_000}
    assert body.parse_json(json.dumps(said).encode()) == said


async def test_many_faults_are_answered_with_fifty(admin: Actor) -> None:
    items = [{"colour": 1}] * 200
    answer = await admin.post("/v1/action-items/bulk", {"items": items})
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 50)


async def test_a_flood_of_faults_is_counted_and_not_written_down(admin: Actor) -> None:
    item = {f"colour-{number}": 1 for number in range(100)}
    answer = await admin.post("/v1/action-items/bulk", {"items": [item] * 200})
    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == ["too_many_faults"]


def test_faults_are_written_down_for_at_most_fifty() -> None:
    faults = [{"type": "missing", "loc": ("body", str(number)), "msg": "Field required"} for number in range(60)]
    assert len(problems.of_faults(faults).errors) == problems.MOST_ERRORS


MARKS = ["\u0301", "\u0316\u0301", "\u0344", "\u0f73", "\u0f71\u0f72"]


@pytest.mark.parametrize("mark", MARKS)
async def test_a_long_run_of_combining_marks_is_refused(tenancy: Tenancy, admin: Actor, mark: str) -> None:
    said = {"parent_id": tenancy.root_id, "kind": "site", "name": "a" + mark * 60}
    answer = await admin.post("/v1/organizations", said)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "combining_run")


@pytest.mark.parametrize("mark", MARKS)
def test_a_long_run_is_never_normalized(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    def normalize(*_: str) -> str:
        raise AssertionError("the text was normalized")

    known = SimpleNamespace(combining=unicodedata.combining, normalize=normalize)
    monkeypatch.setattr(schemas, "unicodedata", known)
    with pytest.raises(PydanticCustomError, match="combining"):
        schemas._storable("a" + mark * 5_000)


async def test_thirty_marks_in_a_run_are_a_name(tenancy: Tenancy) -> None:
    name = "a" + "\u0316" * 30
    assert (await tenancy.organization(name=name))["name"] == unicodedata.normalize("NFC", name)


async def test_parameters_are_bounded_in_number(admin: Actor) -> None:
    answer = await admin.get("/v1/organizations?" + "&".join(["colour=red"] * 301))
    assert (answer.status_code, answer.json()["errors"]) == (422, [])


def test_bodies_that_arrive_at_the_same_time_share_a_budget() -> None:
    budget = body.BodyBudget(100)
    budget.take(90)
    with pytest.raises(Unavailable):
        budget.take(20)
    budget.give_back(90)
    budget.take(100)


async def test_the_beginning_of_a_body_is_not_taken_for_the_whole(app: FastAPI, admin: Actor) -> None:
    messages = [{"type": "http.request", "body": b"{}", "more_body": True}, {"type": "http.disconnect"}]
    headers = [(b"authorization", f"Bearer {admin.token}".encode()), (b"content-length", b"9"), *RAW_JSON]
    scope = {"type": "http", "method": "POST", "path": "/v1/readiness/compute", "query_string": b"", "headers": headers}
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert (messages, sent) == ([], [])


async def test_a_body_that_fails_gives_its_share_back() -> None:
    budget = body.BodyBudget(1_000)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 600, "more_body": True}

    for _ in range(3):
        with pytest.raises(PayloadTooLarge):
            await body.read(receive, 700, budget)
