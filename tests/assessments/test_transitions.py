"""The course of an assessment, as the table of its moves says."""

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.courses import STATES, brought_to, drafted, made_finishable
from tests.support.team import new_implementation, new_team

#: From each state (a row), the answer to a move to each state, in the order of STATES.
COURSE = {
    "draft": [409, 200, 409, 409, 200],
    "collecting": [409, 409, 200, 409, 200],
    "consensus": [409, 200, 409, 200, 200],
    "final": [409, 409, 409, 409, 409],
    "void": [409, 409, 409, 409, 409],
}


ALLOWED = {
    "draft": ["collecting", "void"],
    "collecting": ["consensus", "void"],
    "consensus": ["collecting", "final", "void"],
    "final": [],
    "void": [],
}


async def test_every_move_of_the_course_is_as_the_table_says(tenancy: Tenancy) -> None:
    implementation = await new_implementation(tenancy)
    for state, answers in COURSE.items():
        team = await brought_to(await drafted(tenancy, implementation), state)
        assert team.assessment["allowed_transitions"] == ALLOWED[state]
        if state == "consensus":
            await made_finishable(team)
        for to, status in zip(STATES, answers, strict=True):
            if status == 409:
                answer = await tenancy.admin.move(team.path, to, reason="Because")
                problem = refused(answer, 409, "invalid_transition")
                assert (problem["allowed"], problem["state"]) == (ALLOWED[state], state)
        assert (await tenancy.admin.get(team.path)).json() == team.assessment
        for to in ALLOWED[state][:-1]:
            # The last move starts from the assessment that met the refusals, each other one from a new assessment.
            other = await brought_to(await drafted(tenancy, implementation), state)
            if to == "final":
                await made_finishable(other)
            assert (await other.move(to, "Because"))["state"] == to
        for to in ALLOWED[state][-1:]:
            assert (await team.move(to, "Because"))["state"] == to


async def test_some_moves_must_say_why_and_some_need_not(tenancy: Tenancy, admin: Actor) -> None:
    implementation = await new_implementation(tenancy)
    for state, to in (("consensus", "collecting"), ("collecting", "void"), ("consensus", "void")):
        team = await brought_to(await drafted(tenancy, implementation), state)
        for body in ({"to": to}, {"to": to, "reason": None}):
            answer = await admin.post(f"{team.path}/transitions", body, headers={"If-Match": "*"})
            problem = refused(answer, 422, "reason_required")
            assert [error["pointer"] for error in problem["errors"]] == ["/body/reason"]
        blank = await admin.post(f"{team.path}/transitions", {"to": to, "reason": "  "}, headers={"If-Match": "*"})
        assert blank.status_code == 422
        assert (await admin.get(team.path)).json() == team.assessment
    draft = await drafted(tenancy, implementation)
    assert (await draft.move("void"))["state"] == "void"


async def test_a_move_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    tag = (await admin.get(team.path)).headers["etag"]
    without = await admin.post(f"{team.path}/transitions", {"to": "collecting"})
    refused(without, 428, "precondition_required")
    for wrong in ('"7.abcdef"', '"nonsense"', 'W/"9.0"', '"99999999999.0"', ""):
        stale = await admin.move(team.path, "collecting", if_match=wrong)
        refused(stale, 412, "precondition_failed")
        assert stale.headers["etag"].startswith('"1.')
    assert (await admin.move(team.path, "collecting", if_match=tag)).status_code == 200
    refused(await admin.move(team.path, "consensus", if_match=tag), 412, "precondition_failed")
    read = await admin.get(team.path)
    assert (read.json()["state"], read.json()["version"]) == ("collecting", 2)
    assert (await admin.get(team.path, headers={"If-None-Match": read.headers["etag"]})).status_code == 304


async def test_only_who_runs_assessments_is_offered_moves(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    seat = await team.seat("A")
    await team.move("collecting")
    offered = {}
    for role in ("viewer", "manager", "integrator", "facilitator", "admin"):
        actor = await tenancy.key((role, tenancy.root_id))
        offered[role] = (await actor.get(team.path)).json()["allowed_transitions"]
        listed = (await actor.get("/v1/assessments")).json()["items"][0]
        assert listed["allowed_transitions"] == offered[role]
        if not offered[role]:
            refused(await actor.move(team.path, "consensus"), 403, "forbidden")
            refused(await actor.patch(team.path, {"title": "Mine"}), 403, "forbidden")
            refused(await actor.delete(team.path), 403, "forbidden")
    moves = ["consensus", "void"]
    assert offered == {"viewer": [], "manager": [], "integrator": [], "facilitator": moves, "admin": moves}
    assert (await seat.get(team.path)).json()["allowed_transitions"] == []
    refused(await seat.move(team.path, "consensus"), 403, "forbidden")
    respondent = await tenancy.key(("respondent", tenancy.root_id))
    refused(await respondent.get(team.path), 404, "not_found")


async def test_the_history_says_who_when_and_why(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    facilitator = await tenancy.key(("facilitator", tenancy.root_id))
    assert (await facilitator.move(team.path, "collecting")).status_code == 200
    assert (await admin.move(team.path, "consensus", reason="All have voted")).status_code == 200
    assert (await facilitator.move(team.path, "collecting", reason="P3 again")).status_code == 200
    last = (await admin.move(team.path, "void", reason="Wrong program")).json()
    rows = (await admin.get(f"{team.path}/history")).json()["items"]
    keys = {"admin": (await admin.get("/v1/me")).json(), "facilitator": (await facilitator.get("/v1/me")).json()}
    assert [(row["from_state"], row["to_state"], row["reason"], row["actor_id"]) for row in rows] == [
        (None, "draft", None, keys["admin"]["id"]),
        ("draft", "collecting", None, keys["facilitator"]["id"]),
        ("collecting", "consensus", "All have voted", keys["admin"]["id"]),
        ("consensus", "collecting", "P3 again", keys["facilitator"]["id"]),
        ("collecting", "void", "Wrong program", keys["admin"]["id"]),
    ]
    assert rows[1]["actor_name"] == keys["facilitator"]["name"]
    assert rows[-1]["created_at"] == last["updated_at"]
    assert [row["created_at"] for row in rows] == sorted(row["created_at"] for row in rows)
    assert (last["round"], last["revealed_round"], last["version"]) == (2, 1, 5)
