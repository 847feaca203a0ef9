"""Many votes or action items in one request: all or none."""

from uuid import uuid4

from tests.support.actors import Actor, Tenancy
from tests.support.team import PRACTICES, Team, new_team


async def collecting(tenancy: Tenancy) -> Team:
    team = await new_team(tenancy)
    for label in ("A", "B"):
        await team.seat(label)
    for label in ("Paper 1", "Paper 2"):
        await team.paper(label)
    await team.move("collecting")
    return team


def ballot(team: Team, label: str, value: int = 1, **fields: object) -> list[dict[str, object]]:
    return [{"participant_id": team.ids[label], "practice": code, "value": value, **fields} for code in PRACTICES]


async def test_a_seat_casts_its_whole_ballot(tenancy: Tenancy) -> None:
    team = await collecting(tenancy)
    answer = await team.seats["A"].patch(f"{team.path}/votes", {"votes": ballot(team, "A")}, if_match=None)
    assert answer.status_code == 200, answer.text
    assert [vote["practice"] for vote in answer.json()["items"]] == PRACTICES
    assert not any(vote["on_paper"] for vote in answer.json()["items"])
    again = await team.seats["A"].patch(f"{team.path}/votes", {"votes": ballot(team, "A", 2)}, if_match=None)
    assert (again.status_code, again.json()["code"]) == (409, "vote_exists")
    replaced = await team.seats["A"].patch(
        f"{team.path}/votes", {"votes": ballot(team, "A", 2, version=1)}, if_match=None
    )
    assert {(vote["value"], vote["version"]) for vote in replaced.json()["items"]} == {(2, 2)}


async def test_paper_ballots_come_in_one_stack(tenancy: Tenancy, admin: Actor) -> None:
    team = await collecting(tenancy)
    votes = ballot(team, "Paper 1") + ballot(team, "Paper 2", 2)
    answer = await admin.patch(f"{team.path}/votes", {"votes": votes}, if_match=None)
    assert {vote["on_paper"] for vote in answer.json()["items"]} == {True}
    assert (await team.readiness())["voting"]["voted"] == 2


async def test_one_refused_vote_refuses_all(tenancy: Tenancy) -> None:
    team = await collecting(tenancy)
    mine, practice = ballot(team, "A"), {"participant_id": team.ids["A"], "value": 1}
    for wrong, status, code in (
        ({**practice, "practice": "P99"}, 404, "not_found"),
        ({**ballot(team, "B")[0]}, 403, "not_your_seat"),
        ({**practice, "practice": "P1", "version": 3}, 412, "precondition_failed"),
    ):
        votes = [*(vote for vote in mine if vote["practice"] != wrong["practice"]), wrong]
        answer = await team.seats["A"].patch(f"{team.path}/votes", {"votes": votes}, if_match=None)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["errors"][0]["pointer"] == f"/body/votes/{len(votes) - 1}"
        assert (await team.readiness())["voting"]["voted"] == 0
    twice = await team.seats["A"].patch(f"{team.path}/votes", {"votes": [mine[0], mine[0]]}, if_match=None)
    assert twice.json()["errors"][0]["code"] == "repeated_vote"


async def test_a_stack_is_bounded(tenancy: Tenancy, admin: Actor) -> None:
    team = await collecting(tenancy)
    many = [{"participant_id": str(uuid4()), "practice": "P1", "value": 1}] * 501
    for votes in ([], many):
        assert (await admin.patch(f"{team.path}/votes", {"votes": votes}, if_match=None)).status_code == 422


async def test_action_items_are_made_and_changed_together(tenancy: Tenancy, admin: Actor) -> None:
    wanted = [
        {"organization_id": tenancy.root_id, "title": f"Step {number}", "practices": ["P1"]} for number in range(5)
    ]
    made = await admin.post("/v1/action-items/bulk", {"items": wanted}, headers={"Idempotency-Key": "plan"})
    assert made.status_code == 201, made.text
    items = made.json()["items"]
    assert [item["title"] for item in items] == [item["title"] for item in wanted]
    replayed = await admin.post("/v1/action-items/bulk", {"items": wanted}, headers={"Idempotency-Key": "plan"})
    assert replayed.json() == made.json()
    changes = [{"id": item["id"], "version": 1, "changes": {"due_on": "2030-01-31"}} for item in reversed(items)]
    changed = await admin.patch("/v1/action-items", {"items": changes}, if_match=None)
    assert changed.status_code == 200, changed.text
    assert [item["id"] for item in changed.json()["items"]] == [change["id"] for change in changes]
    assert {(item["version"], item["due_on"]) for item in changed.json()["items"]} == {(2, "2030-01-31")}


async def test_one_refused_action_item_refuses_all(tenancy: Tenancy, admin: Actor) -> None:
    good = {"organization_id": tenancy.root_id, "title": "Step", "practices": []}
    answer = await admin.post("/v1/action-items/bulk", {"items": [good, {**good, "owner_id": str(uuid4())}]})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_owner")
    assert answer.json()["errors"][0]["pointer"] == "/body/items/1/owner_id"
    assert (await admin.get("/v1/action-items")).json()["items"] == []
    first, second = (await admin.post("/v1/action-items/bulk", {"items": [good, good]})).json()["items"]
    changes = [
        {"id": first["id"], "version": 1, "changes": {"title": "New"}},
        {"id": second["id"], "version": 7, "changes": {"title": "New"}},
    ]
    stale = await admin.patch("/v1/action-items", {"items": changes}, if_match=None)
    assert (stale.status_code, stale.json()["errors"][0]["pointer"]) == (412, "/body/items/1")
    assert (await admin.get(f"/v1/action-items/{first['id']}")).json()["title"] == "Step"
    rehearsed = await admin.post("/v1/action-items/bulk?dry_run=true", {"items": [good]})
    assert (rehearsed.status_code, len(rehearsed.json()["items"])) == (200, 1)
    assert len((await admin.get("/v1/action-items")).json()["items"]) == 2


async def test_a_stack_with_a_token_seat_is_refused_whoever_has_voted(tenancy: Tenancy, admin: Actor) -> None:
    team = await collecting(tenancy)
    voted = ballot(team, "A")
    assert (await team.seats["A"].patch(f"{team.path}/votes", {"votes": voted}, if_match=None)).status_code == 200
    problems = []
    for label in ("A", "B"):
        votes = [ballot(team, "Paper 1")[0], ballot(team, label)[0]]
        problem = (await admin.patch(f"{team.path}/votes", {"votes": votes}, if_match=None)).json()
        problems.append({**problem, "request_id": ""})
    assert problems[0] == problems[1]
    assert problems[0]["errors"][0]["pointer"] == "/body/votes/1"
    assert (await team.readiness())["voting"]["voted"] == 1
