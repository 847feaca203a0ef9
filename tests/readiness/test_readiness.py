"""Readiness over HTTP: when it is computed as of, what may be asked, its worked variants, and what it costs."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.database import Urls
from tests.support.statements import count_statements
from tests.support.team import PRACTICES, Team, new_team

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent.parent / "golden" / "fa9.json").read_text())
VARIANTS = {variant["change"]: variant for variant in GOLDEN["readiness_variants"]}
COMPUTE = "/v1/readiness/compute"


@pytest.fixture
async def agreed(tenancy: Tenancy) -> Team:
    """The worked scores, as consensus alone."""
    team = await new_team(tenancy)
    await team.move("collecting")
    await team.move("consensus")
    for practice, score in zip(PRACTICES, GOLDEN["scores"], strict=True):
        assert (await team.consensus(practice, score, "From the paper record.")).status_code == 201
    return team


async def heavier_profile(tenancy: Tenancy, urls: Urls, like: str) -> str:
    """Publish another profile of the tenant, in which P1 has weight 2."""
    owner = await asyncpg.connect(urls.owner)
    made = await owner.fetchval(
        "insert into scoring_profiles (tenant_id, id, created_at, key, version, content_hash, document)"
        " select tenant_id, gen_random_uuid(), now(), 'heavier', '1.0.0', content_hash,"
        "  jsonb_set(document, '{weights,practices,P1}', '2')"
        " from scoring_profiles where tenant_id = $1 and id = $2 returning id",
        tenancy.tenant_id,
        like,
    )
    await owner.close()
    return str(made)


def as_worked(given: dict[str, Any], change: str) -> None:
    """Check for the worked values of this variant."""
    for name, value in VARIANTS[change].items():
        if name != "change":
            assert given["band_reason" if name == "reason" else name] == value, (change, name)


async def test_the_worked_variants_come_out_to_the_digit(
    agreed: Team, tenancy: Tenancy, admin: Actor, urls: Urls
) -> None:
    heavier = await heavier_profile(tenancy, urls, agreed.assessment["scoring_profile_id"])
    plain = await agreed.readiness()
    assert plain["readiness"] == GOLDEN["readiness"]["readiness"]
    assert plain["band"] == GOLDEN["readiness"]["band_if_all_consensus"]
    weighed = await agreed.readiness(profile=heavier)
    as_worked(weighed, "P1 has weight 2")
    assert [practice["weight"] for practice in weighed["practices"]] == [2] + [1] * 8
    # A look at another profile changes nothing.
    assert await agreed.readiness() == plain
    path = f"{agreed.path}/consensus"
    body = {"value": "not_applicable", "note": "No roles have changed."}
    assert (await admin.put(f"{path}/P5", body, headers={"If-Match": "*"})).status_code == 200
    as_worked(await agreed.readiness(), "P5 not applicable")
    assert (await admin.put(f"{path}/P5", {"value": 0, "note": "N"}, headers={"If-Match": "*"})).status_code == 200
    assert (await admin.delete(f"{path}/P9")).status_code == 204
    as_worked(await agreed.readiness(), "P9 unscored")
    assert (await admin.delete(f"{path}/P4")).status_code == 204
    as_worked(await agreed.readiness(), "P4 and P9 unscored")


async def test_what_is_sent_computes_to_the_same_variants(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    scores = dict(zip(PRACTICES, GOLDEN["scores"], strict=True))
    changes: dict[str, dict[str, Any]] = {
        "P5 not applicable": {**scores, "P5": "not_applicable"},
        "P9 unscored": {practice: score for practice, score in scores.items() if practice != "P9"},
        "P4 and P9 unscored": {practice: score for practice, score in scores.items() if practice not in {"P4", "P9"}},
        "P1 has weight 2": scores,
    }
    profiles = (await admin.get("/v1/scoring-profiles")).json()["items"]
    heavier = await heavier_profile(tenancy, urls, profiles[0]["id"])
    for change, agreed in changes.items():
        consensus = {practice: {"value": value, "note": "As agreed."} for practice, value in agreed.items()}
        profile = heavier if change == "P1 has weight 2" else None
        answer = await admin.post(COMPUTE, {"consensus": consensus, "scoring_profile_id": profile})
        assert answer.status_code == 200, answer.text
        as_worked(answer.json(), change)


async def test_it_is_as_of_today_where_the_organization_is(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: datetime(2026, 3, 1, 10, 30, tzinfo=UTC))
    days = {}
    for zone in ("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"):
        team = await new_team(tenancy, (await tenancy.organization(timezone=zone))["id"])
        days[zone] = (await team.readiness())["as_of"]
        assert (await team.readiness(as_of="1900-01-01"))["as_of"] == "1900-01-01"
    assert days == {"Pacific/Kiritimati": "2026-03-02", "UTC": "2026-03-01", "Pacific/Pago_Pago": "2026-02-28"}


async def test_only_what_is_known_may_be_asked(tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    foreign = await new_team(other_tenancy)
    path = f"{team.path}/readiness"
    for profile in (str(uuid4()), foreign.assessment["scoring_profile_id"]):
        problem = refused(await admin.get(path, params={"profile": profile}), 422, "unknown_profile")
        assert problem["errors"][0]["pointer"] == "/query/profile"
    for params in (
        {"profile": "default"},
        {"as_of": "yesterday"},
        {"as_of": "2026-02-30"},
        {"as_of": "1899-12-31"},
        {"as_of": "2201-01-01"},
        {"view": "short"},
        {"asof": "2026-01-01"},
        [("as_of", "2026-01-01"), ("as_of", "2026-01-02")],
    ):
        refused(await admin.get(path, params=params), 422, "invalid")
    assert (await admin.get(path, params={"profile": team.assessment["scoring_profile_id"]})).status_code == 200


async def test_an_unchanged_readiness_answers_304(agreed: Team, admin: Actor) -> None:
    path = f"{agreed.path}/readiness?as_of=2026-10-05"
    first = await admin.get(path)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"0.0", {tag}', "*"):
        again = await admin.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await admin.get(path)).content == first.content
    assert (await admin.get(path, headers={"If-None-Match": '"1.0"'})).status_code == 200
    other_day = await admin.get(f"{agreed.path}/readiness?as_of=2026-10-06", headers={"If-None-Match": tag})
    assert other_day.status_code == 200
    await agreed.administration()
    changed = await admin.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_a_summary_is_the_same_without_its_long_lists(agreed: Team, admin: Actor) -> None:
    path = f"{agreed.path}/readiness?as_of=2026-10-05"
    full, named, summary = [await admin.get(path + more) for more in ("", "&view=full", "&view=summary")]
    assert named.content == full.content
    assert summary.json() == full.json() | {"practices": [], "priorities": []}
    assert len(full.json()["practices"]) == len(full.json()["priorities"]) == 9
    assert len(summary.content) < len(full.content) / 2
    assert summary.headers["etag"] != full.headers["etag"]
    known = {"If-None-Match": summary.headers["etag"]}
    assert (await admin.get(f"{path}&view=summary", headers=known)).status_code == 304
    assert (await admin.get(path, headers=known)).status_code == 200


async def test_a_sealed_summary_tells_no_more_than_the_whole(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    await team.seat("A")
    await team.move("collecting")
    path = f"{team.path}/readiness"
    before = await admin.get(f"{path}?view=summary")
    full = await admin.get(path)
    assert before.json() == full.json() | {"practices": []}
    assert (await team.vote("A", "P1", 2)).status_code == 201
    after = await admin.get(f"{path}?view=summary")
    assert after.json()["voting"]["voted"] == 1
    assert after.headers["etag"] == before.headers["etag"]


async def test_a_draft_has_nothing_to_score_yet(tenancy: Tenancy) -> None:
    given = await (await new_team(tenancy)).readiness()
    assert (given["readiness"], given["reason"], given["coverage"]) == (None, "nothing_scored", 0)
    assert given["voting"]["invited"] == 0
    assert {one["reason"] for one in given["practices"]} == {"no_votes"}


async def test_every_figure_is_null_with_its_reason_while_votes_are_sealed(tenancy: Tenancy) -> None:
    team = await new_team(tenancy)
    for label in ("A", "B", "C"):
        await team.seat(label)
    await team.move("collecting")
    for label in ("A", "B"):
        assert (await team.vote(label, "P1", 2)).status_code == 201
    assert (await team.vote("A", "P2", "dont_know")).status_code == 201
    given = await team.readiness()
    assert given["sealed"] is True
    voting = given["voting"]
    assert (voting["invited"], voting["voted"], voting["quorum"]) == (3, 2, 2)
    assert [one["voted"] for one in voting["practices"]] == [2, 1, *[0] * 7]
    for name in ("readiness", "readiness_mean", "in_place_share", "at_least_partial_share", "coverage", "band", "sums"):
        assert given[name] is None, name
    assert (given["reason"], given["band_reason"]) == ("votes_sealed", "votes_sealed")
    assert given["priorities"] == given["provisional"] == given["cap_reasons"] == given["left_out"] == []
    for one in given["practices"]:
        assert [one[name] for name in ("status", "score", "source", "votes", "perception", "vote_range")] == [None] * 6
        assert (one["r_wg"]["value"], one["flags"], one["consensus"]) == (None, [], None)


async def test_computing_needs_no_more_than_a_credential(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    team = await new_team(tenancy)
    seat = await team.seat("A")
    respondent = await tenancy.key(("respondent", tenancy.root_id))
    body = {"consensus": {"P1": {"value": 2, "note": "N"}}}
    answers = [await caller.post(COMPUTE, body) for caller in (seat, respondent, other_tenancy.admin)]
    assert [answer.status_code for answer in answers] == [200] * 3
    # The shipped documents are the same everywhere, and so is what is computed.
    assert answers[0].content == answers[1].content == answers[2].content
    refused(await tenancy.holder("fa_nothing").post(COMPUTE, body), 401, "unauthorized")


async def test_what_scoring_would_refuse_is_told_by_its_place(tenancy: Tenancy, admin: Actor) -> None:
    two = [{"id": "a"}, {"id": "b"}]
    body: dict[str, Any]
    for body, pointer, code in (
        ({"votes": {"P10": {"a": 1}}, "respondents": two}, "/body/votes", "unknown_practice"),
        ({"votes": {"P1": {"c": 1}}, "respondents": two}, "/body/votes", "unknown_respondent"),
        ({"respondents": [*two, {"id": "a"}]}, "/body/respondents", "repeated_respondent"),
        ({"consensus": {"P10": {"value": 1}}}, "/body/consensus", "unknown_practice"),
        ({"left_unscored": {"P10": "N"}}, "/body/left_unscored", "unknown_practice"),
        ({"importance": {"P10": 1}}, "/body/importance", "unknown_practice"),
        ({"feasibility": {"P10": 1}}, "/body/feasibility", "unknown_practice"),
    ):
        problem = refused(await admin.post(COMPUTE, body), 422, "invalid")
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    for body, pointer, code in (
        ({"instrument_key": "other"}, "/body/instrument_key", "unknown_instrument"),
        ({"instrument_version": "9.0.0"}, "/body/instrument_key", "unknown_instrument"),
        ({"scoring_profile_id": str(uuid4())}, "/body/scoring_profile_id", "unknown_profile"),
    ):
        problem = refused(await admin.post(COMPUTE, body), 422, code)
        assert problem["errors"][0]["pointer"] == pointer


async def test_values_of_another_kind_are_not_computed_with(tenancy: Tenancy, admin: Actor) -> None:
    one = [{"id": "a"}]
    for value in (True, False, 1.0, "1", 3, -1, None, [1], "unknown"):
        refused(await admin.post(COMPUTE, {"respondents": one, "votes": {"P1": {"a": value}}}), 422, "invalid")
        refused(await admin.post(COMPUTE, {"consensus": {"P1": {"value": value}}}), 422, "invalid")
    refused(await admin.post(COMPUTE, {"consensus": {"P1": {"value": "dont_know"}}}), 422, "invalid")
    for value in (True, 0, 6, 1.0, "1"):
        refused(await admin.post(COMPUTE, {"importance": {"P1": value}}), 422, "invalid")
        refused(await admin.post(COMPUTE, {"feasibility": {"P1": value}}), 422, "invalid")
    for body in (
        {"has_administration_record": 1},
        {"left_unscored": {"P1": " "}},
        {"respondents": [{"id": "a", "perspective": "boss"}]},
        {"respondents": [{"id": ""}]},
        {"stage": "pilot"},
        {"unknown": 1},
        {"dry_run": True},
    ):
        refused(await admin.post(COMPUTE, body), 422, "invalid")


async def test_at_most_two_hundred_respondents_are_computed_with(tenancy: Tenancy, admin: Actor) -> None:
    respondents = [{"id": f"r{number}"} for number in range(201)]
    refused(await admin.post(COMPUTE, {"respondents": respondents}), 422, "invalid")
    votes = {
        practice: {one["id"]: number % 3 for number, one in enumerate(respondents[:200])} for practice in PRACTICES
    }
    answer = await admin.post(COMPUTE, {"respondents": respondents[:200], "votes": votes})
    assert answer.status_code == 200
    assert answer.json()["voting"]["voted"] == 200


async def test_computing_writes_nothing(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    owner = await asyncpg.connect(urls.owner)

    async def rows() -> int:
        tables = [
            "outbox_events",
            "audit_events",
            "assessments",
            "participants",
            "votes",
            "consensus",
            "practice_ratings",
        ]
        counts = [
            await owner.fetchval(f"select count(*) from {table} where tenant_id = $1", tenancy.tenant_id)
            for table in tables
        ]
        return sum(counts)

    before = await rows()
    body = {"respondents": [{"id": "a"}], "votes": {"P1": {"a": 1}}, "importance": {"P1": 5}}
    first, second = await admin.post(COMPUTE, body), await admin.post(COMPUTE, body)
    assert first.status_code == 200
    assert first.content == second.content
    assert "etag" not in first.headers
    assert await rows() == before
    await owner.close()


async def test_reading_costs_few_statements(agreed: Team, admin: Actor) -> None:
    seat = await agreed.seat("A", seat="observer")
    await agreed.administration()
    assert (await admin.put(f"{agreed.path}/practices/P1", {"importance": 5})).status_code == 201
    app = agreed.tenancy.app
    most = {"": 2, "readiness": 2, "participants": 4, "history": 4, "consensus": 4, "practices": 4, "administration": 4}
    most |= {"consensus/P1": 4, "practices/P1": 4, f"participants/{agreed.ids['A']}": 4}
    await agreed.readiness()
    for actor in (admin, seat):
        for below, statements in most.items():
            path = f"{agreed.path}/{below}".rstrip("/")
            assert await count_statements(actor, app, path) <= statements, path
    assert await count_statements(seat, app, f"{agreed.path}/votes") <= 4
    assert await count_statements(admin, app, "/v1/assessments") <= 4
    filters = f"subtree={agreed.tenancy.root_id}&state=consensus"
    assert await count_statements(admin, app, f"/v1/assessments?{filters}") <= 4
