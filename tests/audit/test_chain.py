"""The chain of the audit trail: sealed in order, and nothing in it can be altered unseen."""

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.events.chain import Verification, seal_audit_trail, verify_chain
from tests.support.actors import Actor, Tenancy
from tests.support.audit import seal_trail, trail, verify
from tests.support.database import Urls
from tests.support.places import furnish
from tests.support.services import run

SEED = 20261130
MUTATIONS = 1_000
TEXTS = ("actor_kind", "action", "operation", "outcome", "code", "subject_type", "request_id", "source_address")
IDS = ("id", "actor_id", "subject_id", "organization_id")


class Direct:
    """Reads through one connection of the owner, inside whatever transaction is open there."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def fetch(self, read: Any, **values: Any) -> Any:
        return await self.connection.fetch(read.sql, *read.arguments(values))

    async def fetch_one(self, read: Any, **values: Any) -> Any:
        return await self.connection.fetchrow(read.sql, *read.arguments(values))

    async def verify(self, tenancy: Tenancy) -> Verification:
        return await verify_chain(self, tenancy.tenant_id)


@pytest.fixture
async def direct(urls: Urls) -> AsyncIterator[Direct]:
    connection = await asyncpg.connect(urls.owner)
    yield Direct(connection)
    await connection.close()


@pytest.fixture
async def service(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A connection with the rights of the service."""
    connection = await asyncpg.connect(urls.service)
    if not urls.separate:
        await connection.execute(f'set role "{urls.role}"')
    yield connection
    await connection.close()


@pytest.fixture
async def sealed(tenancy: Tenancy) -> list[dict[str, Any]]:
    """A trail of some rows, all sealed."""
    await furnish(tenancy, tenancy.root_id)
    await tenancy.admin.post("/v1/people", {})
    await seal_trail(tenancy)
    return await trail(tenancy.admin)


async def test_every_row_is_sealed_in_order(sealed: list[dict[str, Any]], admin: Actor) -> None:
    assert sorted(row["sequence"] for row in sealed) == list(range(1, len(sealed) + 1))
    found = await verify(admin)
    assert (found["intact"], found["rows"], found["altered_sequence"]) == (True, len(sealed), None)


async def test_sealing_again_changes_nothing_and_goes_on_where_it_ended(
    sealed: list[dict[str, Any]], tenancy: Tenancy, admin: Actor
) -> None:
    before = await verify(admin)
    await seal_trail(tenancy)
    assert await verify(admin) == before
    await tenancy.organization()
    await seal_trail(tenancy)
    after = await verify(admin)
    assert (after["rows"], after["intact"]) == (before["rows"] + 1, True)
    assert after["head"] != before["head"]


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_events set action = 'x'",
        "delete from audit_events",
        "update audit_values set value = 'x'",
        "delete from audit_values",
        "update audit_chains set sequence = 0",
        "delete from audit_chains",
    ],
)
async def test_the_service_cannot_alter_the_trail(service: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute(statement)


WHERE = "where tenant_id = $1 and id = $2"
OF_ROW = "c.tenant_id = $1 and not c.hidden and e.tenant_id = $1 and e.id = $2"
#: Sets the recorded end of the chain back to the row before the one that is altered.
HEAD_BACK = """
update audit_chains c set sequence = e.sequence - 1, seal = coalesce(
    (select f.seal from audit_events f
     where f.tenant_id = e.tenant_id and not f.hidden and f.sequence = e.sequence - 1),
    decode(repeat('00', 32), 'hex'))
from audit_events e
"""
#: Statements that alter one row, by the first words of what they do.
ALTERING = [
    *(f"update audit_events set {one} = 'x' || left(coalesce({one}, ''), 10) {WHERE}" for one in TEXTS),
    *(f"update audit_events set {one} = gen_random_uuid() {WHERE}" for one in IDS),
    *(f"update audit_events set {one} = '[1]' {WHERE}" for one in ("data", "changes", "source_ref")),
    *(
        f"update audit_events set {one} = {one} - interval '1 microsecond' {WHERE}"
        for one in ("created_at", "sealed_at", "recorded_at")
    ),
    f"delete from audit_events {WHERE}",
    f"update audit_events set seal = sha256(seal) {WHERE}",
    f"update audit_events set seal = null, sequence = null {WHERE}",
    f"update audit_events set hidden = true, sequence = 1000000 {WHERE}",
    f"update audit_events set sequence = sequence + 1000000 {WHERE}",
    f"update audit_events set sequence = null {WHERE}",
    f"update audit_events set sequence = -sequence {WHERE}",
    f"update audit_events set id = gen_random_uuid(), action = 'forged', data = '{{}}' {WHERE}",
    f"with cut as ({HEAD_BACK} where {OF_ROW}) update audit_events set data = '[1]' {WHERE}",
]
ALTERING_VALUES = [
    f"update audit_values set {change} where tenant_id = $1 and audit_event_id = $2"
    for change in (
        "value = '\"Other\"'",
        "salt = sha256(salt)",
        "erased_at = now()",
        "value = null",
        "id = gen_random_uuid()",
    )
] + ["delete from audit_values where tenant_id = $1 and audit_event_id = $2"]


def mutate(chance: random.Random, rows: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """A statement that alters the stored chain, and the row that it alters."""
    with_values = [
        row
        for row in rows
        if {change["field"] for change in row["changes"]} & {"name", "label"}
        and row["object_type"] in {"person", "participant", "principal"}
    ]
    if chance.random() < 0.2:
        return chance.choice(ALTERING_VALUES), chance.choice(with_values)
    return chance.choice(ALTERING), chance.choice(rows)


async def test_every_mutation_of_the_chain_is_found_and_the_row_named(
    sealed: list[dict[str, Any]], tenancy: Tenancy, direct: Direct
) -> None:
    chance, unfound = random.Random(SEED), []
    for number in range(MUTATIONS):
        statement, row = mutate(chance, sealed)
        transaction = direct.connection.transaction()
        await transaction.start()
        done = await direct.connection.execute(statement, tenancy.tenant_id, row["id"])
        found = await direct.verify(tenancy)
        await transaction.rollback()
        if done.endswith(" 0") or found.altered != row["sequence"]:
            unfound.append((number, statement, done, row["sequence"], found))
    assert unfound == [], f"seed {SEED}"
    assert (await direct.verify(tenancy)).altered is None


async def test_a_chain_that_was_cut_at_its_end_is_found(
    sealed: list[dict[str, Any]], tenancy: Tenancy, direct: Direct, admin: Actor
) -> None:
    last = max(sealed, key=lambda row: row["sequence"])
    await direct.connection.execute("delete from audit_events where id = $1", last["id"])
    found = await verify(admin)
    assert (found["intact"], found["altered_sequence"], found["altered_id"], found["reason"]) == (
        False,
        last["sequence"],
        None,
        "missing",
    )


async def test_another_head_is_found(
    sealed: list[dict[str, Any]], tenancy: Tenancy, direct: Direct, admin: Actor
) -> None:
    await direct.connection.execute(
        "update audit_chains set seal = sha256(seal) where tenant_id = $1 and not hidden", tenancy.tenant_id
    )
    found = await verify(admin)
    assert (found["intact"], found["reason"], found["altered_sequence"]) == (False, "head", len(sealed))


async def test_a_head_that_is_gone_is_found(
    sealed: list[dict[str, Any]], tenancy: Tenancy, direct: Direct, admin: Actor
) -> None:
    await direct.connection.execute("delete from audit_chains where tenant_id = $1 and not hidden", tenancy.tenant_id)
    found = await verify(admin)
    assert (found["intact"], found["reason"], found["altered_sequence"]) == (False, "head", 1)


@pytest.mark.parametrize("place", ["null", "0", "-1"])
async def test_a_sealed_row_without_a_place_is_found(
    sealed: list[dict[str, Any]], tenancy: Tenancy, direct: Direct, admin: Actor, place: str
) -> None:
    last = max(sealed, key=lambda row: row["sequence"])
    of_row = (tenancy.tenant_id, last["id"])
    await direct.connection.execute(f"{HEAD_BACK} where {OF_ROW}", *of_row)
    await direct.connection.execute(f"update audit_events set sequence = {place} {WHERE}", *of_row)
    found = await verify(admin)
    assert found == {
        "intact": False,
        "rows": len(sealed) - 1,
        "head": found["head"],
        "altered_sequence": None,
        "altered_id": last["id"],
        "reason": "seal",
    }


async def test_rows_that_are_sealed_during_a_check_are_no_fault(
    sealed: list[dict[str, Any]], tenancy: Tenancy, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, asked = direct.fetch, 0

    async def fetch_and_seal(read: Any, **values: Any) -> Any:
        nonlocal asked
        asked, rows = asked + 1, await fetch(read, **values)
        if asked == 1:
            await tenancy.organization()
            await seal_trail(tenancy)
        return rows

    monkeypatch.setattr(direct, "fetch", fetch_and_seal)
    found = await direct.verify(tenancy)
    assert (found.rows, found.reason) == (len(sealed), None)


async def test_a_damaged_chain_does_not_keep_others_unsealed(
    sealed: list[dict[str, Any]],
    tenancy: Tenancy,
    direct: Direct,
    other_tenancy: Tenancy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await direct.connection.execute(
        "update audit_chains set sequence = 0 where tenant_id = $1 and not hidden", tenancy.tenant_id
    )
    await tenancy.organization()
    await other_tenancy.organization()
    await seal_audit_trail(tenancy.app.state.app_state.database)
    assert all(row["sequence"] for row in await trail(other_tenancy.admin))
    [record] = [one for one in caplog.records if getattr(one, "tenant", None) == str(tenancy.tenant_id)]
    assert (record.levelname, vars(record)["chain"]) == ("ERROR", "open")


async def test_many_rows_of_one_tenant_do_not_delay_the_seals_of_another(
    sealed: list[dict[str, Any]],
    tenancy: Tenancy,
    other_tenancy: Tenancy,
    direct: Direct,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await direct.connection.execute(
        """
        insert into audit_events (tenant_id, id, actor_kind, action, outcome, subject_type, request_id, data)
        select $1, gen_random_uuid(), 'worker', 'person.created', 'done', 'person', 'many', '{}'
        from generate_series(1, 501)
        """,
        tenancy.tenant_id,
    )
    await other_tenancy.organization()
    with caplog.at_level("INFO", "fa.audit"):
        await seal_audit_trail(tenancy.app.state.app_state.database)
    both = {str(tenancy.tenant_id), str(other_tenancy.tenant_id)}
    turns = [vars(record)["tenant"] for record in caplog.records if getattr(record, "tenant", None) in both]
    assert turns[-1] == str(tenancy.tenant_id)
    assert len(turns) == 3


async def test_the_command_line_names_the_altered_row_of_either_chain(
    sealed: list[dict[str, Any]], tenancy: Tenancy, direct: Direct, urls: Urls
) -> None:
    slug = await direct.connection.fetchval("select slug from tenants where id = $1", tenancy.tenant_id)
    logins = {"FA_DATABASE_URL": urls.service} | ({"FA_OWNER_DATABASE_URL": urls.owner} if urls.separate else {})
    status, out, _ = run("audit", "verify", "--tenant", slug, "--json", **logins)
    assert (status, [json.loads(line)["intact"] for line in out.splitlines()]) == (0, [True, True])
    altered = await direct.connection.fetchrow(
        "update audit_events set data = '{}' where tenant_id = $1 and hidden and sequence = 1 returning id",
        tenancy.tenant_id,
    )
    status, out, _ = run("audit", "verify", "--tenant", slug, "--json", **logins)
    votes = json.loads(out.splitlines()[1])
    assert (status, votes["altered_sequence"], votes["altered_id"]) == (1, 1, str(altered["id"]))


async def test_deleting_a_person_erases_the_names_and_keeps_the_chain(
    tenancy: Tenancy, admin: Actor, direct: Direct
) -> None:
    names = ("Former Name", "Later Name")
    made = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": names[0]})
    path = f"/v1/people/{made['id']}"
    await admin.patch(path, {"name": names[1]})
    await seal_trail(tenancy)
    before = await verify(admin)
    assert (await admin.delete(path)).status_code == 204
    assert (await verify(admin)) == before
    rows = await trail(admin, object_id=made["id"])
    assert [row["action"] for row in rows] == ["person.created", "person.updated", "person.deleted"]
    [change] = rows[1]["changes"]
    assert change == {"field": "name", "before": None, "after": None, "kept": False}
    for table in ("audit_events", "audit_values", "outbox_events"):
        stored = await direct.connection.fetch(f"select t::text from {table} t where tenant_id = $1", tenancy.tenant_id)
        assert not any(name in row[0] for row in stored for name in names), table
