"""When each API key and each SCIM token was used last, written at most once a minute."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.db.engine import Database
from app.db.errors import DATABASE_ERRORS
from app.db.statement import Read
from app.errors import AppError
from app.principal import PROVISIONING, Principal

_SECONDS_BETWEEN = 30.0
_RESOLUTION = timedelta(minutes=1)
_MOST_CREDENTIALS = 10_000
# Losing an entry in a crash costs nothing.
_WITHOUT_WAITING = "synchronous_commit = off"


def _write_uses(table: str) -> Read:
    """Return the statement that writes uses of a table's credentials.

    Locked rows are left out: a credential that is being changed was used, and will be again.
    """
    return Read(
        text(
            f"""
            update {table} c set last_used_at = u.at
            from (
                select stored.id, used.at
                from unnest(cast(:ids as uuid[]), cast(:instants as timestamptz[])) as used (id, at)
                join {table} stored on stored.tenant_id = :tenant_id and stored.id = used.id
                where stored.last_used_at is null or stored.last_used_at <= used.at - cast(:resolution as interval)
                for no key update of stored skip locked
            ) u
            where c.tenant_id = :tenant_id and c.id = u.id
            returning c.id
            """  # noqa: S608  # a constant of this module
        )
    )


_KEYS: Final = _write_uses("api_keys")
_SCIM_TOKENS: Final = _write_uses("scim_tokens")


class CredentialUses:
    """Collects the uses of keys and SCIM tokens in this process and writes them now and then.

    A request only looks into a dictionary. All processes together write a row at most once a minute, because the
    statement skips a row that was written within the last minute.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._used: dict[tuple[Read, UUID, UUID], datetime] = {}

    def note(self, principal: Principal) -> None:
        """Note the first use of a credential since the last write, unless too many others wait to be written."""
        if principal.key is not None:
            used = _KEYS, principal.tenant_id, principal.key.id
        elif principal.kind == PROVISIONING:
            used = _SCIM_TOKENS, principal.tenant_id, principal.id
        else:
            return
        if used not in self._used and len(self._used) < _MOST_CREDENTIALS:
            self._used[used] = self._clock()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN)
            await self.write()

    async def write(self) -> None:
        """Write what was noted. What the database does not take is dropped; its pool logs why."""
        used, self._used = self._used, {}
        writes: dict[tuple[Read, UUID], dict[UUID, datetime]] = defaultdict(dict)
        for (statement, tenant_id, credential_id), at in used.items():
            writes[statement, tenant_id][credential_id] = at
        for (statement, tenant_id), credentials in writes.items():
            values = {
                "tenant_id": tenant_id,
                "ids": list(credentials),
                "instants": list(credentials.values()),
                "resolution": _RESOLUTION,
            }
            with suppress(AppError, *DATABASE_ERRORS):
                async with self._database.writes.transaction(tenant_id, _WITHOUT_WAITING) as connection:
                    await connection.fetch(statement.sql, statement.arguments(values))
                    await connection.commit()
