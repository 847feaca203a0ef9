"""A person gets a copy of what is stored of them: all of it but votes and secrets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from app.db.base import metadata
from app.db.schema.migrate import load_models
from app.people.personal import DELETED, ERASED_NAME, REFERRING
from app.privacy import exported_rows as rows
from app.privacy.exported import EXPORTED, INTERNAL, LEFT_OUT
from app.privacy.schemas import PersonExport
from tests.support.accounts import grant, new_account, problem
from tests.support.actors import Actor, Tenancy
from tests.support.issuer import Issuer
from tests.support.team import Team, new_team

load_models()
NAME = "Ada Lovelace-Quill"
SEAT = "Seat of Ada"
SUBJECT, OTHER = "subject-quill-77", "subject-other-78"
#: Columns that say who acted, under the names that tables give them.
ACTING = frozenset(
    {"actor_id", "author_id", "principal_id", "participant_id", "recorded_by", "entered_by", "created_by"}
)
MODELS: dict[str, type[BaseModel]] = {
    "people": rows.ExportedPerson,
    "person_external_ids": rows.ExportedExternalId,
    "former_employments": rows.ExportedEmployment,
    "participants": rows.ExportedSeat,
    "principals": rows.ExportedPrincipal,
    "api_keys": rows.ExportedApiKey,
    "role_grants": rows.ExportedRoleGrant,
    "identities": rows.ExportedSignIn,
}


@dataclass
class Known:
    """A person who signed in, holds a seat, and has a key.

    Attributes:
        signed_in: the person, who signed in and has no role.
        by_key: the person's API key.
        key: what the key is, in the clear.
        team: an assessment that collects votes, with a seat of the person.
    """

    tenancy: Tenancy
    id: str
    principal: str
    signed_in: Actor
    by_key: Actor
    key: str
    team: Team

    @property
    def path(self) -> str:
        return f"/v1/people/{self.id}/export"

    async def export(self, actor: Actor | None = None) -> dict[str, Any]:
        answer = await (actor or self.tenancy.admin).get(self.path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def details(subject: str) -> dict[str, Any]:
    """Return what an HR system says of a person."""
    return {
        "email": f"{subject}@agency.example",
        "employee_number": subject,
        "position": "Coach",
        "hired_on": "2020-02-01",
        "external_ids": [{"source": "hr", "external_id": subject}],
    }


async def new_known(tenancy: Tenancy, issuer: Issuer, subject: str) -> Known:
    """Make a person who has claimed a seat and not voted."""
    admin = tenancy.admin
    made = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": NAME, **details(subject)})
    await issuer.link(tenancy, subject, made["id"])
    [principal] = await admin.items("/v1/principals", person_id=made["id"])
    key = await admin.made(f"/v1/principals/{principal['id']}/api-keys", {"name": "Laptop"})
    team = await new_team(tenancy)
    await team.invited(SEAT, person_id=made["id"])
    await team.seat("Other")
    await team.move("collecting")
    holder = issuer.holder(tenancy, subject)
    team.seats[SEAT] = holder
    assert (await holder.post(f"{team.path}/own-seat")).status_code == 200
    return Known(tenancy, made["id"], principal["id"], holder, Actor(tenancy.http, key["key"]), key["key"], team)


@pytest.fixture
async def issuer(tenancy: Tenancy) -> AsyncIterator[Issuer]:
    async with Issuer() as started:
        await started.bind(tenancy)
        yield started


@pytest.fixture
async def known(tenancy: Tenancy, issuer: Issuer) -> Known:
    return await new_known(tenancy, issuer, SUBJECT)


async def act(known: Known) -> dict[str, Any]:
    """Let the person own, change and annotate an action item. Return the item."""
    root = known.tenancy.root_id
    assert (await grant(known.tenancy.admin, known.principal, "manager", root)).status_code == 201
    body = {"organization_id": root, "title": "Plan", "owner_id": known.id}
    item = await known.by_key.made("/v1/action-items", body)
    assert (await known.by_key.move(f"/v1/action-items/{item['id']}", "open")).status_code == 200
    await known.by_key.made(f"/v1/action-items/{item['id']}/notes", {"text": "Begun"})
    return item


def columns(*tables: str) -> set[str]:
    return {f"{table}.{column.name}" for table in tables for column in metadata.tables[table].columns}


def test_every_column_that_names_a_person_is_exported_or_left_out_by_declaration() -> None:
    assert EXPORTED.keys() | LEFT_OUT.keys() >= REFERRING | DELETED


def test_every_column_that_says_who_acted_is_exported_or_left_out_by_declaration() -> None:
    acting = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if column.name in ACTING
    }
    assert acting == {one for one in EXPORTED.keys() | LEFT_OUT.keys() if one.rpartition(".")[2] in ACTING}


def test_every_list_of_the_export_is_declared() -> None:
    assert set(EXPORTED.values()) == PersonExport.model_fields.keys() - {"person_id"}
    assert not EXPORTED.keys() & LEFT_OUT.keys()


@pytest.mark.parametrize("table", sorted(MODELS))
def test_every_column_of_what_is_exported_is_shown_or_internal(table: str) -> None:
    hidden = {f"{table}.tenant_id"} | {one for one in INTERNAL if one.partition(".")[0] == table}
    shown = {f"{table}.{field}" for field in MODELS[table].model_fields}
    assert columns(table) - shown == hidden


async def test_the_record_is_exported_with_all_its_details(known: Known) -> None:
    [record] = (await known.export())["people"]["items"]
    shown = (await known.tenancy.admin.get(f"/v1/people/{known.id}")).json()
    assert shown.keys() - record.keys() == {"details_visible", "employment_status"}
    assert {**shown, **record} == {**record, **shown}


async def test_the_seat_is_as_an_admin_reads_it(known: Known) -> None:
    [seat] = (await known.export())["seats"]["items"]
    read = (await known.tenancy.admin.get(f"{known.team.path}/participants/{known.team.ids[SEAT]}")).json()
    assert seat == {
        **read,
        "assessment_title": known.team.assessment["title"],
        "organization_id": known.team.assessment["organization_id"],
        "organization_name": seat["organization_name"],
    }


async def test_the_history_of_the_seat_has_its_invitation_and_claim(known: Known) -> None:
    history = (await known.export())["seat_history"]["items"]
    assert [one["event"] for one in history] == ["claimed", "invited"]
    assert {one["participant_id"] for one in history} == {known.team.ids[SEAT]}


async def test_work_and_what_the_person_wrote_is_listed(known: Known) -> None:
    item = await act(known)
    found = await known.export()
    [owned] = found["action_items"]["items"]
    assert (owned["id"], owned["owned"], owned["done"], owned["verified"]) == (item["id"], True, False, False)
    assert [one["to_status"] for one in found["action_item_history"]["items"]] == ["open", item["status"]]
    assert [one["text"] for one in found["action_item_notes"]["items"]] == ["Begun"]


async def test_access_is_listed(known: Known, issuer: Issuer) -> None:
    await act(known)
    found = await known.export()
    assert [one["id"] for one in found["principals"]["items"]] == [known.principal]
    assert [one["role"] for one in found["role_grants"]["items"]] == ["manager"]
    assert [one["name"] for one in found["api_keys"]["items"]] == ["Laptop"]
    assert [(one["issuer"], one["subject"]) for one in found["sign_ins"]["items"]] == [(issuer.url, SUBJECT)]


async def test_the_trail_is_listed_as_admins_read_it(known: Known) -> None:
    await act(known)
    found, admin = await known.export(), known.tenancy.admin
    about = {one["id"] for one in found["audit_events_about"]["items"]}
    assert {one["id"] for one in await admin.items("/v1/audit-events", object_id=known.id)} <= about
    by = await admin.items("/v1/audit-events", actor_id=known.principal)
    assert {one["id"] for one in found["audit_events_by"]["items"]} == {one["id"] for one in by} != set()


async def test_a_long_list_says_that_there_is_more(known: Known) -> None:
    item = await act(known)
    more = text(
        "insert into action_item_notes (tenant_id, id, created_at, action_item_id, text, author_id, author_name)"
        " select :tenant, gen_random_uuid(), now(), :item, 'More', :principal, :name from generate_series(1, 1000)"
    )
    values = {"item": item["id"], "principal": known.principal, "name": NAME, "tenant": known.tenancy.tenant_id}
    async with known.tenancy.owner.begin() as connection:
        await connection.execute(more, values)
    found = await known.export()
    assert (len(found["action_item_notes"]["items"]), found["action_item_notes"]["truncated"]) == (1000, True)
    assert found["action_item_history"]["truncated"] is False


async def test_no_secret_is_in_it(known: Known) -> None:
    async with known.tenancy.owner.connect() as connection:
        query = text("select encode(secret_hash, 'hex') from api_keys where tenant_id = :tenant")
        hashes = (await connection.execute(query, {"tenant": known.tenancy.tenant_id})).scalars().all()
    shown = (await known.tenancy.admin.get(known.path)).text
    assert [secret for secret in (known.key, *hashes) if secret in shown] == []


@pytest.mark.parametrize("who", ["admin", "self"])
async def test_votes_are_in_it_for_nobody(known: Known, who: str) -> None:
    comment = "Nobody else reads this sentence"
    actor = known.tenancy.admin if who == "admin" else known.signed_in
    before = await known.export(actor)
    path = f"{known.team.path}/votes/{known.team.ids[SEAT]}/P1"
    answer = await known.signed_in.put(path, {"value": 2, "comment": comment})
    assert answer.status_code == 201, answer.text
    assert unsealed(await known.export(actor)) == unsealed(before)


async def test_those_who_voted_and_those_who_did_not_export_alike(known: Known, issuer: Issuer) -> None:
    other = await new_known(known.tenancy, issuer, OTHER)
    assert (await known.team.vote(SEAT, "P1", 2)).status_code == 201
    voted, silent = await known.export(), await other.export()
    assert shape(voted) == shape(silent)


def unsealed(export: dict[str, Any]) -> dict[str, Any]:
    """Return an export without the places in the chain, which rows get a moment later."""
    trail = {
        name: export[name] and [{**one, "sequence": None} for one in export[name]["items"]]
        for name in ("audit_events_about", "audit_events_by")
    }
    return {**export, **trail}


def shape(node: Any) -> Any:
    """Return what two exports of alike people have in common: the names, and how many rows of each kind."""
    if isinstance(node, dict):
        return {name: shape(value) for name, value in node.items() if name not in {"sequence", "details", "changes"}}
    return [shape(one) for one in node] if isinstance(node, list) else node is None


async def test_a_person_who_signed_in_exports_themself_without_any_role(known: Known) -> None:
    own, whole = await known.export(known.signed_in), await known.export()
    trail = {"audit_events_about": None, "audit_events_by": None}
    assert own == {**whole, **trail}


async def test_a_person_who_signed_in_exports_nobody_else(known: Known, issuer: Issuer) -> None:
    other = await new_known(known.tenancy, issuer, OTHER)
    assert problem(await other.signed_in.get(known.path)) == (404, "not_found")


async def test_the_key_of_a_person_is_not_the_person(known: Known) -> None:
    assert problem(await known.by_key.get(known.path)) == (404, "not_found")


@pytest.mark.parametrize("role", ["integrator", "manager", "facilitator", "viewer"])
async def test_no_other_role_exports(known: Known, role: str) -> None:
    account = await new_account(known.tenancy, (role, known.tenancy.root_id))
    assert problem(await account.actor.get(known.path)) == (403, "forbidden")


async def test_an_admin_of_a_branch_does_not_export(known: Known) -> None:
    site = await known.tenancy.organization()
    person = await known.tenancy.admin.made("/v1/people", {"organization_id": site["id"], "name": "Nurse"})
    account = await new_account(known.tenancy, ("admin", site["id"]))
    assert problem(await account.actor.get(f"/v1/people/{person['id']}/export")) == (403, "forbidden")
    assert problem(await account.actor.get(known.path)) == (404, "not_found")


async def test_a_person_of_another_tenant_does_not_exist(known: Known, other_tenancy: Tenancy) -> None:
    assert problem(await other_tenancy.admin.get(known.path)) == (404, "not_found")


async def test_records_that_were_merged_are_exported_together_for_admins(known: Known) -> None:
    admin = known.tenancy.admin
    twin = await admin.made("/v1/people", {"organization_id": known.tenancy.root_id, "name": "Ada (twin)"})
    merged = await admin.call(
        "POST", f"/v1/people/{known.id}/merge", json={"person_id": twin["id"]}, headers={"If-Match": "*"}
    )
    assert merged.status_code == 200, merged.text
    whole = (await known.export())["people"]["items"]
    of_twin = (await admin.get(f"/v1/people/{twin['id']}/export")).json()["people"]["items"]
    assert [one["id"] for one in whole] == [one["id"] for one in of_twin] == [twin["id"], known.id]
    assert [one["id"] for one in (await known.export(known.signed_in))["people"]["items"]] == [known.id]


async def test_an_erased_person_is_a_placeholder_with_what_remains(known: Known) -> None:
    await act(known)
    assert (await known.tenancy.admin.post(f"/v1/people/{known.id}/erasure")).status_code == 200
    found = await known.export()
    [record], [seat] = found["people"]["items"], found["seats"]["items"]
    assert (record["name"], record["email"], record["external_ids"], seat["label"]) == (ERASED_NAME, None, [], None)
    assert found["sign_ins"]["items"] == found["role_grants"]["items"] == []
    assert [one["author_name"] for one in found["action_item_notes"]["items"]] == [ERASED_NAME]


async def test_nobody_caches_an_export(known: Known) -> None:
    answer = await known.tenancy.admin.get(known.path)
    assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)
