"""The gateway answers like the framework's own handling, for every operation and every kind of request."""

import json
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.operations import OPERATIONS, SCIM_OPERATIONS
from app.errors import AppError
from app.http.route_index import RouteIndex
from app.main import create_app
from app.settings import Settings
from tests.support.actors import Actor, Tenancy
from tests.support.calls import CALLS
from tests.support.places import furnish, place_of

READING = sorted(name for name in OPERATIONS if name.startswith(("get", "list")))
WRITING = sorted(set(OPERATIONS) - set(READING))
SUFFIXES = (
    "",
    "?limit=2",
    "?limit=0",
    "?limit=x&sort=nothing",
    "?colour=red",
    "?limit=1&limit=2",
    "?cursor=AAAA",
    "?updated_since=yesterday",
    "?as_of=2026-01-01",
    "?as_of=2026-02-30",
    "?profile=x",
    "?status=open&status=done",
    "?q=%00",
    "/",
    "/nothing",
)


class PassThrough:
    """A layer that does nothing; with it the framework serves every route."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture
async def plain(settings: Settings) -> Any:
    """The same app, every route served by the framework."""
    made = create_app(settings)
    made.add_middleware(PassThrough)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=made), base_url="http://test") as client:
        yield client
    await made.state.app_state.database.close()


def shown(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    request_id = answer.headers["x-request-id"]
    # A mark is an instant, a cursor holds one, and a place in the feed is encrypted anew in each answer. Audit rows get
    # their place in the chain a moment later.
    body = re.sub(r'"(sync_mark|next_after|next_cursor)":"[^"]+"', "", answer.text.replace(request_id, ""))
    body = re.sub(r'"sequence":(null|[0-9]+)', "", body)
    headers.pop("content-length", None)
    if "link" in headers:
        headers["link"] = re.sub(r"cursor=[^>&]+", "", headers["link"])
    return answer.status_code, headers, body


async def test_both_ways_answer_alike(tenancy: Tenancy, admin: Actor, plain: httpx.AsyncClient) -> None:
    place = await furnish(tenancy, tenancy.root_id)
    profile = (await admin.get("/v1/scoring-profiles")).json()["items"][0]["id"]
    shared = {"scoring_profile": profile, "root_program": place.program, "spare_participant": place.participant}
    missing = place_of(str(uuid4()))
    odd = place_of("not-a-uuid")
    empty = Actor(tenancy.http, "")
    compared = 0
    for operation in (name for name in READING if name in CALLS):
        for at in (place, missing, odd):
            _, path, _ = CALLS[operation](at, shared)
            for actor in (admin, empty, *([place.seat] if place.seat else [])):
                for suffix in SUFFIXES if at is place and actor is admin else ("", "?limit=x"):
                    indexed = await actor.get(path + suffix)
                    searched = await Actor(plain, actor.token).get(path + suffix)
                    assert shown(indexed) == shown(searched), (operation, path + suffix)
                    compared += 1
    assert compared > 500


async def test_not_modified_is_alike_too(tenancy: Tenancy, admin: Actor, plain: httpx.AsyncClient) -> None:
    path = f"/v1/organizations/{tenancy.root_id}"
    tag = (await admin.get(path)).headers["etag"]
    for actor in (admin, Actor(plain, admin.token)):
        assert (await actor.get(path, headers={"If-None-Match": tag})).status_code == 304


BODIES: tuple[Any, ...] = (b"", {}, [], None, "text", 1, {"colour": "red"}, b"{", b"\xff", b'{"a": 1, "a": 2}')
#: The framework ignores a body where a route takes none.
IGNORED: tuple[Any, ...] = ([], "text", 1, {"colour": "red"}, b"[null]")
QUERIES = ("?dry_run=maybe", "?colour=red", "?dry_run=true&dry_run=true", "/?dry_run=true", "/nothing?dry_run=true")
_VARIES = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z")


def rehearsed(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Return what two dry runs of one write have in common: everything but new ids and instants."""
    status, headers, body = shown(answer)
    return status, headers, _VARIES.sub(b"", body.encode())


def joined(address: str, query: str) -> str:
    """Return an address, which may have a query, with a path and a query added."""
    path, _, own = address.partition("?")
    more, _, added = query.partition("?")
    parameters = "&".join(part for part in (own, added) if part)
    return f"{path}{more}?{parameters}" if parameters else path + more


def sent(body: Any) -> dict[str, Any]:
    if isinstance(body, bytes):
        return {"content": body, "headers": {"Content-Type": "application/json", "If-Match": "*"}}
    return {"json": body, "headers": {"If-Match": "*"}} if body is not None else {"headers": {"If-Match": "*"}}


async def test_writes_are_answered_alike_both_ways(tenancy: Tenancy, admin: Actor, plain: httpx.AsyncClient) -> None:
    place = await furnish(tenancy, tenancy.root_id)
    profile = (await admin.get("/v1/scoring-profiles")).json()["items"][0]["id"]
    shared = {"scoring_profile": profile, "root_program": place.program, "spare_participant": place.participant}
    missing = place_of(str(uuid4()))
    odd = place_of("not-a-uuid")
    nobody, viewer = Actor(tenancy.http, ""), await tenancy.key(("viewer", tenancy.root_id))
    computes = {"computeReadiness"}
    compared = set()
    for operation in WRITING:
        for at in (place, missing, odd):
            method, path, good = CALLS[operation](at, shared)
            dry = "" if operation in computes else "?dry_run=true"
            asked = [(actor, dry, good) for actor in (admin, nobody, viewer)]
            if at is place:
                asked += [(admin, dry, body) for body in BODIES]
                asked += [(admin, query, good) for query in QUERIES]
                asked += [(nobody, "", b"{}"), (admin, dry, json.dumps([good]).encode())]
            for actor, query, body in asked:
                address = joined(path, query)
                indexed = await actor.call(method, address, **sent(body))
                if body in IGNORED and good is None and indexed.status_code == 422:
                    continue
                searched = await Actor(plain, actor.token).call(method, address, **sent(body))
                assert rehearsed(indexed) == rehearsed(searched), (operation, address, body)
                compared.add((operation, indexed.status_code))
    assert len({operation for operation, status in compared if status < 300}) > len(WRITING) // 2
    assert len(compared) > 4 * len(WRITING)


async def test_other_media_types_methods_and_long_names_are_alike_too(
    tenancy: Tenancy, admin: Actor, plain: httpx.AsyncClient
) -> None:
    nowhere = place_of(str(uuid4()))
    shared = dict.fromkeys(("scoring_profile", "root_program", "spare_participant"), "x")
    for path in sorted({call(nowhere, shared)[1] for call in CALLS.values()}):
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
            indexed = await Actor(tenancy.http, "").call(method, path)
            searched = await Actor(plain, "").call(method, path)
            assert shown(indexed) == shown(searched), (method, path)
    for kind in ("application/merge-patch+json", "APPLICATION/JSON; charset=utf-8", "text/plain", "application/xml"):
        answers = []
        for actor in (admin, Actor(plain, admin.token)):
            headers = {"Content-Type": kind, "If-Match": "*"}
            path = f"/v1/organizations/{tenancy.root_id}?dry_run=true"
            answers.append(rehearsed(await actor.call("PATCH", path, content=b'{"name": "Name"}', headers=headers)))
        assert answers[0] == answers[1], kind


def test_the_index_finds_what_the_framework_would(app: FastAPI) -> None:
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    index, found = RouteIndex(routes), set()
    last = {route.path.rpartition("/")[2] for route in routes}
    for route in routes:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            path = re.sub(r"\{[^}]*\}", "0198c6f4", route.path)
            for asked in (
                path,
                f"{path}/",
                f"{path}/x",
                path.rpartition("/")[0],
                f"/{path}",
                path.replace("8", "8%2F"),
            ):
                scope = {"type": "http", "method": method, "path": asked}
                searched = next((one for one in routes if one.matches(dict(scope))[0] is Match.FULL), None)
                try:
                    target = index.find(scope, asked.split("/"))
                except AppError:
                    assert searched is None or method == "HEAD" or asked.rpartition("/")[2] in last, (method, asked)
                    continue
                assert method == "HEAD" or target.route is searched, (method, asked)
                if target.plan is not None:
                    found.add(target.plan.route.operation_id)
    assert found == {name for name in OPERATIONS if not OPERATIONS[name].public} | SCIM_OPERATIONS
