"""What a fault in the service cannot write, even in its own tenant."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.db.errors import Reason, get_reason, to_app_error
from app.errors import Unavailable
from tests.security.conftest import Tenants
from tests.support.actors import Actor

pytestmark = pytest.mark.usefixtures("sandbox_admin")
Session = Any

FINAL = "(select id from assessments where state = 'final' order by id limit 1)"
OPEN = "(select id from assessments where state = 'collecting' order by id limit 1)"
COPY = """
insert into {table} select (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), {changes}))).*
from {table} t where assessment_id = {final} limit 1
"""


@pytest.fixture
async def own(tenants: Tenants) -> AsyncIterator[Session]:
    """A transaction of the service in the sandbox's tenant, rolled back."""
    connection = await tenants.connect(tenants.sandbox.tenant_id)
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


@pytest.mark.parametrize(
    "change",
    [
        f"update assessments set title = 'Better' where id = {FINAL}",
        f"update assessments set state = 'consensus', finalized_at = null where id = {FINAL}",
        f"update assessments set state = 'void' where id = {FINAL}",
        f"update votes set value = '2' where assessment_id = {FINAL}",
        f"update votes set comment = null where assessment_id = {FINAL}",
        f"update consensus set value = '2' where assessment_id = {FINAL}",
        f"update practice_ratings set importance = 5 where assessment_id = {FINAL}",
        f"update administration_records set evidence_reviewed = true where assessment_id = {FINAL}",
        f"update participants set perspective = 'hr' where assessment_id = {FINAL} and seat = 'respondent'",
        f"update participants set withdrawn_at = now() where assessment_id = {FINAL} and withdrawn_at is null",
        f"update participants set first_round = 9 where assessment_id = {FINAL}",
        COPY.format(table="votes", changes="'claim', 9", final=FINAL),
        COPY.format(table="consensus", changes="'practice', 'P0'", final=FINAL),
        COPY.format(
            table="participants", changes="'token_hash', null, 'seat', 'observer', 'perspective', null", final=FINAL
        ),
        COPY.format(table="assessment_changes", changes="'to_state', 'void'", final=FINAL),
        COPY.format(table="assessment_changes", changes="'to_state', 'final'", final=FINAL),
    ],
)
async def test_what_belongs_to_a_final_assessment_cannot_be_changed(own: Session, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await own.execute(change)


@pytest.mark.parametrize("table", ["assessments", "consensus", "practice_ratings"])
async def test_what_belongs_to_a_final_assessment_cannot_be_deleted(own: Session, table: str) -> None:
    key = "id" if table == "assessments" else "assessment_id"
    assert await own.fetchval(f"select count(*) from {table} where {key} = {FINAL}") > 0
    assert await own.execute(f"delete from {table} where {key} = {FINAL}") == "DELETE 0"


async def test_a_vote_cannot_be_moved_out_of_sight_of_its_final_assessment(own: Session) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await own.execute(f"update votes set assessment_id = {OPEN} where assessment_id = {FINAL}")


async def test_a_seat_of_a_final_assessment_can_still_be_claimed(own: Session) -> None:
    changed = await own.execute(
        f"update participants set token_revoked_at = now(), claims = claims + 1 where assessment_id = {FINAL}"
    )
    assert changed != "UPDATE 0"


async def test_the_parts_of_an_open_assessment_can_be_changed(own: Session) -> None:
    assert await own.execute(f"update votes set comment = 'x' where assessment_id = {OPEN}") != "UPDATE 0"


async def test_no_event_of_the_last_day_can_be_purged(own: Session, tenants: Tenants) -> None:
    await own.execute("select seal_events($1, 1000)", tenants.sandbox.tenant_id)
    assert await own.fetchval("select count(*) from outbox_events where position is not null") > 0
    purge = "select purge_events($1, now() + interval '100 years', 1000)"
    assert await own.fetchval(purge, tenants.sandbox.tenant_id) == 0


@pytest.mark.parametrize("revoked_at", ["null", "now() + interval '1 day'"])
async def test_a_revoked_key_stays_revoked(own: Session, revoked_at: str) -> None:
    assert await own.fetchval("select count(*) from api_keys where revoked_at is not null") > 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await own.execute(f"update api_keys set revoked_at = {revoked_at} where revoked_at is not null")


@pytest.mark.parametrize(
    "change",
    [
        "update role_grants set role = 'admin'",
        "update role_grants set principal_id = principal_id",
        "update api_keys set principal_id = (select principal_id from role_grants where role = 'admin' limit 1)",
        "update principals set kind = 'operator'",
        "update seat_changes set actor_name = 'Somebody else'",
        "update action_item_notes set author_name = 'Somebody else'",
        "update audit_values set value = null",
        "delete from identities",
        "insert into tenants (id, slug, name, secret) values (gen_random_uuid(), 'mine', 'Mine', '')",
        "update audit_events set data = '{}'",
        "update audit_events set sequence = 1",
        "delete from audit_events",
        "insert into audit_events (tenant_id, id, created_at) values (gen_random_uuid(), gen_random_uuid(), now())",
        "insert into audit_events (tenant_id, id, seal) values (gen_random_uuid(), gen_random_uuid(), '')",
    ],
)
async def test_rights_and_the_audit_trail_cannot_be_forged(own: Session, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await own.execute(change)


async def test_traces_of_a_person_who_is_not_erased_stay(own: Session, tenants: Tenants) -> None:
    person = await own.fetchval("select id from people limit 1")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="not marked as erased"):
        await own.fetchval("select erase_person_traces($1, $2)", tenants.sandbox.tenant_id, person)


async def test_traces_of_a_person_of_another_tenant_stay(own: Session, tenants: Tenants) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="another tenant"):
        await own.fetchval("select erase_person_traces($1, gen_random_uuid())", tenants.other_id)


async def test_the_label_of_a_seat_of_a_final_assessment_can_be_dropped(own: Session) -> None:
    assert await own.execute(f"update participants set label = null where assessment_id = {FINAL}") != "UPDATE 0"


async def test_an_admin_of_another_tenant_cannot_be_made(own: Session, tenants: Tenants) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await own.execute(
            "insert into principals (tenant_id, id, created_at, kind, name) "
            "values ($1, gen_random_uuid(), now(), 'api_key', 'Forged')",
            tenants.other_id,
        )


async def test_the_database_dates_the_audit_trail(sandbox_admin: Actor, tenants: Tenants) -> None:
    owner = await tenants.connect_as_owner()
    try:
        before = await owner.fetchval("select clock_timestamp()")
        root = str(tenants.sandbox.ids["organizations"]["root"])
        made = await sandbox_admin.made("/v1/people", {"organization_id": root, "name": "Robin"})
        [row] = await owner.fetch(
            "select created_at, clock_timestamp() as now from audit_events where subject_id::text = $1", made["id"]
        )
        assert before <= row["created_at"] <= row["now"]
    finally:
        await owner.close()


async def test_a_refusal_by_a_policy_is_a_fault_of_the_service(own: Session) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
        await own.execute(f"update votes set comment = null where assessment_id = {FINAL}")
    assert to_app_error(refused.value) is None
    assert get_reason(refused.value) is None


async def test_a_missing_privilege_is_the_operators_to_mend(own: Session) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
        await own.execute("truncate votes")
    assert type(to_app_error(refused.value)) is Unavailable
    assert get_reason(refused.value) is Reason.REFUSED
