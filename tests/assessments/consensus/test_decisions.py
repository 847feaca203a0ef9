"""What the team decides: consensus, ratings, the session's record, and what keeps an assessment from being final."""

from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.team import PRACTICES, Team, new_team

ANY = {"headers": {"If-Match": "*"}}
#: Two votes on a practice, and for 0, 1, 2 and not_applicable whether that consensus needs a note.
NOTE_RULE: dict[str, tuple[list[int | str], list[bool]]] = {
    "P1": ([], [True, True, True, True]),
    "P2": ([1, 2], [True, False, False, True]),
    "P3": ([1, 1], [True, False, True, True]),
    "P4": ([0, 2], [False, False, False, True]),
    "P5": (["dont_know", "dont_know"], [True, True, True, False]),
    "P6": (["not_applicable", "not_applicable"], [True, True, True, False]),
    "P7": (["not_applicable", 1], [True, False, True, True]),
    "P8": (["dont_know", 0], [False, True, True, True]),
    "P9": (["dont_know", "not_applicable"], [True, True, True, False]),
}


@pytest.fixture
async def team(tenancy: Tenancy) -> Team:
    """An assessment in consensus that nobody voted in."""
    team = await new_team(tenancy)
    await team.move("collecting")
    await team.move("consensus")
    return team


async def test_a_consensus_that_departs_from_the_votes_needs_a_note(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    for label in ("A", "B"):
        await team.seat(label)
    await team.move("collecting")
    for practice, (votes, _) in NOTE_RULE.items():
        for label, value in zip("AB", votes, strict=False):
            assert (await team.vote(label, practice, value)).status_code == 201
    await team.move("consensus")
    for practice, (_, needed) in NOTE_RULE.items():
        values: list[int | str] = [0, 1, 2, "not_applicable"]
        for value, needs_note in zip(values, needed, strict=True):
            path, where = f"{team.path}/consensus/{practice}", (practice, value)
            for body in ({"value": value}, {"value": value, "note": None}):
                answer = await admin.put(path, body)
                if needs_note:
                    problem = refused(answer, 422, "consensus_note_required")
                    assert problem["errors"][0]["pointer"] == "/body/note"
                    assert (await admin.get(path)).status_code == 404
                else:
                    assert answer.status_code == 201, (where, answer.text)
                    assert (await admin.delete(path)).status_code == 204
            assert (await admin.put(path, {"value": value, "note": " "})).status_code == 422, where
            noted = await admin.put(path, {"value": value, "note": " As agreed. "})
            assert (noted.status_code, noted.json()["note"]) == (201, "As agreed."), where
            given = (await team.readiness())["practices"][PRACTICES.index(practice)]["consensus"]
            assert (given["value"], given["needs_note"], given["has_note"]) == (value, needs_note, True), where
            assert (await admin.delete(path)).status_code == 204


async def test_consensus_is_recorded_between_the_close_and_the_end(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    path, body = f"{team.path}/consensus/P1", {"value": 1, "note": "As agreed."}
    for state in ("draft", "collecting"):
        if state == "collecting":
            await team.move(state)
        refused(await admin.put(path, body), 409, "not_in_consensus")
        refused(await admin.delete(path), 409, "not_in_consensus")
    await team.move("consensus")
    made = await admin.put(path, body)
    assert made.status_code == 201
    await team.move("collecting", "P2 again")
    refused(await admin.put(path, body, **ANY), 409, "not_in_consensus")
    refused(await admin.delete(path), 409, "not_in_consensus")
    # What was agreed stands, and is looked at again after the next close.
    assert (await admin.get(path)).json() == made.json()
    await team.move("void", "Because")
    refused(await admin.put(path, body, **ANY), 423, "frozen")
    refused(await admin.delete(path), 423, "frozen")


async def test_a_consensus_is_replaced_at_the_version_that_was_read(team: Team, admin: Actor) -> None:
    path = f"{team.path}/consensus/P1"
    body = {"value": 1, "note": "As agreed.", "method": "majority", "dissent": "One would say 0."}
    refused(await admin.put(path, body, **ANY), 412, "precondition_failed")
    first = await admin.put(path, body, headers={"If-None-Match": "*"})
    assert first.status_code == 201
    assert {name: first.json()[name] for name in body} == body
    assert first.json()["recorded_by"] == (await admin.get("/v1/me")).json()["id"]
    read = await admin.get(path)
    assert (read.json(), read.headers["etag"]) == (first.json(), first.headers["etag"])
    refused(await admin.put(path, {**body, "value": 2}), 428, "precondition_required")
    refused(await admin.put(path, body, headers={"If-None-Match": "*"}), 412, "precondition_failed")
    second = await admin.put(path, {"value": 2, "note": "New."}, headers={"If-Match": first.headers["etag"]})
    assert (second.status_code, second.json()["version"], second.json()["id"]) == (200, 2, first.json()["id"])
    # A PUT is the whole of it: what is not sent is back to its default.
    assert (second.json()["method"], second.json()["dissent"]) == ("discussion", None)
    refused(await admin.put(path, body, headers={"If-Match": first.headers["etag"]}), 412, "precondition_failed")
    assert (await admin.get(f"{team.path}/consensus")).json()["items"] == [second.json()]
    refused(await admin.delete(path, if_match=None), 428, "precondition_required")
    refused(await admin.delete(path, if_match=first.headers["etag"]), 412, "precondition_failed")
    assert (await admin.delete(path, if_match=second.headers["etag"])).status_code == 204
    refused(await admin.get(path), 404, "not_found")
    refused(await admin.delete(path), 404, "not_found")


async def test_what_is_no_level_is_no_consensus(team: Team, admin: Actor) -> None:
    path = f"{team.path}/consensus/P1"
    for value in ("dont_know", "2", True, 1.0, 3, -1, None, [1], 10**30):
        problem = refused(await admin.put(path, {"value": value, "note": "As agreed."}), 422, "invalid")
        assert all(error["pointer"].startswith("/body/value") for error in problem["errors"])
    for body in ({}, {"value": 1, "note": "N", "method": "dice"}, {"value": 1, "note": "N", "round": 1}):
        refused(await admin.put(path, body), 422, "invalid")
    for practice in ("P10", "p1", "consensus"):
        refused(await admin.put(f"{team.path}/consensus/{practice}", {"value": 1, "note": "N"}), 404, "not_found")
    assert (await admin.get(f"{team.path}/consensus")).json()["items"] == []


async def test_a_rating_is_from_one_to_five(team: Team, admin: Actor) -> None:
    path = f"{team.path}/practices/P1"
    for field in ("importance", "feasibility"):
        for value in (0, 6, -1, True, 1.0, "3", [3]):
            problem = refused(await admin.put(path, {field: value}), 422, "invalid")
            assert problem["errors"][0]["pointer"].startswith(f"/body/{field}")
    refused(await admin.put(f"{team.path}/practices/P10", {"importance": 1}), 404, "not_found")
    refused(await admin.get(path), 404, "not_found")
    first = await admin.put(path, {"importance": 1, "feasibility": 5})
    assert (first.status_code, first.json()["left_unscored"]) == (201, None)
    refused(await admin.put(path, {"importance": 5}), 428, "precondition_required")
    second = await admin.put(path, {"importance": 5}, headers={"If-Match": first.headers["etag"]})
    assert (second.status_code, second.json()["importance"], second.json()["feasibility"]) == (200, 5, None)
    refused(await admin.put(path, {}, headers={"If-Match": first.headers["etag"]}), 412, "precondition_failed")
    read = await admin.get(path)
    assert (read.json(), read.headers["etag"]) == (second.json(), second.headers["etag"])
    given = (await team.readiness())["practices"][0]
    assert given["importance"] == {"value": 5, "source": "given"}
    assert given["feasibility"]["source"] == "default"
    assert (await admin.put(path, {}, **ANY)).status_code == 200
    assert (await team.readiness())["practices"][0]["importance"]["source"] != "given"


async def test_practices_are_rated_from_the_draft_on(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    for number, state in enumerate(("draft", "collecting", "consensus"), 1):
        if state != "draft":
            await team.move(state)
        assert (await admin.put(f"{team.path}/practices/P{number}", {"importance": 3})).status_code == 201
        record = {"roles_present": [], "evidence_reviewed": True}
        answer = await admin.put(f"{team.path}/administration", record, **(ANY if number > 1 else {}))
        assert answer.status_code == (200 if number > 1 else 201)


UNIT = {"code": "unit_named", "done": True, "note": None}
RECORD: dict[str, Any] = {
    "roles_present": [{"seat": "administrator", "count": 1}, {"seat": "respondent", "count": 0}],
    "evidence_reviewed": False,
    "duration_minutes": 90,
    "checklist": [UNIT, {"code": "roles_present", "done": False, "note": "Nobody of finance."}],
    "deviations": "Held online.",
}
TWICE = [*RECORD["roles_present"], RECORD["roles_present"][0]]


@pytest.mark.parametrize(
    ("changed", "code", "pointer"),
    [
        ({"checklist": [UNIT, {**UNIT, "code": "unit_nam"}]}, "unknown_item", "/body/checklist/1/code"),
        ({"checklist": [UNIT, UNIT]}, "repeated_item", "/body/checklist"),
        ({"roles_present": TWICE}, "repeated_seat", "/body/roles_present"),
    ],
)
async def test_the_record_of_the_session_names_what_the_instrument_knows(
    team: Team, admin: Actor, changed: dict[str, Any], code: str, pointer: str
) -> None:
    problem = refused(await admin.put(f"{team.path}/administration", {**RECORD, **changed}), 422, "invalid")
    assert [(error["code"], error["pointer"]) for error in problem["errors"]] == [(code, pointer)]
    refused(await admin.get(f"{team.path}/administration"), 404, "not_found")


async def test_all_faults_of_a_record_are_named_together(team: Team, admin: Actor) -> None:
    several = {**RECORD, "roles_present": TWICE, "checklist": [{**UNIT, "code": "x"}, {**UNIT, "code": "x"}]}
    problem = refused(await admin.put(f"{team.path}/administration", several), 422, "invalid")
    codes = [error["code"] for error in problem["errors"]]
    assert codes == ["repeated_seat", "repeated_item", "unknown_item", "unknown_item"]


@pytest.mark.parametrize(
    "changed",
    [
        {"duration_minutes": 0},
        {"duration_minutes": 10_081},
        {"duration_minutes": True},
        {"evidence_reviewed": "true"},
        {"evidence_reviewed": None},
        {"roles_present": [{"seat": "respondent", "count": -1}]},
        {"roles_present": [{"seat": "leader", "count": 1}]},
        {"checklist": [{"code": "unit_named", "done": 1}]},
    ],
)
async def test_a_record_with_a_wrong_value_is_refused(team: Team, admin: Actor, changed: dict[str, Any]) -> None:
    refused(await admin.put(f"{team.path}/administration", {**RECORD, **changed}), 422, "invalid")


async def test_the_record_of_the_session_is_read_as_it_was_made(team: Team, admin: Actor) -> None:
    path = f"{team.path}/administration"
    made = await admin.put(path, RECORD)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in RECORD} == RECORD
    read = await admin.get(path)
    assert (read.json(), read.headers["etag"]) == (made.json(), made.headers["etag"])


async def test_the_record_of_the_session_is_replaced_at_the_version_that_was_read(team: Team, admin: Actor) -> None:
    path, short = f"{team.path}/administration", {"roles_present": [], "evidence_reviewed": True}
    tag = (await admin.put(path, RECORD)).headers["etag"]
    refused(await admin.put(path, {**RECORD, "duration_minutes": 5}), 428, "precondition_required")
    replaced = await admin.put(path, short, headers={"If-Match": tag})
    assert (replaced.json()["version"], replaced.json()["checklist"], replaced.json()["deviations"]) == (2, [], None)
    refused(await admin.put(path, short, headers={"If-Match": tag}), 412, "precondition_failed")


async def test_only_who_runs_the_assessment_decides(tenancy: Tenancy, team: Team, admin: Actor) -> None:
    seat = await team.seat("Guest", seat="observer")
    facilitator = await tenancy.key(("facilitator", tenancy.root_id))
    assert (await facilitator.put(f"{team.path}/consensus/P1", {"value": 1, "note": "N"})).status_code == 201
    assert (await facilitator.put(f"{team.path}/practices/P1", {"importance": 1})).status_code == 201
    await team.administration()
    reads = ("consensus", "consensus/P1", "practices", "practices/P1", "administration")
    for caller in (
        await tenancy.key(("viewer", tenancy.root_id)),
        await tenancy.key(("manager", tenancy.root_id)),
        seat,
    ):
        for below in reads:
            assert (await caller.get(f"{team.path}/{below}")).status_code == 200
        for answer in (
            await caller.put(f"{team.path}/consensus/P2", {"value": 1, "note": "N"}),
            await caller.delete(f"{team.path}/consensus/P1"),
            await caller.put(f"{team.path}/practices/P2", {"importance": 1}),
            await caller.put(f"{team.path}/administration", {"roles_present": [], "evidence_reviewed": True}, **ANY),
        ):
            refused(answer, 403, "forbidden")


async def stands_in_the_way(team: Team, **wanted: list[str]) -> None:
    """Check that exactly this keeps the assessment from being final. The first of it names the problem."""
    answer = await team.tenancy.admin.move(team.path, "final")
    problem = refused(answer, 409, next(iter(wanted)))
    assert {one["reason"]: one["practices"] for one in problem["blockers"]} == wanted
    assert [error["code"] for error in problem["errors"]] == list(wanted)
    for error in problem["errors"]:
        assert error["pointer"] == "/body/to"
        assert all(practice in error["message"] for practice in wanted[error["code"]])
    assert (await team.tenancy.admin.get(team.path)).json() == team.assessment
    given = (await team.readiness())["finality"]
    assert (given["can_finalize"], len(given["blockers"])) == (False, len(wanted))


async def agree(team: Team, *practices: str, note: str | None = "As agreed.") -> None:
    """Record that these practices are partially in place, in place of what was recorded before."""
    for practice in practices:
        answer = await team.tenancy.admin.put(f"{team.path}/consensus/{practice}", {"value": 1, "note": note})
        if answer.status_code == 428:
            answer = await team.tenancy.admin.put(
                f"{team.path}/consensus/{practice}", {"value": 1, "note": note}, **ANY
            )
        assert answer.status_code in {200, 201}, answer.text


async def disagree(team: Team, *practices: str) -> None:
    """Remove the consensus on these practices."""
    for practice in practices:
        answer = await team.tenancy.admin.delete(f"{team.path}/consensus/{practice}")
        assert answer.status_code == 204, answer.text


@pytest.fixture
async def voted(tenancy: Tenancy) -> Team:
    """An assessment in consensus whose two respondents agree on P1 and differ on P2, the only two they voted on."""
    team = await new_team(tenancy)
    for label in ("A", "B"):
        await team.seat(label)
    await team.move("collecting")
    for label, first, second in (("A", 1, 0), ("B", 1, 2)):
        await team.vote(label, "P1", first)
        await team.vote(label, "P2", second)
    await team.move("consensus")
    return team


@pytest.fixture
async def finishable(voted: Team) -> Team:
    """The same assessment with all that it needs to be final."""
    await agree(voted, *PRACTICES[2:])
    await agree(voted, "P2", note=None)
    await voted.administration()
    return voted


async def test_everything_in_the_way_of_the_end_is_named_together(voted: Team) -> None:
    rest = PRACTICES[2:]
    await stands_in_the_way(
        voted,
        insufficient_coverage=rest,
        no_administration_record=[],
        unscored_practice=rest,
        provisional_practice=["P2"],
    )


async def test_a_missing_record_of_the_session_alone_is_in_the_way(voted: Team) -> None:
    await agree(voted, *PRACTICES[1:])
    await stands_in_the_way(voted, no_administration_record=[])


async def test_a_provisional_practice_alone_is_in_the_way(finishable: Team) -> None:
    await disagree(finishable, "P2")
    await stands_in_the_way(finishable, provisional_practice=["P2"])


async def test_a_consensus_that_a_new_round_leaves_behind_needs_a_note(finishable: Team) -> None:
    # Voted on again, the practice has another range, in which the old consensus no longer lies.
    await finishable.move("collecting", "P2 again")
    for label in ("A", "B"):
        await finishable.vote(label, "P2", 2)
    await finishable.move("consensus")
    await stands_in_the_way(finishable, consensus_needs_note=["P2"])
    await agree(finishable, "P2", note="The second half is only promised.")
    await finishable.move("final")


async def test_an_unscored_practice_alone_is_in_the_way(finishable: Team) -> None:
    await disagree(finishable, "P9")
    await stands_in_the_way(finishable, unscored_practice=["P9"])


async def test_too_many_unscored_practices_are_in_the_way_even_with_notes(finishable: Team, admin: Actor) -> None:
    await disagree(finishable, "P8", "P9")
    await stands_in_the_way(finishable, insufficient_coverage=["P8", "P9"], unscored_practice=["P8", "P9"])
    for practice in ("P8", "P9"):
        body = {"left_unscored": "Nobody of them was there."}
        assert (await admin.put(f"{finishable.path}/practices/{practice}", body)).status_code == 201
    await stands_in_the_way(finishable, insufficient_coverage=["P8", "P9"])


async def test_an_assessment_can_be_final_with_one_practice_left_unscored(finishable: Team, admin: Actor) -> None:
    await disagree(finishable, "P9")
    body = {"left_unscored": "Nobody of them was there."}
    assert (await admin.put(f"{finishable.path}/practices/P9", body)).status_code == 201
    final = await finishable.move("final")
    assert final["finalized_at"] == final["updated_at"]
    practices = (await finishable.readiness())["practices"]
    assert [one["status"] for one in practices] == ["scored"] * 8 + ["unscored"]
    assert (practices[8]["left_unscored"], practices[8]["score"], practices[8]["reason"]) == (True, None, "no_votes")
    assert (practices[0]["source"], practices[1]["source"]) == ("unanimous", "consensus")


async def test_leaving_a_practice_unscored_sets_its_votes_aside(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    for label in ("A", "B"):
        await team.seat(label)
    await team.move("collecting")
    for label in ("A", "B"):
        await team.vote(label, "P1", 2)
    await team.move("consensus")
    for practice in PRACTICES[1:]:
        assert (await team.consensus(practice, 1, "As agreed.")).status_code == 201
    await team.administration()
    path = f"{team.path}/practices/P1"
    assert (await admin.put(path, {"left_unscored": "All three are new."})).status_code == 201
    given = (await team.readiness())["practices"][0]
    assert (given["status"], given["reason"], given["perception"]) == ("unscored", "left_unscored", 2)
    # Taken back, the votes count again.
    assert (await admin.put(path, {"left_unscored": None}, **ANY)).status_code == 200
    assert (await team.readiness())["practices"][0]["score"] == 2
    assert (await admin.put(path, {"left_unscored": "All three are new."}, **ANY)).status_code == 200
    await team.move("final")
    assert (await team.readiness())["coverage"] == 0.888889
