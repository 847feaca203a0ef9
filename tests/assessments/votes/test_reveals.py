"""What a reveal shows and to whom: the votes it counted, once, and never the difference of one ballot."""

import asyncio
from typing import Any

import asyncpg

from tests.support.actors import Actor, Tenancy
from tests.support.team import PRACTICES, Team, new_team


async def seated(tenancy: Tenancy, *labels: str) -> Team:
    """Make a team whose seats are claimed and may vote."""
    team = await new_team(tenancy)
    for label in labels:
        await team.seat(label)
    await team.move("collecting")
    return team


async def next_round(team: Team) -> None:
    await team.move("consensus")
    await team.move("collecting", "Another round")


async def votes_of(actor: Actor, team: Team, **params: Any) -> dict[str, Any]:
    answer = await actor.get(f"{team.path}/votes", params={"limit": 200, **params})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def ballots(team: Team) -> list[Any]:
    """Return the released votes of every practice."""
    return [practice["votes"] for practice in (await team.readiness())["practices"]]


async def test_a_key_never_waits_for_the_vote_of_a_token_seat(tenancy: Tenancy, database: asyncpg.Connection) -> None:
    team = await seated(tenancy, "Hidden", "A", "B")
    assert (await team.vote("Hidden", "P1", 2)).status_code == 201
    async with database.transaction():
        await database.execute("select from votes where participant_id = $1 for update", team.ids["Hidden"])
        answer = await asyncio.wait_for(team.enter("Hidden", "P1", 1), 60)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_paper_seat")


async def test_a_sealed_ballot_of_a_withdrawn_seat_never_enters_the_figures(tenancy: Tenancy) -> None:
    # Round 1 ends without a vote, so that the seat stays among those invited after its withdrawal.
    team = await seated(tenancy, "Hidden", "A", "B")
    await next_round(team)
    await team.vote_all({label: [2] * 9 for label in ("Hidden", "A", "B")})
    await team.withdraw("Hidden")
    await team.move("consensus")
    assert [votes["in_place"] for votes in await ballots(team)] == [2] * 9


async def paper_team(tenancy: Tenancy) -> Team:
    """Make a team in the next round, with three paper seats whose ballots on P1 a close has counted."""
    team = await new_team(tenancy)
    for label in ("A", "B", "C"):
        await team.paper(label)
    await team.move("collecting")
    for label in ("A", "B", "C"):
        assert (await team.enter(label, "P1", 2)).status_code == 201
    await next_round(team)
    return team


async def test_the_key_that_entered_a_paper_ballot_corrects_it_in_a_later_round(tenancy: Tenancy) -> None:
    team = await paper_team(tenancy)
    assert (await team.enter("A", "P1", 0)).status_code == 201
    assert (await team.enter("A", "P1", 0)).status_code == 200
    await team.move("consensus")
    [first, *_] = await ballots(team)
    assert (first["in_place"], first["not_in_place"]) == (2, 1)


async def test_another_key_cannot_replace_a_counted_paper_ballot(tenancy: Tenancy) -> None:
    team = await paper_team(tenancy)
    other = await tenancy.key(("facilitator", tenancy.root_id))
    answers = [
        await other.put(f"{team.path}/votes/{team.ids['A']}/{practice}", {"value": 0}) for practice in ("P1", "P2")
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    await team.move("consensus")
    first, second, *_ = await ballots(team)
    assert (first["in_place"], first["not_in_place"]) == (3, 0)
    # A practice on which the seat has no counted vote yet takes the later ballot.
    assert (second["in_place"], second["not_in_place"]) == (0, 1)


async def test_a_later_claim_never_sees_what_a_former_claim_of_its_seat_cast(tenancy: Tenancy) -> None:
    team = await seated(tenancy, "Hidden", "A", "B")
    for label in ("Hidden", "A"):
        assert (await team.vote(label, "P1", 2)).status_code == 201
    claimant = await team.reseat("Hidden")
    assert (await team.vote("Hidden", "P2", 1)).status_code == 201
    await team.move("consensus")
    seen = (await votes_of(claimant, team))["items"]
    assert {(vote["participant_id"], vote["practice"]) for vote in seen} == {
        (team.ids["A"], "P1"),
        (team.ids["Hidden"], "P2"),
    }


async def test_a_seat_that_follows_the_votes_sees_each_once_they_are_revealed(tenancy: Tenancy) -> None:
    team = await seated(tenancy, "A", "B")
    for practice in PRACTICES[:2]:
        assert (await team.vote("B", practice, 2)).status_code == 201
    sealed = await votes_of(team.seats["A"], team)
    await team.move("consensus")
    closed_at = team.assessment["closed_at"]
    seen = await votes_of(team.seats["A"], team, updated_since=closed_at)
    assert sealed["items"] == []
    assert sorted(vote["practice"] for vote in seen["items"]) == ["P1", "P2"]


async def test_a_reveal_changes_nothing_about_the_seats_own_votes(tenancy: Tenancy) -> None:
    team = await seated(tenancy, "A", "B")
    for label in ("A", "B"):
        assert (await team.vote(label, "P1", 2)).status_code == 201
    await team.move("consensus")
    closed_at = team.assessment["closed_at"]
    for label, other in (("A", "B"), ("B", "A")):
        seen = (await votes_of(team.seats[label], team, updated_since=closed_at))["items"]
        assert [vote["participant_id"] for vote in seen] == [team.ids[other]]
