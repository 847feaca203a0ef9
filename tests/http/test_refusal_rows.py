"""Refused writes in the audit trail: what is beyond the rate, what could not be written, and refused votes."""

from typing import Any

import pytest
from fastapi import FastAPI

from app.db.transaction import Tx
from app.errors import Unavailable
from app.http import refusals
from app.http.token_buckets import TokenBuckets
from tests.support.actors import Actor, Tenancy
from tests.support.audit import trail
from tests.support.team import new_team


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch) -> set[bool]:
    """Which buckets of refusals are empty: those of hidden ones (True), those of open ones (False)."""
    found: set[bool] = set()

    def spend(_buckets: TokenBuckets, key: tuple[Any, bool]) -> tuple[float, float]:
        return (1.0, 1.0) if key[1] in found else (0.0, 1.0)

    monkeypatch.setattr(TokenBuckets, "spend", spend)
    return found


async def details(admin: Actor) -> list[dict[str, Any]]:
    return [row["details"] for row in await trail(admin, outcome="refused")]


async def test_what_was_left_out_is_counted_until_a_row_with_it_is_committed(
    admin: Actor, empty: set[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.add(False)
    await admin.post("/v1/people", {})
    empty.clear()

    async def fail(_tx: Tx) -> None:
        raise Unavailable

    with monkeypatch.context() as failing:
        failing.setattr(Tx, "flush", fail)
        await admin.post("/v1/people", {})
    await admin.post("/v1/people", {})
    assert await details(admin) == [{"status": 422, "left_out": 2}]


async def test_an_open_row_says_nothing_of_refused_votes(tenancy: Tenancy, admin: Actor, empty: set[bool]) -> None:
    team = await new_team(tenancy)
    await team.paper("B")
    await team.move("collecting")
    assert (await team.enter("B", "P1", 1)).status_code == 201
    empty.add(True)
    assert (await team.enter("B", "P1", 2)).json()["code"] == "vote_exists"
    await admin.post("/v1/people", {})
    assert await details(admin) == [{"status": 422}]


async def test_the_callers_that_are_counted_are_bounded(
    tenancy: Tenancy, admin: Actor, empty: set[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "_MOST_COUNTED", 0)
    empty.add(False)
    await admin.post("/v1/people", {})
    empty.clear()
    await admin.post("/v1/people", {})
    assert await details(admin) == [{"status": 422}]


async def test_a_key_from_elsewhere_is_named(tenancy: Tenancy, admin: Actor, app: FastAPI) -> None:
    key = await tenancy.key(("admin", tenancy.root_id), networks=["203.0.113.0/24"])
    assert (await key.post("/v1/people", {})).json()["code"] == "address_not_allowed"
    [row] = await trail(admin, outcome="refused")
    assert (row["code"], row["actor"]["name"], row["operation"]) == ("address_not_allowed", "test key", "createPerson")
