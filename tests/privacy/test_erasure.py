"""A person is erased: identity goes everywhere, votes and the audit trail stay."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import inspect, text

from app.db.base import metadata
from app.events.changes import RECORDED
from app.people.models import Person
from app.people.personal import DELETED, ERASED, ERASED_NAME, KEPT, REFERRING
from app.privacy.service import FINISH_ERASURE
from tests.support.accounts import grant, new_account, problem
from tests.support.actors import Actor, Tenancy
from tests.support.audit import changed, seal_trail, trail, verify
from tests.support.issuer import Issuer
from tests.support.jobs import change_jobs, until, working
from tests.support.people import add_person
from tests.support.team import PRACTICES, Team, new_team

NAME = "Ada Lovelace-Quill"
SUBJECT = "subject-quill-77"
SEAT = f"Seat of {NAME}"
DETAILS = {
    "email": "quill@agency.example",
    "employee_number": "quill-1",
    "position": "Quill's coach",
    "department": "Quill house",
    "hired_on": "2020-02-01",
    "external_ids": [{"source": "hr", "external_id": "quill-10442"}],
}


@dataclass
class Known:
    """A person with everything that a person can have.

    Attributes:
        signed_in: the person, who signed in.
        by_key: the person's API key.
        team: an assessment that collects votes; the person has voted there on the own seat.
    """

    tenancy: Tenancy
    id: str
    principal: str
    signed_in: Actor
    by_key: Actor
    team: Team

    @property
    def path(self) -> str:
        return f"/v1/people/{self.id}"

    async def erase(self, actor: Actor | None = None) -> httpx.Response:
        return await (actor or self.tenancy.admin).post(f"{self.path}/erasure")

    async def erased(self) -> dict[str, Any]:
        answer = await self.erase()
        assert answer.status_code == 200, answer.text
        left: dict[str, Any] = answer.json()
        return left


@pytest.fixture
async def issuer(tenancy: Tenancy) -> AsyncIterator[Issuer]:
    async with Issuer() as started:
        await started.bind(tenancy)
        yield started


@pytest.fixture
async def known(tenancy: Tenancy, admin: Actor, issuer: Issuer) -> Known:
    made = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": NAME, **DETAILS})
    await issuer.link(tenancy, SUBJECT, made["id"])
    [principal] = await admin.items("/v1/principals", person_id=made["id"])
    assert (await grant(admin, principal["id"], "admin", tenancy.root_id)).status_code == 201
    key = await admin.made(f"/v1/principals/{principal['id']}/api-keys", {"name": f"Laptop of {NAME}"})
    team = await new_team(tenancy)
    await team.invited(SEAT, person_id=made["id"])
    await team.seat("Other")
    await team.move("collecting")
    holder = issuer.holder(tenancy, SUBJECT)
    team.seats[SEAT] = holder
    assert (await holder.post(f"{team.path}/own-seat")).status_code == 200
    assert (await team.vote(SEAT, "P1", 2)).status_code == 201
    return Known(tenancy, made["id"], principal["id"], holder, Actor(tenancy.http, key["key"]), team)


async def act_everywhere(known: Known) -> None:
    """Let the person write wherever their name is stored with what they wrote."""
    by_key, root = known.by_key, known.tenancy.root_id
    item = await by_key.made("/v1/action-items", {"organization_id": root, "title": "Plan", "owner_id": known.id})
    assert (await by_key.move(f"/v1/action-items/{item['id']}", "open")).status_code == 200
    note = await by_key.post(
        f"/v1/action-items/{item['id']}/notes", {"text": "Begun"}, headers={"Idempotency-Key": "a"}
    )
    assert note.json()["author_name"] == NAME
    for change in ({"active": False}, {"active": True, "hired_on": "2026-02-01"}):
        assert (await known.tenancy.admin.patch(known.path, change)).status_code == 200
    site, other = await known.tenancy.organization(), await known.tenancy.organization()
    move = {"json": {"parent_id": other["id"]}, "headers": {"If-Match": "*"}}
    assert (await by_key.call("POST", f"/v1/organizations/{site['id']}/move", **move)).status_code == 200
    made = await new_team(known.tenancy)
    assert (await by_key.move(made.path, "void", reason="Begun twice")).status_code in {200, 409}
    assert (await known.tenancy.admin.patch(known.path, {"name": f"{NAME} Jr"})).status_code == 200
    assert (await known.tenancy.admin.patch(f"/v1/principals/{known.principal}", {"name": f"{NAME} Jr"})).is_success


async def columns_with(tenancy: Tenancy, *words: str) -> set[str]:
    """Return the columns of all tables that hold any of these words in a row of the tenant."""
    found = set()
    listed = text(
        "select c.relname as table, a.attname as column, t.typname as type,"
        " exists (select from pg_attribute k where k.attrelid = c.oid and k.attname = 'tenant_id') as of_tenant"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " join pg_type t on t.oid = a.atttypid"
        " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'"
    )
    async with tenancy.owner.connect() as connection:
        for row in (await connection.execute(listed)).all():
            shown = f"encode({row.column}, 'escape')" if row.type == "bytea" else f"{row.column}::text"
            where = "tenant_id = :tenant and" if row.of_tenant else "true or cast(:tenant as text) is null and"
            query = f"select count(*) from {row.table} where {where} {shown} ilike any(:words)"
            values = {"tenant": tenancy.tenant_id, "words": [f"%{word}%" for word in words]}
            if row.of_tenant and (await connection.execute(text(query), values)).scalar_one():
                found.add(f"{row.table}.{row.column}")
    return found


def test_every_column_of_people_is_kept_or_erased_by_declaration() -> None:
    assert set(inspect(Person).columns.keys()) == KEPT | set(ERASED)
    assert not KEPT & set(ERASED)


def test_every_column_that_names_a_person_is_declared() -> None:
    naming = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if column.name == "person_id" or any(key.target_fullname == "people.id" for key in column.foreign_keys)
    }
    # This one has no foreign key.
    assert naming | {"action_items.done_owner_id"} == REFERRING | DELETED


def test_the_audit_trail_keeps_by_reference_whatever_is_erased() -> None:
    assert RECORDED["people"].values & set(ERASED) <= {"active", "manager_id"}


async def test_what_is_left_is_a_placeholder(known: Known) -> None:
    left = await known.erased()
    assert (left["id"], left["name"], left["active"]) == (known.id, ERASED_NAME, False)
    assert left["erased_at"] is not None
    assert (await known.tenancy.admin.get(known.path)).json() == left
    [seat] = [
        one
        for one in await known.tenancy.admin.items(f"{known.team.path}/participants")
        if one["person_id"] == known.id
    ]
    assert (seat["label"], seat["has_token"]) == (None, False)


async def test_no_table_says_any_more_who_it_was(known: Known) -> None:
    await act_everywhere(known)
    words = (NAME, NAME.casefold(), SUBJECT, "Quill")
    before = await columns_with(known.tenancy, *words)
    assert {
        "people.name",
        "people.name_key",
        "people.email",
        "people.employee_number",
        "people.position",
        "people.department",
        "person_external_ids.external_id",
        "former_employments.position",
        "participants.label",
        "principals.name",
        "api_keys.name",
        "identities.subject",
        "audit_values.value",
        "action_item_changes.actor_name",
        "action_item_notes.author_name",
        "assessment_changes.actor_name",
        "organization_moves.actor_name",
        "seat_changes.actor_name",
        "idempotency_keys.body",
    } <= before
    await known.erased()
    assert await columns_with(known.tenancy, *words) == set()


async def test_histories_go_on_saying_that_somebody_did_it(known: Known) -> None:
    await known.erased()
    history = await known.tenancy.admin.items(f"{known.team.path}/participants/{known.team.ids[SEAT]}/history")
    assert [(one["event"], one["actor_name"]) for one in history][1:] == [
        ("claimed", ERASED_NAME),
        ("token_revoked", history[0]["actor_name"]),
    ]


@pytest.mark.parametrize("how", ["sign-in", "key", "seat"])
async def test_all_access_ends_at_once(known: Known, how: str) -> None:
    seat = await known.team.reseat(SEAT) if how == "seat" else None
    actor = seat or (known.by_key if how == "key" else known.signed_in)
    assert (await actor.get("/v1/me")).status_code == 200
    await known.erased()
    answer = await actor.get(known.team.path)
    assert answer.status_code in {401, 403, 404}
    assert NAME not in (await actor.get("/v1/me")).text


async def test_access_ends_in_other_processes_within_a_second(known: Known, replica: FastAPI) -> None:
    transport = httpx.ASGITransport(app=replica, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://replica") as there:
        elsewhere = Actor(there, known.by_key.token)
        assert (await elsewhere.get("/v1/me")).status_code == 200
        await known.erased()
        replica.state.app_state.invalidate()  # as the second of the cache would do
        assert problem(await elsewhere.get("/v1/me")) == (401, "key_revoked")


async def test_nothing_of_the_access_is_left(known: Known) -> None:
    await known.erased()
    admin = known.tenancy.admin
    principal = (await admin.get(f"/v1/principals/{known.principal}")).json()
    assert (principal["name"], principal["status"]) == (ERASED_NAME, "deactivated")
    grants = [one for one in await admin.items("/v1/role-grants") if one["principal_id"] == known.principal]
    keys = [one for one in await admin.items("/v1/api-keys") if one["principal_id"] == known.principal]
    assert grants == []
    assert [(one["name"], one["revoked_at"] is not None) for one in keys] == [(ERASED_NAME, True)]


async def test_an_open_invitation_of_the_person_ends(known: Known) -> None:
    code = await known.team.invite_again(SEAT)
    await known.erased()
    assert (await known.tenancy.http.post("/v1/seats/claim", json={"code": code})).status_code in {404, 429}


async def test_votes_in_a_sealed_round_still_count(known: Known) -> None:
    assert (await known.team.vote("Other", "P1", 2)).status_code == 201
    before = await known.team.readiness()
    await known.erased()
    assert (await known.team.readiness())["voting"] == before["voting"]
    await known.team.move("consensus")
    assert (await known.team.readiness())["voting"]["voted"] == 2


async def test_a_seat_of_a_final_assessment_loses_its_label(known: Known) -> None:
    team = known.team
    await team.move("consensus")
    await team.administration()
    for practice in PRACTICES:
        assert (await team.consensus(practice, 2, "Agreed.")).status_code == 201
    await team.move("final")
    before = await team.readiness()
    await known.erased()
    assert (await team.tenancy.admin.get(f"{team.path}/participants/{team.ids[SEAT]}")).json()["label"] is None
    assert (await team.readiness())["practices"] == before["practices"]


async def test_the_audit_trail_stays_whole(known: Known) -> None:
    await seal_trail(known.tenancy)
    await known.erased()
    await seal_trail(known.tenancy)
    assert (await verify(known.tenancy.admin))["intact"] is True
    [row] = await trail(known.tenancy.admin, object_id=known.id, action="person.erased")
    assert changed(row)["name"] == (None, None)
    assert changed(row)["active"] == (True, False)


async def test_followers_learn_of_it_without_a_name(known: Known) -> None:
    await known.erased()
    await known.tenancy.app.state.app_state.sealer.seal_all()
    events = (await known.tenancy.admin.get("/v1/events", params={"limit": 200})).json()["items"]
    [event] = [one for one in events if one["type"] == "person.erased"]
    assert (event["subject_id"], event["data"]) == (known.id, {})


async def test_repeating_it_changes_nothing(known: Known) -> None:
    first = await known.erased()
    rows = len(await trail(known.tenancy.admin))
    assert await known.erased() == first
    assert len(await trail(known.tenancy.admin)) == rows


async def test_nothing_can_be_put_in_the_place_of_what_was_erased(known: Known) -> None:
    await known.erased()
    admin = known.tenancy.admin
    refused = [
        await admin.patch(known.path, {"name": NAME}),
        await admin.patch(f"/v1/principals/{known.principal}", {"name": NAME}),
        await admin.move(f"/v1/principals/{known.principal}", "active"),
    ]
    assert [problem(answer) for answer in refused] == [(409, "person_erased")] * 3


async def test_the_last_admin_cannot_be_erased(known: Known) -> None:
    own = (await known.tenancy.admin.get("/v1/me")).json()["grants"][0]["id"]
    assert (await known.tenancy.admin.delete(f"/v1/role-grants/{own}")).status_code == 204
    assert problem(await known.erase(known.by_key)) == (409, "last_admin")
    assert (await known.by_key.get(known.path)).json()["name"] == NAME


async def test_an_admin_can_erase_the_own_person(known: Known) -> None:
    assert (await known.erase(known.signed_in)).status_code == 200
    assert await columns_with(known.tenancy, NAME, SUBJECT) == set()
    async with known.tenancy.owner.connect() as connection:
        query = text("select count(*) from audit_values where tenant_id = :t and person_id = :p and value is not null")
        left = await connection.execute(query, {"t": known.tenancy.tenant_id, "p": known.id})
        assert left.scalar_one() == 0


@pytest.mark.parametrize("role", ["integrator", "manager", "facilitator", "viewer"])
async def test_no_other_role_erases(known: Known, role: str) -> None:
    account = await new_account(known.tenancy, (role, known.tenancy.root_id))
    assert problem(await known.erase(account.actor)) == (403, "forbidden")


async def test_an_admin_of_a_branch_does_not_erase(known: Known) -> None:
    site = await known.tenancy.organization()
    person = await known.tenancy.admin.made("/v1/people", {"organization_id": site["id"], "name": "Nurse"})
    account = await new_account(known.tenancy, ("admin", site["id"]))
    assert problem(await account.actor.post(f"/v1/people/{person['id']}/erasure")) == (403, "forbidden")
    assert problem(await known.erase(account.actor)) == (404, "not_found")


async def test_a_record_that_was_merged_goes_with_the_person(known: Known) -> None:
    admin = known.tenancy.admin
    twin = await admin.made("/v1/people", {"organization_id": known.tenancy.root_id, "name": f"{NAME} (twin)"})
    merged = await admin.call("POST", f"{known.path}/merge", json={"person_id": twin["id"]}, headers={"If-Match": "*"})
    assert merged.status_code == 200, merged.text
    assert (await admin.post(f"/v1/people/{twin['id']}/erasure")).json()["name"] == ERASED_NAME
    assert await columns_with(known.tenancy, NAME) == set()
    assert (await admin.get(known.path)).json()["erased_at"] is not None


async def test_an_erased_person_cannot_be_merged(known: Known) -> None:
    admin = known.tenancy.admin
    other = await admin.made("/v1/people", {"organization_id": known.tenancy.root_id, "name": "Bo"})
    await known.erased()
    refused = await admin.call(
        "POST", f"/v1/people/{other['id']}/merge", json={"person_id": known.id}, headers={"If-Match": "*"}
    )
    assert problem(refused) == (409, "person_erased")


async def test_followers_learn_that_work_has_lost_its_owner(known: Known) -> None:
    item = {"organization_id": known.tenancy.root_id, "title": "Plan", "owner_id": known.id}
    made = await known.tenancy.admin.made("/v1/action-items", item)
    await known.erased()
    await known.tenancy.app.state.app_state.sealer.seal_all()
    events = (await known.tenancy.admin.get("/v1/events", params={"limit": 200})).json()["items"]
    assert [one["subject_id"] for one in events if one["type"] == "action_item.owner_left"] == [made["id"]]


async def test_a_dry_run_erases_nothing(known: Known) -> None:
    answer = await known.tenancy.admin.post(f"{known.path}/erasure?dry_run=true")
    assert answer.json()["name"] == ERASED_NAME
    assert (await known.tenancy.admin.get(known.path)).json()["name"] == NAME


async def test_what_a_late_request_left_is_erased_later(known: Known) -> None:
    await known.erased()
    late = text(
        "insert into seat_changes"
        " (tenant_id, id, created_at, assessment_id, participant_id, event, actor_id, actor_name)"
        " values (:t, gen_random_uuid(), now(), :a, :s, 'claimed', :p, :n)"
    )
    values = {"a": known.team.assessment["id"], "s": known.team.ids[SEAT], "p": known.principal, "n": NAME}
    async with known.tenancy.owner.begin() as connection:
        await connection.execute(late, {"t": known.tenancy.tenant_id, **values})
    await change_jobs(known.tenancy.owner, FINISH_ERASURE, "due_at = now()")
    await finished(known.tenancy)
    assert await columns_with(known.tenancy, NAME) == set()


async def test_who_is_deleted_after_the_erasure_needs_no_more(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/people/{(await add_person(tenancy))['id']}"
    assert (await admin.post(f"{path}/erasure")).status_code == 200
    assert (await admin.delete(path)).status_code == 204
    await change_jobs(tenancy.owner, FINISH_ERASURE, "due_at = now()")
    await finished(tenancy)


async def finished(tenancy: Tenancy) -> None:
    """Wait until what follows the tenant's erasures is done."""

    def are_done(jobs: list[Any]) -> bool:
        return {job.state for job in jobs if job.tenant_id == tenancy.tenant_id} == {"done"}

    async with working(tenancy.app, FINISH_ERASURE):
        await until(tenancy.owner, FINISH_ERASURE, are_done)
