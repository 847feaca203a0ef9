"""Sealed means sealed: every key role and every seat tries everything, in every state of the votes.

Two teams go the same way and differ in one thing: in one, the hidden seat has voted under its first claim. Until the
close, no onlooker may see a difference: not by a read, a refusal, a count, an ETag, a rehearsal or an instant.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.actors import Actor, Tenancy
from tests.support.team import PRACTICES, Team, new_team

NOW = datetime(2026, 10, 5, 13, tzinfo=UTC)
ROLES = ["viewer", "respondent", "facilitator", "manager", "integrator", "admin"]
MARK = "only-the-team-may-read-this"
_VARIES = re.compile(
    r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|"input_hash":"\w+"|"next_cursor":"[^"]+"|Program [0-9a-f]{6}'
    r'|"request_id": ?"[^"]*"|\d{4}-\d\d-\d\dT[0-9:.]+Z|"code":"[0-9A-Z]{10}"|fs_\w+-?\w*'
)


def masked(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Return an answer without ids, instants and secrets, and the version in its ETag."""
    tag = answer.headers.get("etag")
    return answer.status_code, _VARIES.sub("", answer.text), tag and tag.partition(".")[0]


async def seated(tenancy: Tenancy) -> Team:
    """Make a team in a draft: seats that stay, one that hides, one on paper, an observer."""
    team = await new_team(tenancy)
    for label in ("Hidden", "A", "B"):
        await team.seat(label)
    await team.paper("Paper")
    await team.seat("Observer", seat="observer")
    return team


async def keys_of(tenancy: Tenancy) -> dict[str, Actor]:
    return {role: await tenancy.key((role, tenancy.root_id)) for role in ROLES}


async def reads(team: Team, actor: Actor) -> list[tuple[str, Any]]:
    """Return the masked answer of every GET route about this assessment."""
    known = {
        "assessment_id": team.assessment["id"],
        "participant_id": team.ids["Hidden"],
        "organization_id": team.tenancy.root_id,
        "implementation_id": team.assessment["implementation_id"],
        "practice": "P1",
    }
    found = []
    for template, operations in team.tenancy.app.openapi()["paths"].items():
        if "get" in operations and template.startswith("/v1/") and "assessment" in template:
            path = re.sub(r"{(\w+)}", lambda name: known.get(name[1], str(team.tenancy.tenant_id)), template)
            found.append((template, masked(await actor.get(path))))
    return found


def attempts(team: Team) -> list[tuple[str, str, Any, dict[str, str]]]:
    """Return every write that could touch or show the hidden seat's vote, under every condition."""
    hidden, paper = team.ids["Hidden"], team.ids["Paper"]
    vote, seat = f"{team.path}/votes/{hidden}/P1", f"{team.path}/participants/{hidden}"
    many = [
        {"participant_id": paper, "practice": "P2", "value": 1},
        {"participant_id": hidden, "practice": "P1", "value": 1},
    ]
    conditions: list[dict[str, str]] = [{}, {"If-Match": "*"}, {"If-Match": '"1.0"'}, {"If-None-Match": "*"}]
    found: list[tuple[str, str, Any, dict[str, str]]] = [("PUT", vote, {"value": 1}, headers) for headers in conditions]
    found += [("PATCH", f"{team.path}/votes", {"votes": many}, {})]
    found += [("PATCH", f"{team.path}/votes", {"votes": [{**one, "version": 1} for one in many]}, {})]
    found += [
        ("PATCH", seat, change, {"If-Match": "*"})
        for change in ({"seat": "observer"}, {"perspective": "hr"}, {"channel": "paper"}, {"person_id": None})
    ]
    found += [("DELETE", seat, None, {"If-Match": "*"}), ("POST", f"{seat}/invitation", None, {})]
    found += [("DELETE", f"{seat}/token", None, {}), ("PUT", f"{team.path}/consensus/P1", {"value": 1}, {})]
    transitions = f"{team.path}/transitions"
    found += [("POST", transitions, {"to": to, "reason": "R"}, {"If-Match": "*"}) for to in ("final", "void")]
    return found


async def rehearsals(team: Team, actor: Actor) -> list[tuple[str, Any]]:
    """Return the masked answer to a dry run of each attempt."""
    found = []
    for method, path, body, headers in attempts(team):
        sent = {} if body is None else {"json": body}
        answer = await actor.call(method, f"{path}?dry_run=true", headers=headers, **sent)
        assert answer.status_code < 500, answer.text
        found.append((f"{method} {_VARIES.sub('', path)} {headers}", masked(answer)))
    return found


@pytest.fixture(scope="module")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


async def look(team: Team) -> dict[str, Any]:
    """Return all that every onlooker can see and try, the hidden seat's own holder excepted."""
    onlookers = await keys_of(team.tenancy) | {label: team.seats[label] for label in ("A", "Observer")}
    return {who: (await reads(team, actor), await rehearsals(team, actor)) for who, actor in onlookers.items()}


async def of_both(
    tenancies: tuple[Tenancy, Tenancy], then: Any, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """Return what is seen where the hidden seat has voted under its first claim, and where it has not.

    In the second team seat B votes instead, so that the counts are equal and only the voter differs.
    """
    monkeypatch.setattr(tenancies[0].app.state.app_state, "clock", lambda: NOW)
    seen = []
    for tenancy, voter in zip(tenancies, ("Hidden", "B"), strict=True):
        team = await seated(tenancy)
        await team.move("collecting")
        assert (await team.vote(voter, "P1", 2)).status_code == 201
        await then(team)
        seen.append(await look(team))
    return seen


async def nothing(_team: Team) -> None:
    """The seat goes on as it was."""


async def withdrawn(team: Team) -> None:
    """The hidden seat is withdrawn."""
    await team.withdraw("Hidden")


async def invited_again(team: Team) -> None:
    """The hidden seat is invited again, and nobody has claimed it yet."""
    await team.invite_again("Hidden")


async def claimed_anew(team: Team) -> None:
    """Invite to the hidden seat again, claim it and vote."""
    await team.reseat("Hidden")
    answer = await team.vote("Hidden", "P1", 0)
    assert (answer.status_code, answer.json()["version"]) == (201, 1)


async def voided(team: Team) -> None:
    """The assessment is void before the close, and stays sealed for good."""
    await team.move("void", "Because")


@pytest.mark.parametrize("then", [nothing, withdrawn, invited_again, claimed_anew, voided])
async def test_nobody_can_tell_who_has_voted_before_the_close(
    tenancy: Tenancy, other_tenancy: Tenancy, then: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    voted, not_voted = await of_both((tenancy, other_tenancy), then, monkeypatch)
    for who, (read, tried) in voted.items():
        assert read == not_voted[who][0], who
        assert tried == not_voted[who][1], who


async def test_a_new_claim_finds_the_same_whether_the_former_one_has_voted(
    tenancy: Tenancy, other_tenancy: Tenancy
) -> None:
    seen = []
    for at, has_voted in ((tenancy, True), (other_tenancy, False)):
        team = await seated(at)
        await team.move("collecting")
        if has_voted:
            assert (await team.vote("Hidden", "P1", 2)).status_code == 201
        own = await team.reseat("Hidden")
        path = f"{team.path}/votes/{team.ids['Hidden']}/P1"
        answers = [await own.get(f"{team.path}/votes")]
        for value, headers in enumerate(({"If-Match": "*"}, {"If-Match": '"1.0"'}, {}, {}, {"If-Match": '"1.0"'})):
            answers.append(await own.put(path, {"value": value % 3}, headers=headers))
        answers.append(await own.get(f"{team.path}/votes"))
        seen.append([masked(answer) for answer in answers])
    assert seen[0] == seen[1]
    assert [status for status, _, _ in seen[0]] == [200, 412, 412, 201, 409, 200, 200]


async def test_what_a_former_claim_cast_counts_and_cannot_be_replaced(tenancy: Tenancy) -> None:
    team = await seated(tenancy)
    await team.move("collecting")
    assert (await team.vote("Hidden", "P1", 2)).status_code == 201
    await team.reseat("Hidden")
    for practice in ("P1", "P2"):
        assert (await team.vote("Hidden", practice, 0)).status_code == 201
    # The new claim's votes enter no count before the close.
    assert (await team.readiness())["voting"]["voted"] == 1
    await team.move("consensus")
    votes = {one["code"]: one["votes"] for one in (await team.readiness())["practices"]}
    assert (votes["P1"]["in_place"], votes["P1"]["not_in_place"]) == (1, 0)
    assert (votes["P2"]["in_place"], votes["P2"]["not_in_place"]) == (0, 1)


async def test_nor_is_it_replaced_in_a_later_round(tenancy: Tenancy) -> None:
    team = await seated(tenancy)
    await team.move("collecting")
    assert (await team.vote("Hidden", "P1", 2)).status_code == 201
    await team.move("consensus")
    before = (await team.readiness())["practices"][0]
    await team.reseat("Hidden")
    await team.move("collecting", "Again")
    assert (await team.vote("Hidden", "P1", 0)).status_code == 201
    await team.move("consensus")
    assert (await team.readiness())["practices"][0] == before


async def revealed(team: Team, *, final: bool) -> None:
    """Votes of everybody with a comment, the close, and the end if wanted."""
    for label in ("Hidden", "A", "B"):
        for practice in PRACTICES:
            path = f"{team.path}/votes/{team.ids[label]}/{practice}"
            answer = await team.seats[label].put(path, {"value": 2, "comment": f"{MARK} {label}"})
            assert answer.status_code == 201
    await team.move("consensus")
    if final:
        await team.administration()
        await team.move("final")


@pytest.mark.parametrize("final", [False, True])
async def test_a_reveal_is_opened_by_the_claims_before_it_only(tenancy: Tenancy, final: bool) -> None:
    team = await seated(tenancy)
    await team.move("collecting")
    await team.invited("Unclaimed", seat="observer")
    await revealed(team, final=final)
    for label in ("A", "Hidden", "Observer"):
        listed = (await team.seats[label].get(f"{team.path}/votes?limit=200")).json()["items"]
        assert len(listed) == 27, label
    if not final:
        await team.seat("New observer", seat="observer")
    for label in ("Unclaimed", "Hidden", "Observer"):
        await team.reseat(label)
    late = [label for label in ("Unclaimed", "Hidden", "Observer", "New observer") if label in team.seats]
    for label in late:
        answer = await team.seats[label].get(f"{team.path}/votes")
        assert (answer.status_code, answer.json()["items"]) == (200, []), label
        for template, (_, text, _) in await reads(team, team.seats[label]):
            assert MARK not in text, (label, template)
    # Practice-level figures are shown to them as to everybody.
    assert (await team.readiness(team.seats["Hidden"]))["practices"][0]["votes"]["in_place"] == 3


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", ["collecting", "consensus", "final"])
async def test_no_key_opens_a_vote_in_any_state(tenancy: Tenancy, role: str, state: str) -> None:
    team = await seated(tenancy)
    await team.move("collecting")
    if state == "collecting":
        path = f"{team.path}/votes/{team.ids['Hidden']}/P1"
        assert (await team.seats["Hidden"].put(path, {"value": 2, "comment": MARK})).status_code == 201
    else:
        await revealed(team, final=state == "final")
    key = await tenancy.key((role, tenancy.root_id))
    for template, (status, text, _) in [*await reads(team, key), *await rehearsals(team, key)]:
        assert MARK not in text, template
        assert status != 200 or not template.endswith("/votes"), template


async def test_a_later_claim_sees_the_reveals_it_was_there_for(tenancy: Tenancy) -> None:
    team = await seated(tenancy)
    await team.move("collecting")
    await revealed(team, final=False)
    await team.move("collecting", "Again")
    await team.reseat("Hidden")
    for label in ("A", "B", "Hidden"):
        assert (await team.vote(label, "P1", 1)).status_code == 201
    await team.move("consensus")
    listed = (await team.seats["Hidden"].get(f"{team.path}/votes")).json()["items"]
    assert {(vote["participant_id"], vote["round"]) for vote in listed} == {
        (team.ids[label], 2) for label in ("A", "B", "Hidden")
    }
    # To the others, the vote of the new claim is not among what the reveal counted.
    others = (await team.seats["A"].get(f"{team.path}/votes?round=2")).json()["items"]
    assert {vote["participant_id"] for vote in others} == {team.ids["A"], team.ids["B"]}
