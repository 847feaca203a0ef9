"""The chain of the audit trail: each row is sealed with a hash of itself and of the row before it.

One process at a time seals the rows of a tenant, after their commit. Rows about votes have a separate chain, so
that neither the number nor the head of the open chain changes when somebody votes.
"""

import hashlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Boolean, LargeBinary, Uuid, bindparam, text

from app.db.engine import Database
from app.db.errors import DATABASE_ERRORS
from app.db.statement import Read, Reader, Row, from_json
from app.errors import Unavailable
from app.events.changes import digest

_log = logging.getLogger("fa.audit")
#: What the first row of a chain follows.
BEGINNING: Final = bytes(32)
_BATCH = 500
_ISOLATION = "transaction_isolation = 'read committed'"

_COLUMNS = (
    "id, created_at, actor_id, actor_kind, action, operation, outcome, code, subject_type, subject_id,"
    " organization_id, request_id, source_address, source_ref, data, changes, hidden, recorded_at"
)
_HIDDEN = bindparam("hidden", type_=Boolean())
_TENANTS = Read(text("select tenants_to_audit() as tenant_id"))
_LOCK = Read(text("select sequence, seal from lock_audit_chain(:tenant_id, :hidden)").bindparams(_HIDDEN))
_WAITING = Read(
    text(
        f"""
        select {_COLUMNS} from audit_events
        where tenant_id = :tenant_id and hidden = :hidden and seal is null
        order by recorded_at nulls first, id limit {_BATCH}
        """  # noqa: S608  # constants of this module
    ).bindparams(_HIDDEN)
)
_SEAL = Read(
    text("select seal_audit_events(:tenant_id, :hidden, :former, :ids, :seals, :moment) as sealed").bindparams(
        _HIDDEN,
        bindparam("former", type_=BigInteger()),
        bindparam("ids", type_=ARRAY(Uuid())),
        bindparam("seals", type_=ARRAY(LargeBinary())),
    )
)
_HEAD = Read(
    text("select sequence, seal from audit_chains where tenant_id = :tenant_id and hidden = :hidden").bindparams(
        _HIDDEN
    )
)
# No place in the order leads to such a row, and readers of the trail would see it.
_UNPLACED = Read(
    text(
        """
        select id from audit_events
        where tenant_id = :tenant_id and hidden = :hidden and seal is not null and (sequence is null or sequence < 1)
        order by id limit 1
        """
    ).bindparams(_HIDDEN)
)
_SEALED = Read(
    text(
        f"""
        select {_COLUMNS}, sequence, sealed_at, seal,
               (select json_object_agg(v.id, json_build_array(encode(v.salt, 'hex'), v.value, v.erased_at is not null))
                from audit_values v where v.tenant_id = a.tenant_id and v.audit_event_id = a.id) as personal
        from audit_events a
        where tenant_id = :tenant_id and hidden = :hidden and sequence > :after
        order by sequence limit {_BATCH}
        """  # noqa: S608  # constants of this module
    ).bindparams(_HIDDEN, bindparam("after", type_=BigInteger()))
)


@dataclass(frozen=True, slots=True)
class Verification:
    """What checking a chain found.

    Attributes:
        rows: how many rows were in order, from the first one.
        head: the seal of the last of them.
        altered: the sequence of the first row that is not as it was sealed; None where that row has no place.
        altered_id: its id; None where the row is gone.
        reason: what is wrong with it; None: every row is as it was sealed.
    """

    rows: int
    head: bytes
    altered: int | None = None
    altered_id: UUID | None = None
    reason: str | None = None


def compute_seal(former: bytes, tenant_id: UUID, row: Mapping[str, Any], sequence: int, sealed_at: datetime) -> bytes:
    """Return the seal of a row: SHA-256 of the former seal and of the row as canonical JSON."""
    values = {name.strip(): row[name.strip()] for name in _COLUMNS.split(",")}
    for name in ("data", "changes", "source_ref"):
        values[name] = from_json(values[name])
    whole = {**values, "tenant_id": tenant_id, "sequence": sequence, "sealed_at": sealed_at}
    said = json.dumps(whole, sort_keys=True, separators=(",", ":"), default=_as_text)
    return hashlib.sha256(former + said.encode("ascii")).digest()


def _as_text(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


async def seal_audit_trail(database: Database) -> None:
    """Seal what is committed, of every tenant. A periodic task does so every second.

    The chains take turns, a batch each, so the many rows of one tenant do not delay another. A chain that cannot be
    sealed delays none.
    """
    tenants = [UUID(int=row["tenant_id"].int) for row in await database.jobs.fetch(_TENANTS)]
    waiting = [(tenant_id, hidden) for tenant_id in tenants for hidden in (False, True)]
    while waiting:
        waiting = [chain for chain in waiting if await _try_to_seal(database, *chain) == _BATCH]


async def _try_to_seal(database: Database, tenant_id: UUID, hidden: bool) -> int:
    """Seal a batch, or leave it to the next sweep. Return how many rows were sealed."""
    named = {"tenant": str(tenant_id), "chain": "votes" if hidden else "open"}
    try:
        return await seal_batch(database, tenant_id, hidden=hidden)
    except (Unavailable, *DATABASE_ERRORS) as error:
        _log.warning("sealing of the audit trail put off", exc_info=error, extra=named)
    except Exception:
        _log.exception("sealing of the audit trail failed", extra=named)
    return 0


async def seal_batch(database: Database, tenant_id: UUID, *, hidden: bool) -> int:
    """Seal the first committed rows of a chain, unless another process is doing so. Return how many."""
    async with database.jobs.transaction(tenant_id, _ISOLATION) as connection:

        async def fetch(read: Read, **values: Any) -> Any:
            arguments = read.arguments({"tenant_id": tenant_id, "hidden": hidden, **values})
            return await connection.fetch(read.sql, arguments)

        locked = await fetch(_LOCK)
        waiting = await fetch(_WAITING) if locked else []
        if not waiting:
            return 0
        former, seal, moment = locked[0]["sequence"], locked[0]["seal"], datetime.now(UTC)
        seals: list[bytes] = []
        for place, row in enumerate(waiting, start=former + 1):
            seal = compute_seal(seal, tenant_id, row, place, moment)
            seals.append(seal)
        await fetch(_SEAL, former=former, ids=[row["id"] for row in waiting], seals=seals, moment=moment)
        await connection.commit()
    if not hidden:
        # These lines, kept outside the database, show later that the chain was not written anew.
        head = {"tenant": str(tenant_id), "sequence": str(former + len(waiting)), "head": seal.hex()}
        _log.info("audit trail sealed", extra=head)
    return len(waiting)


async def verify_chain(reader: Reader, tenant_id: UUID, *, hidden: bool = False) -> Verification:
    """Check every sealed row of a chain, and the personal values that are not erased.

    Returns:
        What was found. Checking ends at the first row that was altered, removed or inserted.
    """
    wanted, head = await _read_head(reader, tenant_id, hidden=hidden)
    seal, count = BEGINNING, 0
    async for row in _read_sealed(reader, tenant_id, hidden=hidden):
        if count == wanted:
            # Rows that were sealed since the head was read have moved the head. Otherwise the head was set back.
            present, _ = await _read_head(reader, tenant_id, hidden=hidden)
            if present < row["sequence"]:
                return Verification(count, seal, row["sequence"], UUID(int=row["id"].int), "head")
            break
        reason = _find_fault(row, seal, tenant_id, count + 1)
        if reason is not None:
            is_missing = row["sequence"] != count + 1
            altered_id = None if is_missing else UUID(int=row["id"].int)
            return Verification(count, seal, count + 1, altered_id, reason)
        seal, count = row["seal"], count + 1
    if count < wanted:
        return Verification(count, seal, count + 1, None, "missing")
    if seal != head:
        return Verification(count, seal, count, None, "head")
    for row in await reader.fetch(_UNPLACED, tenant_id=tenant_id, hidden=hidden):
        return Verification(count, seal, None, UUID(int=row["id"].int), "seal")
    return Verification(count, seal)


async def _read_head(reader: Reader, tenant_id: UUID, *, hidden: bool) -> tuple[int, bytes]:
    """Return the sequence and the seal of a chain's last row, as they are recorded."""
    heads = await reader.fetch(_HEAD, tenant_id=tenant_id, hidden=hidden)
    return (heads[0]["sequence"], heads[0]["seal"]) if heads else (0, BEGINNING)


def _find_fault(row: Row, former: bytes, tenant_id: UUID, expected: int) -> str | None:
    if row["sequence"] != expected:
        return "missing"
    if row["seal"] is None or row["sealed_at"] is None:
        return "seal"
    if compute_seal(former, tenant_id, row, expected, row["sealed_at"]) != row["seal"]:
        return "seal"
    return None if _are_values_true(row) else "value"


def _are_values_true(row: Row) -> bool:
    """Return whether the personal values are those that the row refers to. An erased one has no value to compare."""
    stored: dict[str, Any] = from_json(row["personal"]) or {}
    source = from_json(row["source_ref"])
    refers = [] if source is None else [source]
    for change in from_json(row["changes"]) or []:
        refers += [side for side in (change.get("before"), change.get("after")) if _is_reference(side)]
    if {refer["ref"] for refer in refers} != set(stored):
        return False
    for refer in refers:
        salt, value, is_erased = stored[refer["ref"]]
        if is_erased and salt is None and value is None:
            continue
        if is_erased or salt is None or value is None or digest(bytes.fromhex(salt), value) != refer["digest"]:
            return False
    return True


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"ref", "digest"}


async def _read_sealed(reader: Reader, tenant_id: UUID, *, hidden: bool) -> AsyncIterator[Row]:
    after = 0
    while True:
        rows = await reader.fetch(_SEALED, tenant_id=tenant_id, hidden=hidden, after=after)
        for row in rows:
            yield row
        if len(rows) < _BATCH:
            return
        after = rows[-1]["sequence"]
