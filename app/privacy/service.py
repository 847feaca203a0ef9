"""Erase a person: identity goes everywhere, votes and the audit trail stay."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, text
from sqlmodel import col, select

from app.access.last_admin import keep_an_admin_without, lock_rights
from app.access.policy import require_everywhere
from app.accounts.erasure import end_access
from app.assessments.participants.erasure import end_seats
from app.db.statement import Read
from app.db.transaction import Tx
from app.events.record import record_event
from app.files.deletion import delete_files_of_people
from app.idempotency.answers import delete_answers_to, erase_answers
from app.jobs.enqueue import enqueue
from app.jobs.kinds import Kind, RunningJob
from app.people.changes import set_external_ids
from app.people.leaving import announce_leaving
from app.people.models import Person, ScimUser
from app.people.personal import ERASED_NAME, make_placeholder
from app.people.service import load_person_for

_ERASE_TRACES = text("select erase_person_traces(:tenant_id, :person_id)")
# A run of a connector names by the source's id whom it did not take over.
_FORGET_FAULTS = Read(
    text(
        """
        update connector_runs r
        set errors = coalesce((
            select json_agg(e) from json_array_elements(r.errors) e where not exists (
                select from person_external_ids x
                where x.tenant_id = :tenant_id and x.person_id = :person_id and x.source = c.source
                  and x.external_id = e ->> 'external_id')
        ), '[]')
        from connectors c
        where r.tenant_id = :tenant_id and c.tenant_id = :tenant_id and c.id = r.connector_id
          and json_array_length(r.errors) > 0 and exists (
            select from person_external_ids x
            where x.tenant_id = :tenant_id and x.person_id = :person_id and x.source = c.source)
        """
    )
)
_ACTING = Read(
    text(
        """
        select id from principals where tenant_id = :tenant_id and person_id = :person_id
        union all
        select id from participants where tenant_id = :tenant_id and person_id = :person_id
        """
    )
)
# Those that the person made have names in their words and show nothing any more. Others are about the person.
_DELETE_FEEDS = Read(
    text(
        """
        delete from calendar_feeds
        where tenant_id = :tenant_id and (
            principal_id = any (cast(:principals as uuid[])) or owner_id = cast(:person_id as uuid))
        returning true
        """
    )
)
# Their filters may name the person, and their files go.
_DELETE_EXPORTS = Read(text("delete from exports where tenant_id = :tenant_id returning true"))
_PERSON: Final = "person_id"
#: Longer than any process knows a caller without asking the database.
_CACHED_SECONDS: Final = 5.0
#: Longer than the transaction of an erasure takes.
_LONGEST_ERASURE: Final = timedelta(seconds=120)


async def erase(tx: Tx, person_id: UUID, longest_request: float) -> UUID:
    """Erase a person, in one transaction. Return the id, which goes on naming what is left.

    Records that were merged are erased together.

    A person who was erased before is left as they are, apart from traces that a request of theirs left meanwhile.

    Args:
        longest_request: how many seconds a request may take that began before this one ended.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin of the whole tenant.
        LastAdmin: the tenant would be left without an admin.
    """
    await lock_rights(tx, "erasePerson")
    person = await load_person_for(tx, person_id, "erasePerson")
    require_everywhere(tx.principal, "erasePerson")
    for record in await _lock_records(tx, person.merged_into_id or person.id):
        if record.erased_at is None:
            async with keep_an_admin_without(tx, [record.id]):
                await _erase_record(tx, record)
            delay = longest_request + _CACHED_SECONDS
            await enqueue(tx, FINISH_ERASURE, {_PERSON: str(record.id)}, delay=delay)
        await _erase_traces(tx, record.id)
    return person_id


async def _lock_records(tx: Tx, person_id: UUID) -> list[Person]:
    """Lock a person, and the records that were merged into theirs: all of them are about the same person."""
    found: list[Person] = []
    # The first lock keeps further records from being merged into this one.
    for condition in (col(Person.id) == person_id, col(Person.merged_into_id) == person_id):
        query = select(Person).where(col(Person.tenant_id) == tx.tenant_id, condition).order_by(col(Person.id))
        found += await tx.session.scalars(query.with_for_update(), execution_options={"populate_existing": True})
    return found


async def _erase_record(tx: Tx, person: Person) -> None:
    was_active = person.active
    access = await end_access(tx, person.id, ERASED_NAME)
    seats = await end_seats(tx, person.id)
    await tx.fetch(_FORGET_FAULTS, tenant_id=tx.tenant_id, person_id=person.id)
    await set_external_ids(tx, person.id, [])
    await tx.session.execute(
        delete(ScimUser).where(col(ScimUser.tenant_id) == tx.tenant_id, col(ScimUser.person_id) == person.id)
    )
    make_placeholder(person, tx.now)
    tx.touch(person)
    record_event(tx, "person.erased", person.id, organization_id=person.organization_id)
    if was_active:
        await announce_leaving(tx, person)
    await erase_answers(tx, [person.id, *access, *seats])
    await tx.fetch(_DELETE_FEEDS, tenant_id=tx.tenant_id, principals=access, person_id=person.id)
    await tx.fetch(_DELETE_EXPORTS, tenant_id=tx.tenant_id)
    await delete_files_of_people(tx)


async def finish(job: RunningJob) -> None:
    """Erase what requests have left behind that knew the person still when the person was erased."""
    person_id = UUID(job.arguments[_PERSON])
    async with job.transaction() as tx:
        query = select(Person.erased_at).where(col(Person.tenant_id) == tx.tenant_id, col(Person.id) == person_id)
        # Who was deleted meanwhile stood for nothing, so that nothing was recorded under their name.
        erased_at = await tx.session.scalar(query)
        if erased_at is not None:
            await _erase_traces(tx, person_id)
            # A file may have been begun while the erasure was running.
            await delete_files_of_people(tx, begun_before=erased_at + _LONGEST_ERASURE)


async def _erase_traces(tx: Tx, person_id: UUID) -> None:
    """Erase the names of an erased person where the service only adds rows."""
    acting = [row["id"] for row in await tx.fetch(_ACTING, tenant_id=tx.tenant_id, person_id=person_id)]
    await delete_answers_to(tx, acting)
    # What this transaction records about the person is to be erased too.
    await tx.flush()
    await tx.session.execute(_ERASE_TRACES, {"tenant_id": tx.tenant_id, "person_id": person_id})


FINISH_ERASURE: Final = Kind("finish_erasure", finish)
