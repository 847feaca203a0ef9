"""Seats that are withdrawn, and votes of earlier rounds: what counts, and from when."""

from datetime import timedelta

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.ballots import NOW, counted, listed, voting
from tests.support.team import Team, new_team


async def test_the_counts_keep_a_withdrawn_seat_until_the_close(team: Team) -> None:
    await team.seat("C")
    for label in ("A", "C"):
        assert (await team.vote(label, "P1", 1)).status_code == 201
    assert await voting(team) == (3, 2)
    await team.withdraw("B")
    await team.withdraw("C")
    assert await voting(team) == (3, 2)
    await team.move("consensus")
    assert (await voting(team), await counted(team)) == ((1, 1), {"P1": [0, 1, 0, 0, 0]})


async def test_a_seat_withdrawn_before_its_first_close_is_not_revealed(team: Team) -> None:
    for label in ("A", "B"):
        assert (await team.vote(label, "P1", 1)).status_code == 201
    await team.withdraw("B")
    refused(await team.vote("B", "P2", 1), 401, "token_revoked")
    await team.move("consensus")
    assert [vote["participant_id"] for vote in await listed(team, team.seats["Observer"])] == [team.ids["A"]]


@pytest.mark.parametrize("state", ["consensus", "collecting"])
async def test_what_a_close_has_counted_stays_counted(team: Team, state: str) -> None:
    await team.seat("C")
    for label, value in (("A", 0), ("B", 1), ("C", 2)):
        assert (await team.vote(label, "P1", value)).status_code == 201
    await team.move("consensus")
    before = await voting(team), await counted(team), await listed(team, team.seats["Observer"])
    if state == "collecting":
        await team.move("collecting", "Again")
    await team.withdraw("B")
    if state == "collecting":
        await team.move("consensus")
    assert (await voting(team), await counted(team), await listed(team, team.seats["Observer"])) == before


async def test_a_seat_withdrawn_in_a_later_round_keeps_its_revealed_vote_only(team: Team) -> None:
    for label in ("A", "B"):
        assert (await team.vote(label, "P1", 0)).status_code == 201
    await team.move("consensus")
    await team.move("collecting", "Again")
    assert (await team.vote("B", "P1", 2)).status_code == 201
    await team.withdraw("B")
    await team.move("consensus")
    assert await counted(team) == {"P1": [2, 0, 0, 0, 0]}


async def test_who_was_withdrawn_before_a_round_is_not_asked_in_it(team: Team) -> None:
    assert (await team.vote("A", "P1", 0)).status_code == 201
    await team.move("consensus")
    await team.withdraw("B")
    assert await voting(team) == (2, 1)
    await team.move("collecting", "Again")
    assert await voting(team) == (1, 0)


async def test_one_corrected_vote_keeps_the_other_four(tenancy: Tenancy) -> None:
    team = await new_team(tenancy)
    votes = [0, 1, 1, 2, 2]
    await team.vote_all({f"Seat {at}": [value] * 9 for at, value in enumerate(votes)})
    await team.move("consensus")
    await team.move("collecting", "Seat 0 misread P4")
    assert (await team.vote("Seat 0", "P4", 2)).status_code == 201
    await team.move("consensus")
    found = await counted(team)
    assert found.pop("P4") == [0, 2, 3, 0, 0]
    assert set(map(tuple, found.values())) == {(1, 2, 2, 0, 0)}
    practices = {one["code"]: one for one in (await team.readiness())["practices"]}
    assert (practices["P4"]["score"], practices["P3"]["score"]) == (2, 1)


async def test_rounds_reopened_without_a_vote_change_no_figure(tenancy: Tenancy) -> None:
    team = await new_team(tenancy)
    await team.vote_all({"A": [0] * 9, "B": [1] * 9, "C": [2, 2, 2, "dont_know", 2, 2, 2, 2, "not_applicable"]})
    await team.move("consensus")
    before = await team.readiness()
    for _ in range(3):
        await team.move("collecting", "Again")
        await team.move("consensus")
    assert await team.readiness() == before


async def test_whether_a_withdrawal_or_the_close_came_first_is_decided_by_which_waited(
    team: Team, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock(seconds: int) -> None:
        monkeypatch.setattr(team.tenancy.app.state.app_state, "clock", lambda: NOW + timedelta(seconds=seconds))

    for label in ("A", "B"):
        assert (await team.vote(label, "P1", 1)).status_code == 201
    # The close was asked for first, and waited for the withdrawal to be done.
    clock(2)
    assert (await admin.delete(f"{team.path}/participants/{team.ids['B']}")).status_code == 204
    clock(1)
    await team.move("consensus")
    assert await counted(team) == {"P1": [0, 1, 0, 0, 0]}
    # The withdrawal was asked for first, and waited for the close.
    clock(0)
    assert (await admin.delete(f"{team.path}/participants/{team.ids['A']}")).status_code == 204
    assert await counted(team) == {"P1": [0, 1, 0, 0, 0]}
