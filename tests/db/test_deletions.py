"""A deletion that meets a new reference: one of the two is refused."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.support.actors import Actor
from tests.support.answers import outcome
from tests.support.replicas import ROUNDS, Meeting
from tests.support.report import report
from tests.support.team import new_implementation

Refer = Callable[[Actor], Awaitable[httpx.Response]]
REFUSED = {
    (404, "not_found"),
    (422, "unknown_reference"),
    (422, "unknown_program"),
    (422, "unknown_owner"),
    (422, "unknown_assessment"),
    (422, "unknown_organization"),
    (409, "in_use"),
    (409, "has_children"),
    (409, "assessment_void"),
}


def posting(path: str, body: dict[str, Any]) -> Refer:
    return lambda actor: actor.post(path, body)


async def organization(meeting: Meeting) -> tuple[str, list[Refer]]:
    at = (await meeting.tenancy.organization())["id"]
    program = await meeting.tenancy.admin.made(
        "/v1/programs", {"organization_id": meeting.tenancy.root_id, "name": "P"}
    )
    return f"/v1/organizations/{at}", [
        posting("/v1/organizations", {"parent_id": at, "kind": "team", "name": "Below"}),
        posting("/v1/people", {"organization_id": at, "name": "Person"}),
        posting("/v1/programs", {"organization_id": at, "name": "Program"}),
        posting("/v1/implementations", {"organization_id": at, "program_id": program["id"]}),
        posting("/v1/action-items", {"organization_id": at, "title": "Item", "practices": []}),
    ]


async def program(meeting: Meeting) -> tuple[str, list[Refer]]:
    root = meeting.tenancy.root_id
    made = await meeting.tenancy.admin.made("/v1/programs", {"organization_id": root, "name": "Program"})
    use = {"organization_id": root, "program_id": made["id"]}
    return f"/v1/programs/{made['id']}", [posting("/v1/implementations", use)]


async def implementation(meeting: Meeting) -> tuple[str, list[Refer]]:
    made = await new_implementation(meeting.tenancy)
    assess = {"implementation_id": made["id"], "title": "Baseline"}
    return f"/v1/implementations/{made['id']}", [posting("/v1/assessments", assess)]


async def person(meeting: Meeting) -> tuple[str, list[Refer]]:
    root = meeting.tenancy.root_id
    made = await meeting.tenancy.admin.made("/v1/people", {"organization_id": root, "name": "Person"})
    use = await new_implementation(meeting.tenancy)
    run = await meeting.tenancy.admin.made("/v1/assessments", {"implementation_id": use["id"], "title": "T"})
    item = {"organization_id": root, "title": "Item", "practices": [], "owner_id": made["id"]}
    seat = {"seat": "observer", "person_id": made["id"]}
    return f"/v1/people/{made['id']}", [
        posting("/v1/action-items", item),
        posting(f"/v1/assessments/{run['id']}/participants", seat),
    ]


async def voided(meeting: Meeting) -> tuple[str, list[Refer]]:
    """Return a void assessment, which may be deleted unless an item was planned from what it had shown."""
    admin = meeting.tenancy.admin
    use = await new_implementation(meeting.tenancy)
    path = (
        f"/v1/assessments/{(await admin.made('/v1/assessments', {'implementation_id': use['id'], 'title': 'T'}))['id']}"
    )
    for to in ("collecting", "consensus", "void"):
        assert (await admin.move(path, to, reason="So")).status_code == 200
    item = {"assessment_id": path.rpartition("/")[2], "practices": ["P1"]}
    return path, [posting("/v1/action-items", item)]


@pytest.mark.parametrize(
    "what", [organization, program, implementation, person, voided], ids=lambda what: what.__name__
)
async def test_a_deletion_meets_what_refers(
    meeting: Meeting, what: Callable[[Meeting], Awaitable[tuple[str, list[Refer]]]]
) -> None:
    outcomes = Counter[bool]()
    for turn in range(ROUNDS):
        path, references = await what(meeting)
        one, other = meeting.admins
        gone, *referring = await meeting.at_once(
            one.delete(path), *(refer(other if (at + turn) % 2 else one) for at, refer in enumerate(references))
        )
        there = (await meeting.tenancy.admin.get(path)).status_code == 200
        outcomes[there] += 1
        # It is there if and only if something refers to it, and its deletion was refused.
        assert there == any(answer.is_success for answer in referring) == (not gone.is_success)
        assert {outcome(answer) for answer in (gone, *referring) if not answer.is_success} <= REFUSED
    report(f"still there: {outcomes}")
