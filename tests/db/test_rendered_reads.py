"""What PostgreSQL renders is, byte by byte, what the response models would: by id, in lists, and after a write."""

import json
from typing import Any

import pytest
from pydantic import BaseModel

from app.action_items.schemas import ActionItemChangeRead, ActionItemNoteRead, ActionItemRead
from app.assessments.schemas import AssessmentChangeRead, AssessmentRead
from app.http.responses import to_bytes
from app.organizations.schemas import OrganizationMoveRead, OrganizationRead
from app.people.schemas import FormerEmploymentRead, PersonRead
from app.programs.schemas import ImplementationRead, ProgramRead, StageChangeRead
from tests.support.actors import Actor, Tenancy
from tests.support.team import Team, new_team

ODD = "Ünïcode “quotes” \"'\\ </script> \u2028\u200d 😀 {}[],:% %s $1 :name"
DETAILS = {
    **dict.fromkeys(("employee_number", "position", "department"), ODD),
    "email": "o'brien+x@agency.example",
    "hired_on": "2020-02-29",
    "left_on": "2020-02-29",
    "external_ids": [{"source": "hr", "external_id": ODD}],
}

Made = dict[str, tuple[str, type[BaseModel]]]


@pytest.fixture
async def made(tenancy: Tenancy, admin: Actor) -> Made:
    """Lists with something in them, and the shape of what they hold."""
    site = await tenancy.organization(
        name=ODD,
        staff_count=3,
        external_ids=[{"source": "hr", "external_id": ODD}, {"source": "b", "external_id": "2"}],
    )
    other = await tenancy.organization()
    moved = await admin.post(
        f"/v1/organizations/{site['id']}/move", {"parent_id": other["id"], "reason": ODD}, headers={"If-Match": "*"}
    )
    assert moved.status_code == 200, moved.text
    await admin.move(f"/v1/organizations/{(await tenancy.organization())['id']}", "archived", reason=ODD)
    person = await admin.made("/v1/people", {"organization_id": site["id"], "name": ODD, **DETAILS})
    await admin.patch(f"/v1/people/{person['id']}", {"active": False})
    await admin.patch(f"/v1/people/{person['id']}", {"active": True, "hired_on": "2026-09-01"})
    team: Team = await new_team(tenancy)
    implementation = f"/v1/implementations/{team.assessment['implementation_id']}"
    await admin.move(implementation, "installation", reason=ODD)
    await team.vote_all({"a": [2] * 9, "b": [2] * 9})
    await team.move("consensus")
    await team.move("collecting", reason=ODD)
    item = await admin.made(
        "/v1/action-items",
        {"organization_id": site["id"], "title": ODD, "description": ODD + "\n\t", "practices": ["P1"],
         "owner_id": person["id"], "due_on": "2020-02-29", "effort": "large"},
    )  # fmt: skip
    await admin.made("/v1/action-items", {"organization_id": tenancy.root_id, "title": "Bare", "practices": []})
    await admin.move(f"/v1/action-items/{item['id']}", "open")
    await admin.made(f"/v1/action-items/{item['id']}/notes", {"text": ODD})
    await admin.made("/v1/programs", {"organization_id": site["id"], "name": ODD, "description": ODD})
    return {
        "/v1/action-items": ("/v1/action-items/", ActionItemRead),
        f"/v1/action-items/{item['id']}/notes": ("", ActionItemNoteRead),
        f"/v1/action-items/{item['id']}/history": ("", ActionItemChangeRead),
        "/v1/assessments": ("/v1/assessments/", AssessmentRead),
        f"{team.path}/history": ("", AssessmentChangeRead),
        "/v1/organizations": ("/v1/organizations/", OrganizationRead),
        f"/v1/organizations/{tenancy.root_id}/descendants": ("/v1/organizations/", OrganizationRead),
        f"/v1/organizations/{site['id']}/moves": ("", OrganizationMoveRead),
        "/v1/people": ("/v1/people/", PersonRead),
        f"/v1/people/{person['id']}/former-employments": ("", FormerEmploymentRead),
        "/v1/programs": ("/v1/programs/", ProgramRead),
        "/v1/implementations": ("/v1/implementations/", ImplementationRead),
        f"{implementation}/stages": ("", StageChangeRead),
    }


async def test_lists_and_single_reads_are_what_the_models_would_send(
    tenancy: Tenancy, admin: Actor, made: Made
) -> None:
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    for path, (by_id, shape) in made.items():
        for actor in (admin,) if shape is FormerEmploymentRead else (admin, viewer):
            page = (await actor.get(path)).content
            rows: list[dict[str, Any]] = json.loads(page)["items"]
            assert rows, path
            items = [to_bytes(shape.model_validate(row)) for row in rows]
            assert page.startswith(b'{"items":[' + b",".join(items) + b'],"next_cursor":null,"sync_mark":"'), path
            if by_id:
                assert [(await actor.get(by_id + row["id"])).content for row in rows] == items, path


async def test_a_rehearsed_change_of_nothing_reads_like_what_is_stored(admin: Actor, made: Made) -> None:
    for path, (by_id, shape) in made.items():
        if not by_id or shape is ImplementationRead:
            continue
        for row in (await admin.get(path)).json()["items"]:
            name = "title" if "title" in row else "name"
            rehearsed = await admin.patch(f"{by_id}{row['id']}?dry_run=true", {name: row[name]})
            assert rehearsed.status_code in {200, 409, 423}, rehearsed.text
            if rehearsed.status_code == 200:
                shown = rehearsed.json()
                kept = {key: value for key, value in shown.items() if key not in {"version", "updated_at"}}
                assert kept == {key: row[key] for key in kept}, path
                assert list(shown) == list(row), path


async def test_pages_of_one_join_into_the_whole_list(admin: Actor, made: Made) -> None:
    for path, (_, shape) in made.items():
        orders = ("", "&sort=-updated_at", "&sort=updated_at") if issubclass(shape, ActionItemRead) else ("",)
        for order in orders:
            whole = (await admin.get(f"{path}?limit=200{order}")).json()["items"]
            found, following = [], f"{path}?limit=1{order}"
            while following:
                answer = await admin.get(following)
                found += answer.json()["items"]
                following = answer.links.get("next", {}).get("url", "")
            assert found == whole, path
