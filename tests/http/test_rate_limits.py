"""How many requests a caller and an address may make, and what the answers say of it."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.http.token_buckets import TokenBuckets
from app.main import create_app
from app.settings import Settings
from tests.http.conftest import caller
from tests.support.accounts import problem
from tests.support.actors import Actor, Tenancy


def limited(settings: Settings, **changed: Any) -> FastAPI:
    return create_app(settings.model_copy(update=changed))


async def test_a_caller_learns_what_is_left_and_is_stopped(settings: Settings, tenancy: Tenancy) -> None:
    app = limited(settings, rate_per_principal=3)
    actor = caller(app, tenancy.admin.token)
    answers = [await actor.get("/v1/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit"].split(";t=")[0] for answer in answers] == [
        '"principal";r=2',
        '"principal";r=1',
        '"principal";r=0',
        '"principal";r=0',
    ]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"principal";q=3;w=60'}
    refused = answers[-1]
    assert refused.json()["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    await app.state.app_state.database.close()


async def test_a_caller_does_not_use_up_what_others_have(settings: Settings, tenancy: Tenancy) -> None:
    app = limited(settings, rate_per_principal=1)
    other = await tenancy.key(("viewer", tenancy.root_id))
    for actor in (tenancy.admin, other):
        assert (await caller(app, actor.token).get("/v1/me")).status_code == 200
        assert (await caller(app, actor.token).get("/v1/me")).status_code == 429
    await app.state.app_state.database.close()


async def test_callers_of_one_address_share_its_quota(settings: Settings, tenancy: Tenancy) -> None:
    app = limited(settings, rate_per_principal=10, rate_per_address=2)
    other = await tenancy.key(("viewer", tenancy.root_id))
    statuses = [(await caller(app, actor.token).get("/v1/me")).status_code for actor in (tenancy.admin, other, other)]
    assert statuses == [200, 200, 429]
    refused = await caller(app, other.token).get("/v1/me")
    assert refused.headers["ratelimit"].startswith('"address";r=0')
    assert refused.headers["ratelimit-policy"] == '"principal";q=10;w=60, "address";q=2;w=60'
    await app.state.app_state.database.close()


async def test_a_caller_beyond_its_quota_takes_nothing_from_its_address(settings: Settings, tenancy: Tenancy) -> None:
    app = limited(settings, rate_per_principal=1, rate_per_address=2)
    other = await tenancy.key(("viewer", tenancy.root_id))
    actors = (tenancy.admin, tenancy.admin, tenancy.admin, other)
    assert [(await caller(app, actor.token).get("/v1/me")).status_code for actor in actors] == [200, 429, 429, 200]
    await app.state.app_state.database.close()


async def test_a_key_from_elsewhere_spends_nothing_of_its_owner(settings: Settings, tenancy: Tenancy) -> None:
    app = limited(settings, rate_per_principal=1, failures_per_address=2)
    key = await tenancy.key(("viewer", tenancy.root_id), networks=["203.0.113.0/24"])
    thefts = [problem(await caller(app, key.token).get("/v1/me")) for _ in range(3)]
    assert thefts == [(401, "address_not_allowed")] * 2 + [(429, "too_many_failures")]
    transport = httpx.ASGITransport(app=app, client=("203.0.113.9", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await Actor(client, key.token).get("/v1/me")).status_code == 200
    await app.state.app_state.database.close()


async def test_failed_credentials_are_stopped_and_good_ones_are_not(settings: Settings, tenancy: Tenancy) -> None:
    app = limited(settings, failures_per_address=2)
    bad = [(await caller(app, f"fa_odd{number}").get("/v1/me")) for number in range(3)]
    assert [answer.status_code for answer in bad] == [401, 401, 429]
    assert bad[-1].json()["code"] == "too_many_failures"
    assert int(bad[-1].headers["retry-after"]) >= 1
    assert (await caller(app, tenancy.admin.token).get("/v1/me")).status_code == 200
    await app.state.app_state.database.close()


async def test_health_is_not_counted(settings: Settings) -> None:
    app = limited(settings, rate_per_principal=1, rate_per_address=1, failures_per_address=1)
    for _ in range(3):
        answer = await caller(app, "").get("/healthz/live")
        assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)
    await app.state.app_state.database.close()


async def test_without_limits_nothing_is_said(settings: Settings, tenancy: Tenancy) -> None:
    app = limited(settings)
    answer = await caller(app, tenancy.admin.token).get("/v1/me")
    assert answer.status_code == 200
    assert not {"ratelimit", "ratelimit-policy"} & answer.headers.keys()
    await app.state.app_state.database.close()


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("PATCH", 404), ("PUT", 405)])
async def test_refusals_say_what_is_left(settings: Settings, tenancy: Tenancy, method: str, status: int) -> None:
    app = limited(settings, rate_per_principal=5)
    path = "/v1/people/0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f"
    answer = await caller(app, tenancy.admin.token).call(method, path, json={"name": "Name"}, headers={"If-Match": "*"})
    assert answer.status_code == status
    assert ("ratelimit" in answer.headers) == (status == 404)
    await app.state.app_state.database.close()


def test_a_bucket_fills_up_again() -> None:
    now = [0.0]
    buckets = TokenBuckets(burst=2, seconds=10, clock=lambda: now[0])
    spent = [buckets.spend("a") for _ in range(3)]
    assert spent == [(0, 10), (0, 20), (10, 20)]
    assert [buckets.remaining(reset) for _, reset in spent] == [1, 0, 0]
    now[0] = 10
    assert buckets.spend("a") == (0, 20)
    assert buckets.spend("b") == (0, 10)


def test_buckets_are_bounded_and_full_ones_are_dropped() -> None:
    now = [0.0]
    buckets = TokenBuckets(burst=2, seconds=10, most=3, clock=lambda: now[0])
    for number in range(10):
        buckets.spend(number)
    assert len(buckets) == 3
    now[0] = 1_000
    buckets.spend("new")
    assert len(buckets) == 1
