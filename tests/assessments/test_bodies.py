"""No body breaks a route of assessments, and none is repeated to its sender."""

import json
from typing import Any
from uuid import uuid4

from tests.support.actors import Actor, Tenancy
from tests.support.team import Team, new_team

MARK = "zqx7-marker"


#: JSON text of a value that no field takes.
NEVER = [
    f'"{MARK}\\u0000"',
    f'"{MARK}\\ud800"',
    "NaN",
    "-Infinity",
    "1e400",
    "9" * 5000,
    "[" * 40 + "]" * 40,
    '{"a":' * 40 + "1" + "}" * 40,
]


#: And of one that most fields refuse.
MOSTLY_NOT = [f'["{MARK}"]', f'{{"{MARK}":1}}', "true", "3.7", f'"{MARK}"', "1" * 30, "-1", "null"]


def bodies(team: Team) -> list[tuple[str, str, dict[str, Any]]]:
    """Return every operation that takes a body, with one in which every field is used."""
    path, seat = team.path, team.ids["A"]
    reference = team.assessment
    item = {"code": "unit_named", "done": True, "note": "Text"}
    return [
        (
            "POST",
            "/v1/assessments",
            {
                "implementation_id": reference["implementation_id"],
                "title": "Text",
                "mode": "open",
                "instrument_version_id": reference["instrument_version_id"],
                "scoring_profile_id": reference["scoring_profile_id"],
                "stage": "installation",
                "opens_at": "2036-01-01T00:00:00Z",
                "closes_at": "2036-01-02T00:00:00Z",
                "administered_on": "2026-01-01",
            },
        ),
        ("PATCH", path, {"title": "Text", "administered_on": "2026-01-01", "opens_at": None}),
        ("POST", f"{path}/transitions", {"to": "draft", "reason": "Text"}),
        (
            "POST",
            f"{path}/participants",
            {"seat": "respondent", "perspective": "hr", "label": "Text", "person_id": str(uuid4())},
        ),
        (
            "PATCH",
            f"{path}/participants/{seat}",
            {"seat": "respondent", "perspective": "hr", "label": "Text", "person_id": None},
        ),
        ("PUT", f"{path}/votes/{seat}/P1", {"value": 1, "comment": "Text"}),
        ("PUT", f"{path}/consensus/P1", {"value": 1, "note": "Text", "method": "discussion", "dissent": "Text"}),
        ("PUT", f"{path}/practices/P1", {"importance": 1, "feasibility": 1, "left_unscored": "Text"}),
        (
            "PUT",
            f"{path}/administration",
            {
                "roles_present": [{"seat": "respondent", "count": 3}],
                "evidence_reviewed": True,
                "duration_minutes": 60,
                "checklist": [item],
                "deviations": "Text",
            },
        ),
        (
            "POST",
            "/v1/readiness/compute",
            {
                "instrument_key": "facilitative-administration",
                "instrument_version": "1.0.0",
                "scoring_profile_id": reference["scoring_profile_id"],
                "stage": "installation",
                "as_of": "2026-01-01",
                "respondents": [{"id": "a", "perspective": "hr"}],
                "votes": {"P1": {"a": 1}},
                "consensus": {"P1": {"value": 1, "note": "Text"}},
                "left_unscored": {"P2": "Text"},
                "importance": {"P1": 1},
                "feasibility": {"P1": 1},
                "has_administration_record": True,
            },
        ),
    ]


def broken(body: dict[str, Any]) -> list[str]:
    """Write texts that no route may take in place of a good body."""
    whole = json.dumps(body)
    texts = ["", "null", "[]", '"text"', "7", whole[:-1], f"[{whole}]", whole[:-1] + ',"more":1}']
    texts += [whole[:-1] + f",{json.dumps(name)}:{json.dumps(value)}}}" for name, value in body.items()]
    return texts + [json.dumps({**body, name: "@"}).replace('"@"', never) for name in body for never in NEVER]


def strange(body: dict[str, Any]) -> list[str]:
    """Write texts that a route may take or refuse."""
    return [json.dumps({**body, name: "@"}).replace('"@"', value) for name in body for value in MOSTLY_NOT]


async def send(actor: Actor, method: str, path: str, text: str) -> int:
    """Send a text, check that a refusal does not repeat it, and return the status."""
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    answer = await actor.call(method, path, content=text.encode("utf-8", "surrogatepass"), headers=headers)
    assert answer.status_code < 500, (method, path, text[:200], answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        for error in problem["errors"]:
            # A pointer names fields, and one of the fields is the marker.
            del error["pointer"]
        assert MARK not in json.dumps(problem), (method, path, text[:200])
    return answer.status_code


async def test_no_body_breaks_a_route_or_is_repeated_to_its_sender(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    await team.seat("A")
    await team.move("collecting")
    sent = 0
    for method, path, body in bodies(team):
        for text in broken(body):
            assert await send(admin, method, path, text) >= 400, (method, path, text[:200])
        for text in strange(body):
            await send(admin, method, path, text)
        sent += len(broken(body)) + len(strange(body))
    assert sent > 700
