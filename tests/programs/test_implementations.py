"""Implementations over HTTP: one organization's use of one program."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.statements import count_statements

JSON = {"Content-Type": "application/json"}


async def program(tenancy: Tenancy, organization_id: str | None = None) -> str:
    body = {"organization_id": organization_id or tenancy.root_id, "name": "Home visiting"}
    return str((await tenancy.admin.made("/v1/programs", body))["id"])


async def implementation(tenancy: Tenancy, organization_id: str | None = None, **fields: Any) -> dict[str, Any]:
    body = {"organization_id": organization_id or tenancy.root_id, **fields}
    body.setdefault("program_id", await program(tenancy))
    return await tenancy.admin.made("/v1/implementations", body)


async def test_an_organization_begins_to_use_a_program_of_its_state(tenancy: Tenancy, admin: Actor) -> None:
    county = await tenancy.organization(kind="county")
    facilitator = await tenancy.key(("facilitator", county["id"]))
    answer = await facilitator.post(
        "/v1/implementations", {"organization_id": county["id"], "program_id": await program(tenancy)}
    )
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["stage"] == "exploration"
    assert made["program_name"] == "Home visiting"
    assert made["allowed_transitions"] == ["installation", "initial_implementation", "full_implementation", "ended"]
    assert answer.headers["location"] == f"/v1/implementations/{made['id']}"
    read = await facilitator.get(answer.headers["location"])
    assert read.json() == made
    assert read.headers["etag"] == answer.headers["etag"]
    assert await admin.items("/v1/implementations") == [made]


async def test_a_program_is_used_once_by_an_organization(tenancy: Tenancy, admin: Actor) -> None:
    made = await implementation(tenancy)
    again = {"organization_id": tenancy.root_id, "program_id": made["program_id"]}
    refused = await admin.post("/v1/implementations", again)
    assert (refused.status_code, refused.json()["code"]) == (409, "implementation_exists")


async def test_of_many_at_once_one_begins(tenancy: Tenancy, admin: Actor) -> None:
    body = {"organization_id": tenancy.root_id, "program_id": await program(tenancy)}
    answers = await asyncio.gather(*(admin.post("/v1/implementations", body) for _ in range(8)))
    codes = sorted(answer.json().get("code", "made") for answer in answers)
    assert codes == ["implementation_exists"] * 7 + ["made"]


async def test_a_program_comes_from_the_organization_or_from_above(tenancy: Tenancy, admin: Actor) -> None:
    county = await tenancy.organization(kind="county")
    site, beside = await tenancy.organization(county["id"]), await tenancy.organization()
    for owner in (tenancy.root_id, county["id"], site["id"]):
        await implementation(tenancy, site["id"], program_id=await program(tenancy, owner))
    for owner in (site["id"], beside["id"]):
        body = {"organization_id": county["id"], "program_id": await program(tenancy, owner)}
        refused = await admin.post("/v1/implementations", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "program_out_of_reach")
        assert refused.json()["errors"][0]["pointer"] == "/body/program_id"


async def test_foreign_missing_and_unseen_programs_answer_alike(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    county, beside = await tenancy.organization(), await tenancy.organization()
    facilitator = await tenancy.key(("facilitator", county["id"]))
    unseen = [str(uuid4()), await program(other_tenancy), await program(tenancy, beside["id"])]
    answers = []
    for program_id in unseen:
        answer = await facilitator.post(
            "/v1/implementations", {"organization_id": county["id"], "program_id": program_id}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_program")
        answers.append({**answer.json(), "request_id": ""})
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["errors"][0]["pointer"] == "/body/program_id"


async def test_an_archived_organization_begins_nothing(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    await admin.move(f"/v1/organizations/{site['id']}", "archived")
    body = {"organization_id": site["id"], "program_id": await program(tenancy)}
    refused = await admin.post("/v1/implementations", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "organization_archived")


async def test_every_stage_is_kept_with_its_date_and_reason(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/implementations/{(await implementation(tenancy, stage='installation'))['id']}"
    forth = await admin.move(path, "full_implementation")
    assert forth.status_code == 200, forth.text
    assert (forth.json()["stage"], forth.json()["version"]) == ("full_implementation", 2)
    unsaid = await admin.move(path, "exploration")
    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "reason_required")
    assert unsaid.json()["errors"][0]["pointer"] == "/body/reason"
    back = await admin.move(path, "initial_implementation", reason="Half of the visitors left.")
    assert back.json()["allowed_transitions"] == ["exploration", "installation", "full_implementation", "ended"]
    kept = (await admin.get(f"{path}/stages")).json()["items"]
    assert [(one["from_stage"], one["to_stage"], one["reason"]) for one in kept] == [
        (None, "installation", None),
        ("installation", "full_implementation", None),
        ("full_implementation", "initial_implementation", "Half of the visitors left."),
    ]
    assert kept[-1]["created_at"] == back.json()["updated_at"]
    me = (await admin.get("/v1/me")).json()
    assert {one["actor_id"] for one in kept} == {me["id"]}


async def test_the_stages_page_both_ways(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/implementations/{(await implementation(tenancy))['id']}"
    for stage in ("installation", "initial_implementation"):
        await admin.move(path, stage)
    kept = [one["id"] for one in (await admin.get(f"{path}/stages")).json()["items"]]
    for sort, expected in (("id", kept), ("-id", kept[::-1])):
        seen, following = [], f"{path}/stages?limit=1&sort={sort}"
        while following:
            answer = await admin.get(following)
            assert answer.status_code == 200, answer.text
            seen += [one["id"] for one in answer.json()["items"]]
            following = answer.links["next"]["url"] if "next" in answer.links else ""
        assert seen == expected
    cursor = (await admin.get(f"{path}/stages?limit=1")).json()["next_cursor"]
    beside = f"/v1/implementations/{(await implementation(tenancy))['id']}"
    refused = await admin.get(f"{beside}/stages", params={"cursor": cursor})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")


async def test_the_present_stage_is_no_move(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/implementations/{(await implementation(tenancy))['id']}"
    refused = await admin.move(path, "exploration", reason="Again")
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    assert refused.json()["allowed"] == ["installation", "initial_implementation", "full_implementation", "ended"]


async def test_a_move_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/implementations/{(await implementation(tenancy))['id']}"
    tag = (await admin.get(path)).headers["etag"]
    without = await admin.post(f"{path}/transitions", {"to": "installation"})
    assert (without.status_code, without.json()["code"]) == (428, "precondition_required")
    assert (await admin.move(path, "installation", if_match=tag)).status_code == 200
    stale = await admin.move(path, "full_implementation", if_match=tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert (await admin.delete(path, if_match=tag)).status_code == 412
    assert (await admin.delete(path, if_match=None)).status_code == 428


async def test_a_stage_cannot_be_patched(tenancy: Tenancy, admin: Actor) -> None:
    answer = await admin.patch(
        f"/v1/implementations/{(await implementation(tenancy))['id']}", {"stage": "installation"}
    )
    assert answer.status_code == 405


async def test_only_what_was_never_assessed_can_be_deleted(tenancy: Tenancy, admin: Actor) -> None:
    assessed, unused = await implementation(tenancy), await implementation(tenancy)
    await admin.move(f"/v1/implementations/{unused['id']}", "installation")
    await admin.made("/v1/assessments", {"implementation_id": assessed["id"], "title": "Baseline"})
    refused = await admin.delete(f"/v1/implementations/{assessed['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    gone = await admin.delete(f"/v1/implementations/{unused['id']}")
    assert gone.status_code == 204, gone.text
    assert (await admin.get(f"/v1/implementations/{unused['id']}")).status_code == 404
    assert (await admin.get(f"/v1/implementations/{unused['id']}/stages")).status_code == 404


async def test_a_viewer_reads_and_changes_nothing(tenancy: Tenancy) -> None:
    made = await implementation(tenancy)
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    path = f"/v1/implementations/{made['id']}"
    assert (await viewer.get(path)).json() == {**made, "allowed_transitions": []}
    body = {"organization_id": tenancy.root_id, "program_id": await program(tenancy)}
    answers = [
        await viewer.post("/v1/implementations", body),
        await viewer.move(path, "installation"),
        await viewer.delete(path),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


async def test_what_the_caller_cannot_see_does_not_exist(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    own = await implementation(tenancy, mine["id"])
    facilitator = await tenancy.key(("facilitator", mine["id"]))
    foreign = [await implementation(tenancy, beside["id"]), await implementation(other_tenancy)]
    for path in (f"/v1/implementations/{one['id']}" for one in foreign):
        answers = [
            await facilitator.get(path),
            await facilitator.get(f"{path}/stages"),
            await facilitator.move(path, "installation"),
            await facilitator.delete(path),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
    listed = (await facilitator.get("/v1/implementations")).json()["items"]
    assert [item["id"] for item in listed] == [own["id"]]
    elsewhere = {"organization_id": beside["id"], "program_id": own["program_id"]}
    assert (await facilitator.post("/v1/implementations", elsewhere)).status_code == 404


async def test_implementations_are_found_by_organization_program_stage_and_change(
    tenancy: Tenancy, admin: Actor
) -> None:
    site = await tenancy.organization()
    first = await implementation(tenancy)
    second = await implementation(tenancy, site["id"], program_id=first["program_id"], stage="installation")
    third = await implementation(tenancy, site["id"])

    async def listed(**params: str) -> list[str]:
        answer = await admin.get("/v1/implementations", params=params)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await listed(organization_id=site["id"]) == [second["id"], third["id"]]
    assert await listed(program_id=first["program_id"]) == [first["id"], second["id"]]
    assert await listed(stage="installation") == [second["id"]]
    assert await listed(stage="exploration", organization_id=site["id"]) == [third["id"]]
    assert await listed(sort="-id") == [third["id"], second["id"], first["id"]]
    moved = (await admin.move(f"/v1/implementations/{first['id']}", "installation")).json()
    assert await listed(sort="updated_at") == [second["id"], third["id"], first["id"]]
    assert await listed(updated_since=moved["updated_at"]) == [first["id"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("program_id", "one"),
        ("program_id", None),
        ("program_id", 10**30),
        ("organization_id", "\x00"),
        ("stage", "sustainment"),
        ("stage", "\ud800"),
        ("stage", 1),
        ("stage", None),
        ("since", "2026-01-01"),
    ],
)
async def test_a_bad_field_is_refused_by_name(tenancy: Tenancy, admin: Actor, field: str, value: Any) -> None:
    body = json.dumps({"organization_id": tenancy.root_id, "program_id": str(uuid4()), field: value})
    answer = await admin.call("POST", "/v1/implementations", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/body/{field}")


@pytest.mark.parametrize("body", [{}, {"to": "final"}, {"to": None}, {"to": "installation", "reason": "\x00"}, [], 1])
async def test_a_bad_move_is_refused(tenancy: Tenancy, admin: Actor, body: Any) -> None:
    path = f"/v1/implementations/{(await implementation(tenancy))['id']}"
    answer = await admin.post(f"{path}/transitions", body, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.usefixtures("marks_known")
async def test_reading_implementations_costs_few_statements(tenancy: Tenancy) -> None:
    made = await implementation(tenancy)
    path = f"/v1/implementations/{made['id']}"
    for asked, most in ((path, 2), ("/v1/implementations", 2), (f"{path}/stages", 3)):
        viewer = await tenancy.key(("viewer", tenancy.root_id))
        assert await count_statements(viewer, tenancy.app, asked) <= most
