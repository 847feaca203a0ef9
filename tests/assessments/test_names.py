"""An assessment shows its organization and its program by their present names."""

import pytest
from fastapi import FastAPI

from tests.support.actors import Actor, Tenancy
from tests.support.statements import record_statements
from tests.support.team import Team, new_team

OLD = ("North County", "Home visiting")
NEW = ("North County Services", "Home visiting for infants")


@pytest.fixture
async def team(tenancy: Tenancy) -> Team:
    """An assessment in an organization below the owner of its program."""
    county = await tenancy.organization(name="North County")
    made = await new_team(tenancy, county["id"])
    await rename(made, *OLD)
    return made


async def rename(team: Team, organization: str, program: str) -> None:
    admin, assessment = team.tenancy.admin, team.assessment
    implementation = (await admin.get(f"/v1/implementations/{assessment['implementation_id']}")).json()
    for path, name in (
        (f"/v1/organizations/{assessment['organization_id']}", organization),
        (f"/v1/programs/{implementation['program_id']}", program),
    ):
        answer = await admin.patch(path, {"name": name})
        assert answer.status_code == 200, answer.text


async def names(actor: Actor, path: str) -> tuple[str, str]:
    one = (await actor.get(path)).json()
    return one["organization_name"], one["program_name"]


async def test_names_follow_renames_in_reads_and_lists(team: Team, admin: Actor) -> None:
    assert await names(admin, team.path) == OLD
    await rename(team, *NEW)
    assert await names(admin, team.path) == NEW
    assert await admin.items("/v1/assessments") == [(await admin.get(team.path)).json()]


async def test_a_rename_gives_another_etag_and_keeps_the_version(team: Team, admin: Actor) -> None:
    before = await admin.get(team.path)
    await rename(team, *NEW)
    after = await admin.get(team.path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["version"] == before.json()["version"]
    retitled = await admin.patch(team.path, {"title": "Second"}, if_match=before.headers["etag"])
    assert retitled.status_code == 200, retitled.text


async def test_the_holder_of_a_seat_reads_the_names(team: Team) -> None:
    seat = await team.seat("A")
    assert await names(seat, team.path) == OLD


async def test_a_write_answers_with_the_names(team: Team) -> None:
    moved = await team.move("collecting")
    assert (moved["organization_name"], moved["program_name"]) == OLD


async def test_a_viewer_below_reads_the_name_of_a_program_owned_above(team: Team, tenancy: Tenancy) -> None:
    viewer = await tenancy.key(("viewer", team.assessment["organization_id"]))
    assert await names(viewer, team.path) == OLD


@pytest.mark.parametrize("path", ["/v1/assessments", "one of them"])
async def test_names_take_no_statement_of_their_own(team: Team, admin: Actor, app: FastAPI, path: str) -> None:
    await admin.get("/v1/assessments")  # the caller is cached from here on
    with record_statements(app) as statements:
        answer = await admin.get(team.path if path == "one of them" else path)
    assert answer.status_code == 200, answer.text
    assert [sql for sql in statements if "programs" in sql or "organizations" in sql] == [
        sql for sql in statements if "FROM assessments" in sql
    ]
    assert len([sql for sql in statements if "FROM assessments" in sql]) == 1
