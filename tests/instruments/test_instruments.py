"""Drivers, instruments and scoring profiles over HTTP."""

from uuid import uuid4

import pytest

from app.instruments.shipped import shipped_drivers, shipped_instruments, shipped_profiles
from app.scoring.canonical import content_hash
from tests.support.actors import Actor, Tenancy
from tests.support.statements import count_statements
from tests.support.team import new_team

VERSION = "/v1/instruments/facilitative-administration/versions/1.0.0"


async def profile_path(actor: Actor) -> str:
    return f"/v1/scoring-profiles/{(await actor.get('/v1/scoring-profiles')).json()['items'][0]['id']}"


async def test_the_drivers_come_in_the_catalogues_order(admin: Actor) -> None:
    shipped = shipped_drivers().document["drivers"]
    seen, path = [], "/v1/drivers?limit=3"
    while path:
        answer = await admin.get(path)
        assert answer.status_code == 200, answer.text
        seen += answer.json()["items"]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert [{name: item[name] for name in shipped[0]} for item in seen] == shipped
    backwards = (await admin.get("/v1/drivers?sort=-number")).json()["items"]
    assert backwards == seen[::-1]
    group = (await admin.get("/v1/drivers?group=organization")).json()["items"]
    assert group == [item for item in seen if item["group"] == "organization"]
    assert (await admin.get(f"/v1/drivers/{seen[0]['key']}")).json() == seen[0]


async def test_an_instrument_leads_to_its_versions(admin: Actor) -> None:
    instruments = (await admin.get("/v1/instruments")).json()
    assert [item["key"] for item in instruments["items"]] == ["facilitative-administration"]
    found = instruments["items"][0]
    assert (await admin.get(f"/v1/instruments/{found['key']}")).json() == found
    assert (await admin.get(f"/v1/instruments?driver_key={found['driver_key']}")).json() == instruments
    assert (await admin.get("/v1/instruments?driver_key=training")).json()["items"] == []
    versions = (await admin.get(f"/v1/instruments/{found['key']}/versions")).json()["items"]
    assert [(one["key"], one["version"]) for one in versions] == [(found["key"], "1.0.0")]
    assert set(versions[0]) == {"id", "created_at", "key", "version", "content_hash"}


async def test_a_version_is_the_document_that_its_hash_names(admin: Actor) -> None:
    answer = await admin.get(VERSION)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    shipped = shipped_instruments()[0]
    assert found["document"] == shipped.document
    assert found["content_hash"] == shipped.content_hash == content_hash(found["document"])
    listed = (await admin.get("/v1/instruments/facilitative-administration/versions")).json()["items"]
    assert listed == [{name: value for name, value in found.items() if name != "document"}]


async def test_a_profile_is_the_document_that_its_hash_names(admin: Actor) -> None:
    found = (await admin.get(await profile_path(admin))).json()
    shipped = shipped_profiles()[0]
    assert found["document"] == shipped.document
    assert found["content_hash"] == shipped.content_hash == content_hash(found["document"])
    listed = (await admin.get(f"/v1/scoring-profiles?key={found['key']}")).json()["items"]
    assert listed == [{name: value for name, value in found.items() if name != "document"}]
    assert (await admin.get("/v1/scoring-profiles?key=other")).json()["items"] == []


async def test_what_is_known_is_not_sent_again(admin: Actor) -> None:
    paths = [VERSION, await profile_path(admin), "/v1/drivers/training", "/v1/instruments/facilitative-administration"]
    for path in paths:
        tag = (await admin.get(path)).headers["etag"]
        again = await admin.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    changed = await admin.get(VERSION, headers={"If-None-Match": '"1.0"'})
    assert changed.status_code == 200
    assert changed.headers["etag"] == f'"1.{changed.json()["content_hash"][:32]}"'


async def test_every_caller_of_the_tenant_reads_them(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    team = await new_team(tenancy, site["id"])
    paths = ["/v1/drivers", "/v1/instruments", "/v1/scoring-profiles", VERSION, await profile_path(admin)]
    callers = [
        await tenancy.key(("viewer", site["id"])),
        await tenancy.key(("respondent", site["id"])),
        await tenancy.key(),
        await team.seat("A"),
    ]
    for caller in callers:
        assert [(await caller.get(path)).status_code for path in paths] == [200] * len(paths)
    nobody = Actor(tenancy.http, "fa_nobody")
    assert [(await nobody.get(path)).status_code for path in paths] == [401] * len(paths)


async def test_a_profile_of_another_tenant_does_not_exist(admin: Actor, other_tenancy: Tenancy) -> None:
    missing = await admin.get(f"/v1/scoring-profiles/{uuid4()}")
    foreign = await admin.get(await profile_path(other_tenancy.admin))
    assert (foreign.status_code, missing.status_code) == (404, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/drivers/none",
        "/v1/instruments/none",
        "/v1/instruments/none/versions",
        "/v1/instruments/none/versions/1.0.0",
        "/v1/instruments/facilitative-administration/versions/9.9.9",
    ],
)
async def test_what_is_not_there_is_not_found(admin: Actor, path: str) -> None:
    answer = await admin.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("key", ["%00", "a%00b", "%ED%A0%80", "%FF", "a%0A", "-a", "a" * 101, "%F0%9F%99%82", "%20"])
async def test_an_odd_key_is_refused(admin: Actor, key: str) -> None:
    paths = [
        f"/v1/drivers/{key}",
        f"/v1/instruments/{key}",
        f"/v1/instruments/{key}/versions",
        f"/v1/instruments/facilitative-administration/versions/{key}",
        f"/v1/scoring-profiles/{key}",
        f"/v1/scoring-profiles?key={key}",
        f"/v1/drivers?group={key}",
    ]
    for path in paths:
        answer = await admin.get(path)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), path


async def test_they_cannot_be_written(admin: Actor) -> None:
    for path in (VERSION, await profile_path(admin), "/v1/drivers/training"):
        assert (await admin.patch(path, {"key": "mine"})).status_code == 405
        assert (await admin.delete(path)).status_code == 405


@pytest.mark.usefixtures("marks_known")
async def test_reading_documents_costs_few_statements(tenancy: Tenancy, admin: Actor) -> None:
    paths = [VERSION, await profile_path(admin), "/v1/drivers", "/v1/drivers/training", "/v1/scoring-profiles"]
    for path in paths:
        viewer = await tenancy.key(("viewer", tenancy.root_id))
        assert await count_statements(viewer, tenancy.app, path) <= 2
