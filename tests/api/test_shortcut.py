"""The index of GETs answers like the framework's own search, for every operation and every kind of request."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.access.operations import OPERATIONS
from app.http.shortcut import Shortcut
from app.main import create_app
from app.settings import Settings
from tests.api.test_access_matrix import CALLS, Place, furnish
from tests.support.actors import Actor, Tenancy

READING = sorted(name for name in OPERATIONS if name.startswith(("get", "list")))
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


@pytest.fixture
async def plain(settings: Settings) -> Any:
    """The same app without the index."""
    made = create_app(settings, shortcut=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=made), base_url="http://test") as client:
        yield client
    await made.state.service.database.close()


def shown(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    request_id = answer.headers["x-request-id"]
    body = answer.text.replace(request_id, "")
    headers.pop("content-length", None)
    return answer.status_code, headers, body


async def test_both_ways_answer_alike(tenancy: Tenancy, admin: Actor, plain: httpx.AsyncClient) -> None:
    place = await furnish(tenancy, tenancy.root_id)
    profile = (await admin.get("/v1/scoring-profiles")).json()["items"][0]["id"]
    shared = {"scoring_profile": profile, "root_program": place.program, "spare_participant": place.participant}
    missing = Place(*[str(uuid4())] * 7)
    odd = Place(*["not-a-uuid"] * 7)
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


async def test_not_modified_and_other_methods_are_alike_too(
    tenancy: Tenancy, admin: Actor, plain: httpx.AsyncClient
) -> None:
    path = f"/v1/organizations/{tenancy.root_id}"
    tag = (await admin.get(path)).headers["etag"]
    for actor in (admin, Actor(plain, admin.token)):
        assert (await actor.get(path, headers={"If-None-Match": tag})).status_code == 304
        assert (await actor.call("HEAD", path)).status_code == 405


def test_every_authenticated_read_takes_the_shortcut(app: FastAPI) -> None:
    layer = app.build_middleware_stack()
    while not isinstance(layer, Shortcut):
        layer = layer.app  # type: ignore[attr-defined]
    indexed = {plan.route.operation_id for plans in layer._index.values() for plan in plans}
    assert indexed == {name for name in READING if not OPERATIONS[name].public}


async def test_short_queries_are_bound_once_and_long_ones_are_not_kept(app: FastAPI, admin: Actor) -> None:
    layer = app.middleware_stack
    assert isinstance(layer, Shortcut)
    layer._kept.cache_clear()
    for query, status in (("?limit=2&q=%20x", 200), ("?limit=0", 422), ("", 200), ("?q=" + "x" * 60_000, 422)):
        first, second = [await admin.get(f"/v1/action-items{query}") for _ in range(2)]
        assert (first.status_code, second.status_code) == (status, status)
        assert first.headers["x-request-id"] != second.headers["x-request-id"]
        assert shown(first) == shown(second)
    assert (layer._kept.cache_info().hits, layer._kept.cache_info().currsize) == (3, 3)
