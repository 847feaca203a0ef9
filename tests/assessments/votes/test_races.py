"""Requests that meet: in any order the rows are what was answered, and nothing is stored after the end."""

import asyncio
import random
from collections.abc import Awaitable
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from tests.support.actors import Tenancy
from tests.support.answers import outcome
from tests.support.team import PRACTICES, Team, new_team

ROUNDS = 25
SEED = 20261005


@pytest.fixture
def chance() -> random.Random:
    """The same delays in every run."""
    return random.Random(SEED)  # delays, not secrets


async def at_once(chance: random.Random, *requests: Awaitable[httpx.Response]) -> list[httpx.Response]:
    """Send all, each after a few milliseconds at most, and in any order."""

    async def send(request: Awaitable[httpx.Response], delay: float) -> httpx.Response:
        await asyncio.sleep(delay)
        return await request

    answers = await asyncio.gather(*(send(request, chance.uniform(0, 0.004)) for request in requests))
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    return list(answers)


async def finishable(team: Team) -> None:
    """All that the end asks for, as consensus alone."""
    await team.move("collecting")
    await team.move("consensus")
    for practice in PRACTICES:
        assert (await team.consensus(practice, 1, "As agreed.")).status_code == 201
    await team.administration()


async def copies(team: Team, database: asyncpg.Connection, number: int) -> list[str]:
    """Copy an assessment in the database, and return the paths of the copies."""
    made = [uuid4() for _ in range(number)]
    tenant, original = team.tenancy.tenant_id, UUID(team.assessment["id"])
    for table, own, replaced in (
        ("assessments", "id", "jsonb_build_object('id', made)"),
        ("consensus", "assessment_id", "jsonb_build_object('id', gen_random_uuid(), 'assessment_id', made)"),
        (
            "administration_records",
            "assessment_id",
            "jsonb_build_object('id', gen_random_uuid(), 'assessment_id', made)",
        ),
    ):
        await database.execute(
            f"insert into {table} select (jsonb_populate_record(t, {replaced})).*"
            f" from {table} t cross join unnest($3::uuid[]) made where t.tenant_id = $1 and t.{own} = $2",
            tenant,
            original,
            made,
        )
    return [f"/v1/assessments/{one}" for one in made]


async def test_a_vote_meets_the_close_and_is_counted_or_refused(
    tenancy: Tenancy, database: asyncpg.Connection, chance: random.Random
) -> None:
    team = await new_team(tenancy)
    labels = ["A", "B", "C", "D"]
    for label in labels:
        await team.seat(label)
    await team.move("collecting")
    place = (tenancy.tenant_id, UUID(team.assessment["id"]))
    of_round = "from votes where tenant_id = $1 and assessment_id = $2 and round = $3"
    outcomes: dict[tuple[int, str | None], int] = {}
    counted: set[str] = set()
    for number in range(1, ROUNDS + 1):
        at_the_close = -1

        async def close(round_: int = number) -> httpx.Response:
            nonlocal at_the_close
            answer = await tenancy.admin.move(team.path, "consensus")
            at_the_close = await database.fetchval(f"select count(*) {of_round}", *place, round_)
            return answer

        *votes, closed = await at_once(chance, *(team.vote(label, "P1", 2) for label in labels), close())
        assert closed.status_code == 200, closed.text
        cast = {label for label, vote in zip(labels, votes, strict=True) if vote.status_code == 201}
        for vote in votes:
            outcomes[outcome(vote)] = outcomes.get(outcome(vote), 0) + 1
        stored = await database.fetch(f"select participant_id::text {of_round}", *place, number)
        assert sorted(row[0] for row in stored) == sorted(team.ids[label] for label in cast), f"seed {SEED}"
        assert len(cast) == at_the_close, f"a vote landed behind the close; seed {SEED}, round {number}"
        # A reveal counts every vote that was acknowledged, in this round or before.
        counted |= cast
        given = await team.readiness()
        if counted:
            assert given["practices"][0]["votes"]["in_place"] == len(counted), f"seed {SEED}, round {number}"
        reopened = await tenancy.admin.move(team.path, "collecting", reason="Again")
        assert reopened.json()["round"] == number + 1
    assert outcomes.keys() <= {(201, None), (409, "voting_closed")}
    assert len(outcomes) == 2, f"the race was never met both ways: {outcomes}, seed {SEED}"


async def test_of_equal_votes_at_once_one_is_cast(
    tenancy: Tenancy, database: asyncpg.Connection, chance: random.Random
) -> None:
    team = await new_team(tenancy)
    labels = ["A", "B", "C"]
    for label in labels:
        await team.seat(label)
    await team.move("collecting")
    places = [(label, practice) for label in labels for practice in PRACTICES][:ROUNDS]
    for label, practice in places:
        path = f"{team.path}/votes/{team.ids[label]}/{practice}"
        answers = await at_once(
            chance,
            *(team.seats[label].put(path, {"value": value}) for value in (0, 1, 2, "dont_know")),
        )
        assert sorted(map(outcome, answers)) == [(201, None)] + [(409, "vote_exists")] * 3, f"seed {SEED}"
        (winner,) = [answer.json() for answer in answers if answer.is_success]
        (row,) = await database.fetch(
            "select id, value, version from votes where tenant_id = $1 and participant_id = $2 and practice = $3",
            tenancy.tenant_id,
            UUID(team.ids[label]),
            practice,
        )
        assert (str(row["id"]), row["value"], row["version"]) == (winner["id"], str(winner["value"]), 1)


async def test_of_replacements_from_one_version_one_is_made(
    tenancy: Tenancy, database: asyncpg.Connection, chance: random.Random
) -> None:
    team = await new_team(tenancy)
    await team.seat("A")
    await team.move("collecting")
    tag = (await team.vote("A", "P1", 0)).headers["etag"]
    stored: int | str = 0
    for number in range(2, ROUNDS + 2):
        # Not the stored value: a replacement by the same would leave the version as it is.
        others = [value for value in (0, 1, 2, "dont_know") if value != stored]
        answers = await at_once(chance, *(team.vote("A", "P1", value, headers={"If-Match": tag}) for value in others))
        assert sorted(map(outcome, answers)) == [(200, None)] + [(412, "precondition_failed")] * 2, f"seed {SEED}"
        (winner,) = [answer for answer in answers if answer.is_success]
        tag, stored = winner.headers["etag"], winner.json()["value"]
        row = await database.fetchrow(
            "select value, version from votes where tenant_id = $1 and participant_id = $2",
            tenancy.tenant_id,
            UUID(team.ids["A"]),
        )
        assert tuple(row) == (str(winner.json()["value"]), number)


async def test_a_consensus_meets_the_end_and_is_part_of_it_or_refused(
    tenancy: Tenancy, database: asyncpg.Connection, chance: random.Random
) -> None:
    team = await new_team(tenancy)
    await finishable(team)
    outcomes: set[tuple[int, str | None]] = set()
    for path in await copies(team, database, ROUNDS):
        changed, removed, final = await at_once(
            chance,
            tenancy.admin.put(f"{path}/consensus/P1", {"value": 2, "note": "New"}, headers={"If-Match": "*"}),
            tenancy.admin.delete(f"{path}/consensus/P2"),
            tenancy.admin.move(path, "final"),
        )
        state, closed = await database.fetchrow(
            "select state, finalized_at from assessments where tenant_id = $1 and id = $2",
            tenancy.tenant_id,
            UUID(path.rpartition("/")[2]),
        )
        rows = await database.fetch(
            "select practice, value from consensus where tenant_id = $1 and assessment_id = $2",
            tenancy.tenant_id,
            UUID(path.rpartition("/")[2]),
        )
        agreed: dict[str, str] = {row["practice"]: row["value"] for row in rows}
        assert agreed["P1"] == ("2" if changed.is_success else "1"), f"seed {SEED}"
        assert ("P2" in agreed) != removed.is_success
        # Nothing is final without the consensus it was found complete with.
        assert (state == "final") == final.is_success == (closed is not None) == ("P2" in agreed), f"seed {SEED}"
        outcomes |= {outcome(changed), outcome(final)}
        assert outcome(removed) in {(204, None), (423, "frozen")}
    assert outcomes <= {(200, None), (423, "frozen"), (409, "unscored_practice")}


async def test_of_two_ends_at_once_one_is_made(
    tenancy: Tenancy, database: asyncpg.Connection, chance: random.Random
) -> None:
    team = await new_team(tenancy)
    await finishable(team)
    for path in await copies(team, database, ROUNDS):
        tag = (await tenancy.admin.get(path)).headers["etag"]
        answers = await at_once(
            chance,
            tenancy.admin.move(path, "final"),
            tenancy.admin.move(path, "final", if_match=tag),
            tenancy.admin.move(path, "void", reason="Because"),
        )
        assert [answer.status_code for answer in answers].count(200) == 1, f"seed {SEED}"
        assert {outcome(answer) for answer in answers} <= {
            (200, None),
            (409, "invalid_transition"),
            (412, "precondition_failed"),
        }
        moves = await database.fetch(
            "select to_state from assessment_changes where tenant_id = $1 and assessment_id = $2",
            tenancy.tenant_id,
            UUID(path.rpartition("/")[2]),
        )
        events = await database.fetchval(
            "select count(*) from audit_events where tenant_id = $1 and subject_id = $2 and outcome = 'done'",
            tenancy.tenant_id,
            UUID(path.rpartition("/")[2]),
        )
        state = (await tenancy.admin.get(path)).json()["state"]
        assert [row["to_state"] for row in moves] == [state]
        assert events == 1


async def test_a_vote_meets_its_seats_withdrawal(
    tenancy: Tenancy, database: asyncpg.Connection, chance: random.Random
) -> None:
    team = await new_team(tenancy)
    await team.move("collecting")
    outcomes: set[tuple[int, str | None]] = set()
    for number in range(ROUNDS):
        label = f"Seat {number}"
        await team.seat(label)
        await team.seats[label].get(team.path)  # The token is remembered, so that the vote meets the seat itself.
        vote, other, gone = await at_once(
            chance,
            team.vote(label, "P1", 1),
            team.vote(label, "P2", 1),
            tenancy.admin.delete(f"{team.path}/participants/{team.ids[label]}"),
        )
        assert gone.status_code == 204
        rows = await database.fetch(
            "select practice from votes where tenant_id = $1 and participant_id = $2",
            tenancy.tenant_id,
            UUID(team.ids[label]),
        )
        cast = [practice for practice, answer in (("P1", vote), ("P2", other)) if answer.status_code == 201]
        assert sorted(row["practice"] for row in rows) == cast, f"seed {SEED}"
        outcomes |= {outcome(vote), outcome(other)}
    assert outcomes <= {(201, None), (409, "seat_withdrawn"), (401, "token_revoked")}
    await team.move("consensus")
    given = await team.readiness()
    assert (given["voting"]["invited"], given["voting"]["voted"]) == (0, 0)


async def test_a_withdrawal_meets_the_close_and_the_count_says_which_came_first(
    tenancy: Tenancy, database: asyncpg.Connection, chance: random.Random
) -> None:
    team = await new_team(tenancy)
    await team.seat("Stays")
    await team.move("collecting")
    counted = 0
    for number in range(ROUNDS):
        label = f"Seat {number}"
        await team.seat(label)
        for seat in ("Stays", label):
            assert (await team.vote(seat, "P1", 1)).status_code == 201
        gone, close = await at_once(
            chance,
            tenancy.admin.delete(f"{team.path}/participants/{team.ids[label]}"),
            tenancy.admin.move(team.path, "consensus"),
        )
        assert (gone.status_code, close.status_code) == (204, 200)
        counted += await database.fetchval(
            "select (counted_round >= first_round)::int from participants where tenant_id = $1 and id = $2",
            tenancy.tenant_id,
            UUID(team.ids[label]),
        )
        voting = (await team.readiness())["voting"]
        assert voting["voted"] == voting["invited"] == 1 + counted
        await tenancy.admin.move(team.path, "collecting", reason="Again")
