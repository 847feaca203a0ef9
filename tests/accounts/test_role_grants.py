"""Role grants over HTTP: given, limited in time and taken away, and never more than the caller has."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.support.accounts import Account, grant, new_account, new_principal, problem
from tests.support.actors import Actor, Tenancy
from tests.support.replicas import ROUNDS, Meeting

SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
DAY = (datetime.now(UTC) + timedelta(days=1)).isoformat()
LATER = (datetime.now(UTC) + timedelta(days=30)).isoformat()
PAST = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


async def organizations(actor: Actor) -> int:
    return (await actor.get("/v1/organizations")).status_code


async def root_admin(tenancy: Tenancy) -> Account:
    return await new_account(tenancy, ("admin", tenancy.root_id))


async def test_a_granted_role_counts_at_once_and_is_gone_at_once(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy)
    assert await organizations(account.actor) == 403
    made = await grant(admin, account.id, "viewer", tenancy.root_id)
    assert await organizations(account.actor) == 200
    assert (await admin.delete(f"/v1/role-grants/{made.json()['id']}")).status_code == 204
    assert await organizations(account.actor) == 403


async def test_a_grant_is_read_as_it_was_made(tenancy: Tenancy, admin: Actor) -> None:
    principal = await new_principal(admin, tenancy.root_id)
    made = await grant(admin, principal, "manager", tenancy.root_id, ends_at="2100-01-01T00:00:00Z")
    read = await admin.get(made.headers["location"])
    assert read.json() == made.json()
    assert (read.json()["ends_at"], read.json()["principal_name"]) == ("2100-01-01T00:00:00Z", "Feed")
    assert read.headers["etag"] == made.headers["etag"]


async def test_me_shows_each_role_with_its_grant(tenancy: Tenancy) -> None:
    county = (await tenancy.organization())["id"]
    account = await new_account(
        tenancy, ("viewer", tenancy.root_id), ("manager", county), ends_at="2100-01-01T00:00:00Z"
    )
    shown = (await account.actor.get("/v1/me")).json()["grants"]
    assert [(one["id"], one["role"], one["ends_at"]) for one in shown] == [
        (account.grants[0], "viewer", "2100-01-01T00:00:00Z"),
        (account.grants[1], "manager", "2100-01-01T00:00:00Z"),
    ]


async def test_grants_are_listed_by_each_filter(tenancy: Tenancy, admin: Actor) -> None:
    county = (await tenancy.organization())["id"]
    principal = await new_principal(admin, tenancy.root_id)
    on_root = (await grant(admin, principal, "viewer", tenancy.root_id, starts_at=LATER)).json()
    on_county = (await grant(admin, principal, "manager", county)).json()
    filters: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [on_root, on_county]),
        ({"organization_id": county}, [on_county]),
        ({"subtree": county}, [on_county]),
        ({"role": "viewer"}, [on_root]),
        ({"in_force": "true"}, [on_county]),
        ({"in_force": "false"}, [on_root]),
    ]
    for chosen, expected in filters:
        assert await admin.items("/v1/role-grants", principal_id=principal, **chosen) == expected, chosen


async def test_a_role_is_granted_once_on_an_organization(tenancy: Tenancy, admin: Actor) -> None:
    principal = await new_principal(admin, tenancy.root_id)
    answers = [await grant(admin, principal, "viewer", tenancy.root_id) for _ in range(2)]
    assert [problem(answer) for answer in answers] == [(201, None), (409, "grant_exists")]


@pytest.mark.parametrize("role", ["viewer", "respondent", "facilitator", "manager", "integrator"])
async def test_only_an_admin_grants(tenancy: Tenancy, admin: Actor, role: str) -> None:
    principal = await new_principal(admin, tenancy.root_id)
    caller = await tenancy.key((role, tenancy.root_id))
    expected = (404, "not_found") if role == "respondent" else (403, "forbidden")
    assert problem(await grant(caller, principal, role, tenancy.root_id)) == expected


async def test_nobody_grants_themselves_more(tenancy: Tenancy) -> None:
    county = (await tenancy.organization())["id"]
    account = await new_account(tenancy, ("admin", county))
    assert problem(await grant(account.actor, account.id, "viewer", tenancy.root_id)) == (404, "not_found")
    facilitator = await new_account(tenancy, ("facilitator", county))
    assert problem(await grant(facilitator.actor, facilitator.id, "admin", county)) == (403, "forbidden")


async def test_an_admin_grants_in_the_own_subtree_only(tenancy: Tenancy, admin: Actor) -> None:
    county, sibling = [(await tenancy.organization())["id"] for _ in range(2)]
    site = (await tenancy.organization(county))["id"]
    caller, principal = await tenancy.key(("admin", county), ("viewer", sibling)), await new_principal(admin, site)
    answers = [
        problem(await grant(caller, principal, "admin", at))
        for at in (site, county, sibling, tenancy.root_id, str(uuid4()))
    ]
    assert answers == [(201, None), (201, None), (403, "forbidden"), (404, "not_found"), (404, "not_found")]


async def test_a_principal_that_the_caller_does_not_manage_is_unknown(tenancy: Tenancy, admin: Actor) -> None:
    county = (await tenancy.organization())["id"]
    caller = await tenancy.key(("admin", county), ("viewer", tenancy.root_id))
    foreign = await new_principal(admin, tenancy.root_id)
    answers = [await grant(caller, one, "viewer", county) for one in (foreign, str(uuid4()))]
    assert [problem(answer) for answer in answers] == [(422, "unknown_principal")] * 2
    assert answers[0].json()["errors"] == answers[1].json()["errors"]


@pytest.mark.parametrize(
    ("ends_at", "code"),
    [(None, "beyond_own_rights"), (LATER, "beyond_own_rights"), (SOON, None)],
    ids=["never", "later", "soon"],
)
async def test_no_grant_outlasts_the_role_of_who_gives_it(
    tenancy: Tenancy, admin: Actor, ends_at: str | None, code: str | None
) -> None:
    giver = await new_account(tenancy, ("admin", tenancy.root_id), ends_at=DAY)
    principal = await new_principal(admin, tenancy.root_id)
    assert problem(await grant(giver.actor, principal, "viewer", tenancy.root_id, ends_at=ends_at))[1] == code


@pytest.mark.parametrize(
    ("ends_at", "code"),
    [(None, "beyond_own_rights"), (LATER, "beyond_own_rights"), (PAST, None)],
    ids=["never", "later", "past"],
)
async def test_no_grant_is_prolonged_beyond_the_role_of_who_prolongs_it(
    tenancy: Tenancy, ends_at: str | None, code: str | None
) -> None:
    giver = await new_account(tenancy, ("admin", tenancy.root_id), ends_at=DAY)
    [own] = giver.grants
    body = {"starts_at": "2020-01-01T00:00:00Z", "ends_at": ends_at}
    assert problem(await giver.actor.patch(f"/v1/role-grants/{own}", body))[1] == code


async def test_a_grant_does_not_start_earlier_by_who_will_have_lost_the_role_before_it_ends(
    tenancy: Tenancy, admin: Actor
) -> None:
    giver = await new_account(tenancy, ("admin", tenancy.root_id), ends_at=DAY)
    principal = await new_principal(admin, tenancy.root_id)
    made = (await grant(admin, principal, "viewer", tenancy.root_id, starts_at=LATER)).json()
    path = f"/v1/role-grants/{made['id']}"
    assert problem(await giver.actor.patch(path, {"starts_at": None})) == (403, "beyond_own_rights")
    assert (await admin.patch(path, {"starts_at": None})).status_code == 200


async def test_a_grant_of_a_giver_that_ends_later_is_shortened(tenancy: Tenancy, admin: Actor) -> None:
    giver = await new_account(tenancy, ("admin", tenancy.root_id), ends_at=DAY)
    target = await new_account(tenancy, ("viewer", tenancy.root_id))
    answer = await giver.actor.patch(f"/v1/role-grants/{target.grants[0]}", {"ends_at": LATER})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "period", [{"ends_at": PAST}, {"starts_at": LATER, "ends_at": SOON}, {"starts_at": SOON, "ends_at": SOON}]
)
async def test_a_period_that_makes_no_sense_is_refused(tenancy: Tenancy, admin: Actor, period: dict[str, str]) -> None:
    principal = await new_principal(admin, tenancy.root_id)
    assert problem(await grant(admin, principal, "viewer", tenancy.root_id, **period)) == (422, "invalid_period")


async def test_a_grant_ends_and_is_renewed_by_its_period(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    path = f"/v1/role-grants/{account.grants[0]}"
    statuses = []
    for body in ({"starts_at": "2020-01-01T00:00:00Z", "ends_at": PAST}, {"ends_at": None}, {"starts_at": SOON}):
        assert (await admin.patch(path, body)).status_code == 200
        statuses.append(await organizations(account.actor))
    assert statuses == [403, 200, 403]


async def test_a_grant_of_another_tenant_does_not_exist(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    admin, path = other_tenancy.admin, f"/v1/role-grants/{account.grants[0]}"
    answers = [await admin.get(path), await admin.patch(path, {"ends_at": None}), await admin.delete(path)]
    assert [problem(answer) for answer in answers] == [(404, "not_found")] * 3
    foreign = await grant(admin, account.id, "viewer", other_tenancy.root_id)
    assert problem(foreign) == (422, "unknown_principal")


async def last_grant(tenancy: Tenancy) -> str:
    [found] = await tenancy.admin.items("/v1/role-grants", role="admin")
    return f"/v1/role-grants/{found['id']}"


async def test_the_last_admin_role_cannot_be_taken_away(tenancy: Tenancy, admin: Actor) -> None:
    path = await last_grant(tenancy)
    assert problem(await admin.delete(path)) == (409, "last_admin")
    for ends_at in (LATER, PAST):
        body = {"starts_at": "2020-01-01T00:00:00Z", "ends_at": ends_at}
        assert problem(await admin.patch(path, body)) == (409, "last_admin")
    assert problem(await admin.patch(path, {"starts_at": SOON})) == (409, "last_admin")


@pytest.mark.parametrize("kind", ["below the root", "with an end", "without a key", "deactivated"])
async def test_another_admin_counts_only_if_it_lasts_and_can_call(tenancy: Tenancy, admin: Actor, kind: str) -> None:
    path, county = await last_grant(tenancy), (await tenancy.organization())["id"]
    at, ends_at = (county if kind == "below the root" else tenancy.root_id), (DAY if kind == "with an end" else None)
    other = await new_account(tenancy, ("admin", at), ends_at=ends_at)
    if kind == "without a key":
        assert (await admin.delete(f"/v1/api-keys/{other.key_id}")).status_code == 204
    if kind == "deactivated":
        assert (await admin.move(f"/v1/principals/{other.id}", "deactivated")).status_code == 200
    assert problem(await admin.delete(path)) == (409, "last_admin")


async def test_an_admin_takes_away_the_own_role_where_another_admin_stays(tenancy: Tenancy, admin: Actor) -> None:
    path = await last_grant(tenancy)
    await root_admin(tenancy)
    assert (await admin.delete(path)).status_code == 204
    assert await organizations(admin) == 403


async def test_of_two_admins_who_remove_each_other_one_stays(meeting: Meeting) -> None:
    tenancy = meeting.tenancy
    for _ in range(ROUNDS):
        one, other = await root_admin(tenancy), await root_admin(tenancy)
        answers = await meeting.at_once(
            meeting.both(one.actor)[0].delete(f"/v1/role-grants/{other.grants[0]}"),
            meeting.both(other.actor)[1].delete(f"/v1/role-grants/{one.grants[0]}"),
        )
        # The second was an admin when it asked, and is none when its turn comes.
        first, second = sorted(answer.status_code for answer in answers)
        assert first == 204
        assert second in {403, 404}


async def test_the_last_two_admins_cannot_both_leave(meeting: Meeting) -> None:
    tenancy = meeting.tenancy
    for _ in range(ROUNDS):
        one = await root_admin(tenancy)
        found = await tenancy.admin.items("/v1/role-grants", role="admin", in_force="true")
        [own] = [row["id"] for row in found if row["id"] not in one.grants]
        admins = meeting.admins
        answers = await meeting.at_once(
            admins[0].delete(f"/v1/role-grants/{own}"),
            meeting.both(one.actor)[1].delete(f"/v1/role-grants/{one.grants[0]}"),
        )
        assert sorted(problem(answer) for answer in answers) == [(204, None), (409, "last_admin")]
        if answers[0].is_success:
            tenancy.admin = one.actor


@pytest.mark.parametrize("how", ["deactivate", "take the role", "revoke the key", "rotate the key"])
async def test_who_loses_the_rights_meanwhile_grants_nothing(meeting: Meeting, how: str) -> None:
    tenancy = meeting.tenancy
    giver = await root_admin(tenancy)
    here, there = meeting.both(giver.actor)
    assert await organizations(there) == 200  # the replica knows the caller for a second
    if how == "deactivate":
        answer = await tenancy.admin.move(f"/v1/principals/{giver.id}", "deactivated")
    elif how == "take the role":
        answer = await tenancy.admin.delete(f"/v1/role-grants/{giver.grants[0]}")
    elif how == "revoke the key":
        answer = await tenancy.admin.delete(f"/v1/api-keys/{giver.key_id}")
    else:
        answer = await tenancy.admin.post(f"/v1/api-keys/{giver.key_id}/rotation", {"overlap_seconds": 0})
    assert answer.is_success
    target = await new_principal(tenancy.admin, tenancy.root_id)
    refused = await grant(there, target, "admin", tenancy.root_id)
    assert refused.status_code in {401, 403, 404}
    assert here.token == there.token
