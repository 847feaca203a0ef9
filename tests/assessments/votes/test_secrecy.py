"""Sealed votes: nobody but their seat reads them, and nothing before the close depends on them."""

import re

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.ballots import COMMENT, NOW, counted, if_match, listed, place
from tests.support.feed import seal
from tests.support.team import Team, new_team


async def test_after_the_close_the_team_sees_all_votes_and_no_key_does(team: Team, tenancy: Tenancy) -> None:
    for label, value in (("A", 2), ("B", "dont_know")):
        answer = await team.seats[label].put(place(team, label), {"value": value, "comment": f"{COMMENT} {label}"})
        assert answer.status_code == 201
    for label, other in (("A", "B"), ("B", "A")):
        assert [vote["participant_id"] for vote in await listed(team, team.seats[label])] == [team.ids[label]]
        assert await listed(team, team.seats[label], participant_id=team.ids[other]) == []
    assert await listed(team, team.seats["Observer"]) == []
    await team.move("consensus")
    seen = await listed(team, team.seats["A"])
    assert [(vote["participant_id"], vote["value"], vote["comment"]) for vote in seen] == [
        (team.ids["A"], 2, f"{COMMENT} A"),
        (team.ids["B"], "dont_know", f"{COMMENT} B"),
    ]
    assert await listed(team, team.seats["B"]) == await listed(team, team.seats["Observer"]) == seen
    assert await listed(team, team.seats["B"], practice="P2") == []
    assert await listed(team, team.seats["B"], round=1, practice="P1", participant_id=team.ids["A"]) == seen[:1]
    for role in ("viewer", "respondent", "facilitator", "manager", "integrator", "admin"):
        key = await tenancy.key((role, tenancy.root_id))
        answer = await key.get(f"{team.path}/votes")
        # A bare respondent sees no organization at all.
        refused(answer, *((404, "not_found") if role == "respondent" else (403, "forbidden")))


async def test_readiness_names_no_respondent(team: Team, admin: Actor) -> None:
    await team.vote("A", "P1", 2)
    await team.seats["B"].put(place(team, "B"), {"value": 0, "comment": COMMENT})
    for state in ("collecting", "consensus"):
        for actor in (admin, team.seats["A"]):
            text = (await actor.get(f"{team.path}/readiness")).text
            assert COMMENT not in text
            assert not any(seat in text for seat in team.ids.values())
        if state == "collecting":
            await team.move("consensus")


#: Callers who may not know a value look at everything there is, with one value cast, and again with another.
HIDDEN: tuple[int | str, int | str] = (2, "not_applicable")


async def everything(team: Team, actor: Actor) -> dict[str, tuple[int, bytes, str | None]]:
    """Return the answer of every GET route about this assessment: status, body, ETag."""
    known = {
        "assessment_id": team.assessment["id"],
        "organization_id": team.assessment["organization_id"],
        "implementation_id": team.assessment["implementation_id"],
        "participant_id": team.ids["A"],
        "practice": "P1",
    }
    found = {}
    await seal(team.tenancy)
    for template, operations in team.tenancy.app.openapi()["paths"].items():
        if "get" in operations and template.startswith("/v1/"):
            path = re.sub(r"{(\w+)}", lambda name: known.get(name[1], str(team.tenancy.tenant_id)), template)
            answer = await actor.get(path, headers={"X-Request-Id": "look"})
            # A place in the feed is encrypted anew each time.
            body = re.sub(rb'"next_after":"[^"]+"', b"", answer.content)
            found[template] = (answer.status_code, body, answer.headers.get("etag"))
    assert found["/v1/assessments/{assessment_id}/readiness"][0] == 200
    return found


async def onlookers(team: Team) -> dict[str, Actor]:
    """Everybody who can see the assessment, but the owner of the vote."""
    facilitator = await team.tenancy.key(("facilitator", team.tenancy.root_id))
    seats = {label: actor for label, actor in team.seats.items() if label != "A"}
    return {"admin": team.tenancy.admin, "facilitator": facilitator, **seats}


async def test_replacing_a_sealed_vote_changes_not_one_byte_for_anyone_else(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team.tenancy.app.state.app_state, "clock", lambda: NOW)
    assert (await team.vote("A", "P1", HIDDEN[0])).status_code == 201
    others = await onlookers(team)
    before = {who: await everything(team, actor) for who, actor in others.items()}
    assert (await team.vote("A", "P1", HIDDEN[1], **if_match("*"))).status_code == 200
    for who, actor in others.items():
        assert await everything(team, actor) == before[who]


_OF_ONE_TENANT = (
    r'"(?:input_hash|request_id)":"[\w-]+"|"next_cursor":"[^"]+"|Program [0-9a-f]{6}|\d{4}-\d\d-\d\dT[0-9:.]+Z'
)


def comparable(found: dict[str, tuple[int, bytes, str | None]]) -> dict[str, tuple[int, str, str | None]]:
    """Return answers with ids replaced by their order of appearance, and without digests that contain ids."""
    order: dict[str, str] = {}

    def mask(text: str) -> str:
        return re.sub(
            r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            lambda match: order.setdefault(match[0], f"id-{len(order)}"),
            re.sub(_OF_ONE_TENANT, "", text),
        )

    return {
        path: (status, mask(body.decode()), tag and tag.partition(".")[0])
        for path, (status, body, tag) in found.items()
    }


async def test_nothing_before_the_close_depends_on_what_was_voted(
    tenancy: Tenancy, other_tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: NOW)
    seen = []
    for at, (first, second) in zip((tenancy, other_tenancy), (HIDDEN, HIDDEN[::-1]), strict=True):
        team = await new_team(at)
        for label in ("A", "B"):
            await team.seat(label)
        await team.move("collecting")
        for practice in ("P1", "P2", "P3"):
            for label, value in (("A", first), ("B", second if practice == "P3" else first)):
                assert (await team.vote(label, practice, value)).status_code == 201
        await team.seat("Watching", seat="observer")
        await team.administration()
        views = {}
        for voided in (False, True):
            if voided:
                await team.move("void", "Because")
            for who, actor in (("admin", at.admin), ("observer", team.seats["Watching"])):
                views[who, voided] = comparable(await everything(team, actor))
        seen.append(views)
    for view, answers in seen[0].items():
        for path, answer in answers.items():
            assert answer == seen[1][view][path], (view, path)


async def test_the_tag_of_sealed_readiness_keeps_still_while_the_counts_move(team: Team, admin: Actor) -> None:
    async def look() -> tuple[str, int, int, str]:
        answer = await admin.get(f"{team.path}/readiness", params={"as_of": "2026-10-05"})
        voting = answer.json()["voting"]
        return answer.headers["etag"], voting["voted"], voting["practices"][0]["voted"], answer.json()["input_hash"]

    tag, *nothing, digest = await look()
    assert nothing == [0, 0]
    first = await team.vote("A", "P1", 2)
    assert await look() == (tag, 1, 1, digest)
    assert (await team.vote("A", "P1", 0, **if_match(first))).status_code == 200
    assert await look() == (tag, 1, 1, digest)
    assert (await team.vote("B", "P1", 1)).status_code == 201
    assert await look() == (tag, 2, 2, digest)
    assert (await team.vote("B", "P2", 1)).status_code == 201
    assert await look() == (tag, 2, 2, digest)
    await team.move("consensus")
    revealed = await look()
    assert revealed[0] != tag
    assert revealed[3] != digest


async def test_what_is_void_before_the_close_stays_sealed_for_good(team: Team, admin: Actor) -> None:
    assert (await team.vote("A", "P1", 2)).status_code == 201
    await team.move("void", "Because")
    given = await team.readiness()
    assert (given["sealed"], given["reason"], given["voting"]["voted"]) == (True, "votes_sealed", 1)
    assert given["practices"][0]["votes"] is None
    assert await listed(team, team.seats["B"]) == []
    assert [vote["value"] for vote in await listed(team, team.seats["A"])] == [2]
    body = {"assessment_id": team.assessment["id"], "practices": ["P1"]}
    refused(await admin.post("/v1/action-items", body), 409, "assessment_void")


async def test_a_second_round_is_sealed_and_the_first_stays_seen(team: Team, admin: Actor) -> None:
    for label in ("A", "B"):
        for practice in ("P1", "P2"):
            assert (await team.vote(label, practice, 2)).status_code == 201
    await team.move("consensus")
    first = await listed(team, team.seats["Observer"])
    assert await counted(team) == {"P1": [0, 0, 2, 0, 0], "P2": [0, 0, 2, 0, 0]}
    await team.move("collecting", "P1 again")
    given = await team.readiness()
    assert (given["sealed"], given["voting"]["voted"], given["reason"]) == (True, 0, "votes_sealed")
    again = await team.vote("A", "P1", 0)
    assert (again.status_code, again.json()["round"], again.json()["version"]) == (201, 2, 1)
    assert await listed(team, team.seats["B"]) == first
    assert await listed(team, team.seats["A"]) == [*first, again.json()]
    assert (await team.readiness())["voting"]["practices"][0]["voted"] == 1
    await team.move("consensus")
    # Of each seat the latest vote counts: only what A cast again has changed.
    assert await counted(team) == {"P1": [1, 0, 1, 0, 0], "P2": [0, 0, 2, 0, 0]}
    assert await listed(team, team.seats["B"]) == [*first, again.json()]
    assert await listed(team, team.seats["B"], round=2) == [again.json()]
    await team.move("collecting", "Once more")
    assert (await team.vote("B", "P1", 1)).json()["round"] == 3
    await team.move("void", "Wrong program")
    given = await team.readiness()
    assert (given["sealed"], given["readiness"]) == (True, None)
    assert await listed(team, team.seats["A"]) == [*first, again.json()]
