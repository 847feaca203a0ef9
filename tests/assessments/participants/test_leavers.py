"""The seat of a person who has left is closed to them; its votes stay, and it goes to somebody else."""

from typing import Any

import pytest

from tests.support.accounts import problem, set_active
from tests.support.actors import Actor, Tenancy
from tests.support.people import add_person
from tests.support.team import Team, new_team

LEFT = (401, "seat_holder_left")


@pytest.fixture
async def person(tenancy: Tenancy) -> dict[str, Any]:
    return await add_person(tenancy)


@pytest.fixture
async def team(tenancy: Tenancy, person: dict[str, Any]) -> Team:
    """An assessment that collects votes, with a seat of the person that is not claimed yet."""
    made = await new_team(tenancy)
    invited = await made.invited("Own", person_id=person["id"])
    made.assessment["code"] = invited["invitation"]["code"]
    await made.seat("Other")
    code = made.assessment["code"]
    await made.move("collecting")
    made.assessment["code"] = code
    return made


@pytest.fixture
async def seat(team: Team) -> Actor:
    """The holder of the person's seat, who has voted."""
    holder = await team.claim("Own", team.assessment["code"])
    assert (await team.vote("Own", "P1", 2)).status_code == 201
    return holder


def path_of(team: Team) -> str:
    return f"{team.path}/participants/{team.ids['Own']}"


async def test_the_token_of_a_seat_is_refused_while_its_person_is_gone(
    tenancy: Tenancy, person: dict[str, Any], team: Team, seat: Actor
) -> None:
    await set_active(tenancy, person["id"], False)
    assert problem(await team.vote("Own", "P2", 2)) == LEFT
    assert problem(await seat.get(f"{team.path}/readiness")) == LEFT
    await set_active(tenancy, person["id"], True)
    assert (await team.vote("Own", "P2", 2)).status_code == 201


async def test_votes_of_a_person_who_left_are_counted(
    tenancy: Tenancy, person: dict[str, Any], team: Team, seat: Actor
) -> None:
    assert (await team.vote("Other", "P1", 1)).status_code == 201
    await set_active(tenancy, person["id"], False)
    await team.move("consensus")
    answer = await team.seats["Other"].get(f"{team.path}/votes")
    assert sorted(one["value"] for one in answer.json()["items"]) == [1, 2]
    assert problem(await seat.get(f"{team.path}/votes")) == LEFT


async def test_a_person_who_left_claims_no_seat(tenancy: Tenancy, person: dict[str, Any], team: Team) -> None:
    await set_active(tenancy, person["id"], False)
    refused = await tenancy.http.post("/v1/seats/claim", json={"code": team.assessment["code"]})
    assert problem(refused) == (404, "invitation_not_found")


@pytest.mark.usefixtures("seat")
async def test_the_seat_is_given_to_another_person_who_is_invited(
    tenancy: Tenancy, person: dict[str, Any], team: Team
) -> None:
    await set_active(tenancy, person["id"], False)
    assert problem(await tenancy.admin.post(f"{path_of(team)}/invitation")) == (409, "seat_person_left")
    heir = await add_person(tenancy, name="Heir")
    assert (await tenancy.admin.patch(path_of(team), {"person_id": heir["id"]})).status_code == 200
    assert problem(await team.vote("Own", "P1", 1)) == (401, "token_revoked")
    await team.reseat("Own")
    assert (await team.vote("Own", "P1", 1)).status_code == 201
    history = await tenancy.admin.items(f"{path_of(team)}/history")
    assert [one["event"] for one in history] == ["invited", "claimed", "token_revoked", "re_invited", "claimed"]


async def test_a_seat_that_names_nobody_stays_open(tenancy: Tenancy, person: dict[str, Any], team: Team) -> None:
    await set_active(tenancy, person["id"], False)
    assert (await team.vote("Other", "P1", 1)).status_code == 201
