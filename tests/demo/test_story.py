"""What the sandbox shows: believable, pinned where clients rely on it, and true to its own clock."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.demo.make import Demo
from app.demo.sandbox import DEFAULT_DAY, noon_of
from app.demo.spec import load_spec
from tests.demo.conftest import Holder
from tests.demo.databases import Rows
from tests.support.actors import Actor

OVERDUE = {
    "retire-spreadsheet",
    "recognition-agenda",
    "coaching-funds",
    "pine-recognition",
    "choose-measure",
    "cedar-training",
}

#: Seats whose token works no more, by the reason: it was revoked, or the person has left.
ENDED_SEATS = {
    "prairie-1/intern": "token_revoked",
    "cedar-1/manager": "seat_holder_left",
    "cedar-2/manager": "seat_holder_left",
}


async def readiness(admin: Actor, sandbox: Demo, session: str) -> dict[str, Any]:
    answer = await admin.get(f"/v1/assessments/{sandbox.ids['assessments'][session]}/readiness")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("session", "score", "band"),
    [
        ("clearwater-1", 38.888889, "emerging"),
        ("clearwater-2", 66.666667, "advancing"),
        ("clearwater-3", 88.888889, "established"),
        ("lakeshore-1", 33.333333, "emerging"),
        ("lakeshore-2", 55.555556, "developing"),
        ("lakeshore-3", 72.222222, "advancing"),
        ("cedar-1", 66.666667, "advancing"),
        ("cedar-2", 50.0, "developing"),
        ("cedar-3", 22.222222, "emerging"),
        ("pine-1", 37.5, "emerging"),
        ("pine-2", 75.0, "advancing"),
        ("stonebridge-1", 31.25, "emerging"),
        ("stonebridge-2", 50.0, "developing"),
    ],
)
async def test_readiness_is_pinned(admin: Actor, sandbox: Demo, session: str, score: float, band: str) -> None:
    found = await readiness(admin, sandbox, session)
    assert (found["readiness"], found["band"]) == (score, band)


async def test_the_figures_of_agencies_give_signals(admin: Actor, sandbox: Demo) -> None:
    signals = {}
    for session in ("clearwater-3", "lakeshore-3", "cedar-3", "pine-2", "stonebridge-2", "prairie-1"):
        found = (await readiness(admin, sandbox, session))["practices"]
        signals[session] = {
            one["code"]: one["signal"]["level"] if one["signal"]["reason"] is None else one["signal"]["reason"]
            for one in found
            if one["signal"]
        }
        contradictory = [one["code"] for one in found if "feed_contradiction" in one["flags"]]
        assert contradictory == (["P2"] if session == "lakeshore-3" else []), session
    assert signals == {
        "clearwater-3": {"P1": 2, "P2": 2, "P4": 2},
        "lakeshore-3": {"P1": 1, "P2": 1},
        "cedar-3": {"P1": 0},
        "pine-2": {"P1": "small_denominator"},
        "stonebridge-2": {"P1": "metric_missing"},
        "prairie-1": {},
    }


async def test_what_is_open_shows_as_open(admin: Actor, sandbox: Demo) -> None:
    sealed = await readiness(admin, sandbox, "prairie-1")
    assert (sealed["readiness"], sealed["reason"]) == (None, "votes_sealed")
    # The seat that was withdrawn while votes are sealed is counted until the close.
    assert (sealed["voting"]["invited"], sealed["voting"]["voted"]) == (7, 4)
    assert (await readiness(admin, sandbox, "stonebridge-2"))["provisional"]
    states: Counter[str] = Counter()
    for assessment_id in sandbox.ids["assessments"].values():
        states[(await admin.get(f"/v1/assessments/{assessment_id}")).json()["state"]] += 1
    assert states == {"final": 12, "draft": 1, "collecting": 1, "consensus": 1, "void": 1}


async def test_overdue_is_told_as_of_the_sandboxs_today(admin: Actor, sandbox: Demo) -> None:
    keys = {str(one): key for key, one in sandbox.ids["action_items"].items()}
    found = (await admin.get("/v1/action-items?overdue=true")).json()["items"]
    assert {keys[item["id"]] for item in found} == OVERDUE
    tomorrow = (await admin.get("/v1/action-items?overdue=true&as_of=2026-10-02")).json()["items"]
    assert {keys[item["id"]] for item in tomorrow} == OVERDUE | {"name-administrator"}
    items = (await admin.get("/v1/action-items?limit=200")).json()["items"]
    assert {item["status"] for item in items} == {
        "proposed",
        "open",
        "in_progress",
        "blocked",
        "done",
        "verified",
        "dismissed",
    }
    assert {item["source"] for item in items} == {"gap", "free"}


async def test_every_published_id_key_and_token_works(holder: Holder, admin: Actor, sandbox: Demo) -> None:
    for kind, named in sandbox.ids.items():
        if kind == "seats":
            continue
        for key, one in named.items():
            answer = await admin.get(f"/v1/{kind.replace('_', '-')}/{one}")
            assert answer.status_code == 200, (kind, key)
    for role, key in sandbox.keys.items():
        assert [grant["role"] for grant in (await holder(key).get("/v1/me")).json()["grants"]] == [role]
    for name, token in sandbox.tokens.items():
        answer = await holder(token).get("/v1/me")
        if name in ENDED_SEATS:
            assert answer.json()["code"] == ENDED_SEATS[name]
            continue
        seat = answer.json()["seat"]
        assert seat["participant_id"] == str(sandbox.ids["seats"][name])
        assert seat["assessment_id"] == str(sandbox.ids["assessments"][name.partition("/")[0]])


async def test_the_viewer_sees_one_county(holder: Holder, sandbox: Demo) -> None:
    viewer = holder(sandbox.keys["viewer"])
    names = [one["name"] for one in (await viewer.get("/v1/organizations")).json()["items"]]
    assert names == ["Clearwater County", "Clearwater Family Center", "Clearwater East Office"]


async def test_what_a_client_makes_sorts_behind_what_was_there(sandbox: Demo) -> None:
    newest = max(one for named in sandbox.ids.values() for one in named.values())
    assert newest.int >> 80 < datetime(2021, 1, 1, tzinfo=UTC).timestamp() * 1000


async def test_a_leaver_owns_an_open_item_and_a_webhook_announced_it(admin: Actor, sandbox: Demo) -> None:
    [leaver] = await admin.items("/v1/people", status="left")
    assert leaver["left_on"] > leaver["hired_on"]
    assert leaver["manager_id"] == str(sandbox.ids["people"]["cedar-director"])
    owned = await admin.items("/v1/action-items", owner_id=leaver["id"])
    assert [item["status"] for item in owned] == ["in_progress"]
    hook = f"/v1/webhooks/{sandbox.ids['webhooks']['hr']}"
    assert (await admin.get(hook)).json()["disabled_reason"] == "paused"
    log = await admin.items(f"{hook}/deliveries", sort="id")
    assert [one["outcome"] for one in log] == ["rejected", "timed_out", *["delivered"] * 3]
    assert {one["event_type"] for one in log} == {"person.updated", "person.left", "action_item.owner_left"}


async def test_a_connector_was_tried_and_asks_nobody(admin: Actor, sandbox: Demo) -> None:
    path = f"/v1/connectors/{sandbox.ids['connectors']['hr']}"
    shown = (await admin.get(path)).json()
    assert (shown["disabled_reason"], shown["next_run_at"], shown["watermark"]) == ("paused", None, None)
    [tried] = await admin.items(f"{path}/runs")
    assert (tried["state"], tried["dry_run"], tried["watermark"]) == ("done", True, None)
    everybody = await admin.items("/v1/people")
    counts = {"read": 25, "with_manager": 19, "created": 24, "changed": 0, "left": 0, "unchanged": 0, "ignored": 1}
    assert tried["counts"] == {**counts, "gone": 0, "faulty": 1}
    assert counts["read"] == len(everybody)
    assert counts["with_manager"] == sum(one["manager_id"] is not None for one in everybody)
    assert [one["code"] for one in tried["errors"]] == ["source_denied"]
    assert (await admin.get(f"/v1/jobs/{tried['id']}")).json()["kind"] == "pull_people"


def test_nobody_has_a_name(rows: Rows) -> None:
    places = {row["name"] for row in rows["organizations"]}
    labels = [row["name"] for row in rows["people"]] + [row["label"] for row in rows["participants"]]
    for label in labels:
        role, _, place = label.rpartition(", ")
        assert place in places, label
        # One capital, at the beginning (or HR): a role, not a name.
        assert role.replace("HR", "Hr")[1:].islower(), label


def test_respondents_disagree_in_every_assessment_that_was_revealed(rows: Rows) -> None:
    answers: dict[Any, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for vote in rows["votes"]:
        answers[vote["assessment_id"]][vote["practice"]].add(vote["value"])
    for assessment in rows["assessments"]:
        if assessment["revealed_round"]:
            contested = [practice for practice, given in answers[assessment["id"]].items() if len(given) > 1]
            assert len(contested) >= 5, assessment["title"]
    values = Counter(vote["value"] for vote in rows["votes"])
    assert min(values["dont_know"], values["not_applicable"]) >= 10
    assert Counter(vote["round"] for vote in rows["votes"])[2] == 10
    assert sum(vote["entered_by"] is not None for vote in rows["votes"]) == 9
    assert sum(vote["comment"] is not None for vote in rows["votes"]) == sum(
        len(session.comments) for session in load_spec().sessions
    )


def test_time_runs_forward_on_working_days_and_ends_today(rows: Rows) -> None:
    now = noon_of(DEFAULT_DAY)
    for table, found in rows.items():
        for row in found:
            for name in ("created_at", "updated_at"):
                instant = row.get(name)
                if instant is not None:
                    assert now - timedelta(days=620) < instant < now, (table, row)
                    assert instant.weekday() < 5, (table, row)
    opened = {row["id"]: row for row in rows["assessments"]}
    for row in rows["assessments"]:
        course = [row[name] for name in ("created_at", "opened_at", "closed_at", "finalized_at")]
        reached = [instant for instant in course if instant is not None]
        assert reached == sorted(reached)
    for vote in rows["votes"]:
        assessment = opened[vote["assessment_id"]]
        assert assessment["opened_at"] < vote["created_at"] < (assessment["closed_at"] or now)
    for table in ("outbox_events", "assessment_changes", "action_item_changes", "stage_changes"):
        instants = [row["created_at"] for row in rows[table]]
        assert instants == sorted(instants), table


def test_three_administrations_lie_about_eighteen_nine_and_one_month_back(rows: Rows) -> None:
    final: dict[Any, list[date]] = defaultdict(list)
    for row in rows["assessments"]:
        if row["state"] == "final":
            final[row["implementation_id"]].append(row["administered_on"])
    series = [sorted(days) for days in final.values() if len(days) == 3]
    assert len(series) == 3
    for days in series:
        assert [round((DEFAULT_DAY - day).days / 30.4) for day in days] in ([18, 9, 1], [18, 8, 1])
