"""Scoring profiles that a tenant publishes: data, immutable, hashed."""

import json
from copy import deepcopy
from typing import Any

import pytest

from app.instruments.shipped import shipped_profiles
from app.scoring import content_hash
from tests.support.actors import Actor, Tenancy
from tests.support.team import PRACTICES, new_team


def profile(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(shipped_profiles()[0].document), "key": "north-county", "version": "1.0.0", **changes}


async def test_a_profile_is_published_hashed_and_used(tenancy: Tenancy, admin: Actor) -> None:
    document = profile(weights={"default": 1, "practices": {"P1": 2}})
    made = await admin.post("/v1/scoring-profiles", document)
    assert made.status_code == 201, made.text
    assert made.json()["content_hash"] == content_hash(document)
    read = await admin.get(made.headers["location"])
    assert read.json()["document"] == document
    team = await new_team(tenancy, scoring_profile_id=made.json()["id"])
    await team.move("collecting")
    await team.move("consensus")
    for practice, score in zip(PRACTICES, [2, 1, 1, 2, 0, 1, 2, 1, 1], strict=True):
        await team.consensus(practice, score, "N")
    given = await team.readiness()
    assert (given["readiness"], given["profile"]["content_hash"]) == (65.0, made.json()["content_hash"])


async def test_another_profile_is_looked_at_without_being_taken(tenancy: Tenancy, admin: Actor) -> None:
    document = profile(weights={"default": 1, "practices": {"P1": 2}})
    made = (await admin.post("/v1/scoring-profiles", document)).json()
    team = await new_team(tenancy)
    await team.move("collecting")
    await team.move("consensus")
    for practice, score in zip(PRACTICES, [2, 1, 1, 2, 0, 1, 2, 1, 1], strict=True):
        await team.consensus(practice, score, "N")
    assert (await team.readiness(profile=made["id"]))["readiness"] == 65.0
    assert (await team.readiness())["readiness"] == 61.111111


async def test_a_published_version_stays(admin: Actor) -> None:
    assert (await admin.post("/v1/scoring-profiles", profile())).status_code == 201
    again = await admin.post("/v1/scoring-profiles", profile(max_not_applicable=1))
    assert (again.status_code, again.json()["code"]) == (409, "profile_exists")
    assert (await admin.post("/v1/scoring-profiles", profile(version="1.0.1"))).status_code == 201
    listed = (await admin.get("/v1/scoring-profiles?key=north-county")).json()["items"]
    assert [one["version"] for one in listed] == ["1.0.0", "1.0.1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": {"default": 1, "practices": {"P1": 101}}},
        {"weights": {"default": True, "practices": {}}},
        {"coverage_minimum": "6/5"},
        {"bands": [{"key": "only", "from": 0}]},
        {"bands": [{"key": "a", "from": 0}, {"key": "b", "from": 0}]},
        {"privacy": {"small_cell_k": 2, "small_cell_floor": 3, "comments_k": 10, "organizations_k": 10}},
        {"spec": "fa9/2"},
        {"version": "1"},
        {"title": {}},
        {"colour": "red"},
        {"gates": {"band": "nowhere", "capped_at": "advancing", "refuse": []}},
    ],
)
async def test_a_profile_that_cannot_work_is_refused(admin: Actor, changes: dict[str, Any]) -> None:
    answer = await admin.post("/v1/scoring-profiles", profile(**changes))
    assert answer.status_code == 422, answer.text
    assert (await admin.get("/v1/scoring-profiles?key=north-county")).json()["items"] == []


async def test_shipped_keys_are_reserved_and_only_the_root_s_admin_publishes(tenancy: Tenancy, admin: Actor) -> None:
    taken = await admin.post("/v1/scoring-profiles", profile(key="fa9-default", version="9.0.0"))
    assert (taken.status_code, taken.json()["code"]) == (422, "reserved_key")
    site = await tenancy.organization()
    for actor in (await tenancy.key(("admin", site["id"])), await tenancy.key(("manager", tenancy.root_id))):
        assert (await actor.post("/v1/scoring-profiles", profile())).status_code == 403


async def test_a_dry_run_publishes_nothing(admin: Actor) -> None:
    answer = await admin.post("/v1/scoring-profiles?dry_run=true", profile())
    assert (answer.status_code, json.loads(answer.text)["key"]) == (200, "north-county")
    assert (await admin.post("/v1/scoring-profiles", profile())).status_code == 201
