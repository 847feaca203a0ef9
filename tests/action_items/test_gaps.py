"""Action items made from the gaps that an assessment found."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.action_items.source import join_titles, next_level
from app.assessments.models import Assessment, Consensus, ConsensusMethod, VoteValue
from tests.support.actors import Actor, Tenancy

ITEMS = "/v1/action-items"
SCORES = {"P1": "0", "P2": "1", "P3": "2", "P4": "not_applicable"}


class Assessed:
    """An assessment in one state, with a consensus on four practices."""

    def __init__(self, tenancy: Tenancy, organization_id: str, assessment_id: str) -> None:
        self.tenancy, self.organization_id, self.id = tenancy, organization_id, assessment_id

    async def set(self, **fields: Any) -> None:
        """Put the stored assessment into a state, past the rules of its lifecycle."""
        async with AsyncSession(self.tenancy.owner) as session, session.begin():
            await session.execute(update(Assessment).where(col(Assessment.id) == UUID(self.id)).values(**fields))

    async def agree(self) -> None:
        """Record the consensus."""
        async with AsyncSession(self.tenancy.owner) as session, session.begin():
            for practice, value in SCORES.items():
                session.add(
                    Consensus(
                        tenant_id=self.tenancy.tenant_id,
                        assessment_id=UUID(self.id),
                        practice=practice,
                        value=VoteValue(value),
                        method=ConsensusMethod.DISCUSSION,
                        note="Agreed",
                        recorded_by=uuid4(),
                    )
                )


async def assess(app: FastAPI, tenancy: Tenancy, organization_id: str) -> Assessed:
    """Make an assessment whose votes were revealed."""
    admin = tenancy.admin
    program = await admin.made("/v1/programs", {"organization_id": tenancy.root_id, "name": "Home visiting"})
    implementation = await admin.made(
        "/v1/implementations",
        {"organization_id": organization_id, "program_id": program["id"], "stage": "installation"},
    )
    made = await admin.made("/v1/assessments", {"implementation_id": implementation["id"], "title": "Baseline"})
    assessed = Assessed(tenancy, organization_id, made["id"])
    await assessed.set(state="consensus", revealed_round=1)
    await assessed.agree()
    return assessed


@pytest.fixture
async def assessed(app: FastAPI, tenancy: Tenancy) -> Assessed:
    return await assess(app, tenancy, (await tenancy.organization())["id"])


@pytest.mark.parametrize(("practice", "score", "level"), [("P1", 0, 1), ("P2", 1, 2), ("P9", None, 1)])
async def test_an_item_takes_what_it_can_from_the_gap(
    assessed: Assessed, admin: Actor, practice: str, score: int | None, level: int
) -> None:
    made = await admin.made(ITEMS, {"assessment_id": assessed.id, "practices": [practice]})
    assert (made["source"], made["assessment_id"]) == ("gap", assessed.id)
    assert made["organization_id"] == assessed.organization_id
    assert (made["gap_score"], made["expected_level"]) == (score, level)
    assert made["title"].startswith("Leaders ")
    assert made["practices"] == [practice]
    found = (await admin.get(ITEMS, params={"assessment_id": assessed.id})).json()["items"]
    assert found == [made]


async def test_what_the_caller_says_comes_first(assessed: Assessed, admin: Actor) -> None:
    own = {
        "title": "Cost a plan by role",
        "description": "D",
        "expected_level": 2,
        "due_on": "2027-01-29",
        "effort": "small",
        "organization_id": assessed.organization_id,
    }
    made = await admin.made(ITEMS, {"assessment_id": assessed.id, "practices": ["P1"], **own})
    assert {name: made[name] for name in own} == own
    assert made["gap_score"] == 0


async def test_several_practices_go_by_the_lowest_score(assessed: Assessed, admin: Actor) -> None:
    made = await admin.made(ITEMS, {"assessment_id": assessed.id, "practices": ["P8", "P2", "P9"]})
    assert (made["gap_score"], made["expected_level"]) == (1, 2)
    assert made["title"].count("; Leaders ") == 2
    assert made["practices"] == ["P8", "P2", "P9"]


@pytest.mark.parametrize("practice", ["P3", "P4"])
async def test_where_a_practice_is_in_place_or_does_not_apply_there_is_no_gap(
    assessed: Assessed, admin: Actor, practice: str
) -> None:
    answer = await admin.post(ITEMS, {"assessment_id": assessed.id, "practices": ["P1", practice]})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_gap")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/body/practices/1"]


async def test_a_void_assessment_has_no_gaps(assessed: Assessed, admin: Actor) -> None:
    await assessed.set(state="void")
    answer = await admin.post(ITEMS, {"assessment_id": assessed.id, "practices": ["P1"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "assessment_void")


async def test_a_superseded_assessment_has_no_gaps(assessed: Assessed, admin: Actor) -> None:
    await assessed.set(state="final")
    revision = (await admin.post(f"/v1/assessments/{assessed.id}/revisions", {"reason": "A slip"})).json()
    body = {"assessment_id": assessed.id, "practices": ["P1"]}
    assert (await admin.post(ITEMS, body)).status_code == 201
    await Assessed(assessed.tenancy, assessed.organization_id, revision["id"]).set(state="final")
    answer = await admin.post(ITEMS, body)
    assert (answer.status_code, answer.json()["code"]) == (409, "assessment_superseded")
    assert (await admin.post(ITEMS, {**body, "assessment_id": revision["id"]})).status_code == 201


async def test_other_practices_are_checked_and_renew_the_score(assessed: Assessed, admin: Actor) -> None:
    made = await admin.made(ITEMS, {"assessment_id": assessed.id, "practices": ["P1"]})
    changed = (await admin.patch(f"{ITEMS}/{made['id']}", {"practices": ["P2"]})).json()
    assert (changed["gap_score"], changed["practices"]) == (1, ["P2"])
    entry = (await admin.get(f"{ITEMS}/{made['id']}/history")).json()["items"][-1]
    assert {"field": "gap_score", "before": 0, "after": 1} in entry["changes"]


@pytest.mark.parametrize(
    ("practices", "status", "code"),
    [([], 422, "practice_required"), (["P1", "P77"], 422, "unknown_practice"), (["P3"], 409, "no_gap")],
)
async def test_a_change_of_practices_is_checked_as_a_new_item_is(
    assessed: Assessed, admin: Actor, practices: list[str], status: int, code: str
) -> None:
    body = {"assessment_id": assessed.id, "practices": practices}
    made = await admin.made(ITEMS, {"assessment_id": assessed.id, "practices": ["P1"]})
    for answer in (await admin.post(ITEMS, body), await admin.patch(f"{ITEMS}/{made['id']}", {"practices": practices})):
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_item_moves_to_another_assessment_of_its_organization(
    assessed: Assessed, app: FastAPI, tenancy: Tenancy, admin: Actor
) -> None:
    body = {"organization_id": assessed.organization_id, "title": "A", "practices": ["P2"]}
    path = f"{ITEMS}/{(await admin.made(ITEMS, body))['id']}"
    linked = (await admin.patch(path, {"assessment_id": assessed.id})).json()
    assert (linked["source"], linked["gap_score"]) == ("gap", 1)
    elsewhere = await assess(app, tenancy, tenancy.root_id)
    refused = await admin.patch(path, {"assessment_id": elsewhere.id})
    assert (refused.status_code, refused.json()["code"]) == (422, "organization_mismatch")
    freed = (await admin.patch(path, {"assessment_id": None})).json()
    assert (freed["source"], freed["gap_score"]) == ("free", None)


async def test_a_gap_names_its_practice(assessed: Assessed, admin: Actor) -> None:
    for practices, code in (([], "practice_required"), (["P1", "P77"], "unknown_practice")):
        answer = await admin.post(ITEMS, {"assessment_id": assessed.id, "practices": practices})
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["errors"][0]["pointer"] == "/body/practices"
    made = await admin.made(ITEMS, {"assessment_id": assessed.id, "practices": ["P1"]})
    emptied = await admin.patch(f"{ITEMS}/{made['id']}", {"practices": []})
    assert (emptied.status_code, emptied.json()["code"]) == (422, "practice_required")


async def test_organization_and_assessment_must_agree(assessed: Assessed, tenancy: Tenancy, admin: Actor) -> None:
    body = {"assessment_id": assessed.id, "practices": ["P1"], "organization_id": tenancy.root_id}
    answer = await admin.post(ITEMS, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "organization_mismatch")
    assert answer.json()["errors"][0]["pointer"] == "/body/organization_id"


async def test_an_assessment_the_caller_cannot_see_is_unknown(
    assessed: Assessed, app: FastAPI, tenancy: Tenancy, other_tenancy: Tenancy
) -> None:
    mine = await tenancy.organization()
    manager = await tenancy.key(("manager", mine["id"]))
    foreign = await assess(app, other_tenancy, other_tenancy.root_id)
    problems = []
    for unknown in (assessed.id, foreign.id, str(uuid4())):
        answer = await manager.post(ITEMS, {"assessment_id": unknown, "practices": ["P1"]})
        problems.append({**answer.json(), "request_id": ""})
    assert all(problem == problems[0] for problem in problems)
    assert (problems[0]["status"], problems[0]["code"]) == (422, "unknown_assessment")
    assert problems[0]["errors"][0]["pointer"] == "/body/assessment_id"


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("facilitator", 201), ("manager", 201)])
async def test_those_who_run_or_plan_propose_from_a_gap(
    assessed: Assessed, tenancy: Tenancy, role: str, status: int
) -> None:
    caller = await tenancy.key((role, assessed.organization_id))
    answer = await caller.post(ITEMS, {"assessment_id": assessed.id, "practices": ["P1"]})
    assert answer.status_code == status


async def test_sealed_votes_show_no_gap(assessed: Assessed, admin: Actor) -> None:
    for state, revealed in (("draft", 0), ("collecting", 0), ("collecting", 1)):
        await assessed.set(state=state, revealed_round=revealed)
        answer = await admin.post(ITEMS, {"assessment_id": assessed.id, "practices": ["P1"]})
        assert (answer.status_code, answer.json()["code"]) == (409, "votes_sealed"), state
    await assessed.set(state="final", revealed_round=1)
    assert (await admin.made(ITEMS, {"assessment_id": assessed.id, "practices": ["P1"]}))["gap_score"] == 0


async def test_an_archived_organization_plans_nothing_new(assessed: Assessed, admin: Actor) -> None:
    await admin.move(f"/v1/organizations/{assessed.organization_id}", "archived", reason="Closed")
    answer = await admin.post(ITEMS, {"assessment_id": assessed.id, "practices": ["P1"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "organization_archived")


def test_the_next_level_is_one_up_and_at_most_two() -> None:
    assert [next_level(score) for score in (None, 0, 1, 2)] == [1, 1, 2, 2]


def test_a_joined_title_fits() -> None:
    assert join_titles(["A", "B"]) == "A; B"
    assert join_titles(["x" * 500]) == "x" * 500
    long = join_titles(["x" * 300, "y" * 300])
    assert len(long) == 500
    assert long.endswith("y…")
