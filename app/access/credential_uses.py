"""When each API key was used last, written at most once a minute."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.db.engine import Database
from app.db.errors import DATABASE_ERRORS
from app.db.statement import Read
from app.errors import AppError
from app.principal import Principal

_SECONDS_BETWEEN = 30.0
_RESOLUTION = timedelta(minutes=1)
_MOST_KEYS = 10_000
# Losing an entry in a crash costs nothing.
_WITHOUT_WAITING = "synchronous_commit = off"
# Locked rows are left out: a key that is being changed was used, and will be again.
_WRITE = Read(
    text(
        """
        update api_keys k set last_used_at = u.at
        from (
            select stored.id, used.at
            from unnest(cast(:ids as uuid[]), cast(:instants as timestamptz[])) as used (id, at)
            join api_keys stored on stored.tenant_id = :tenant_id and stored.id = used.id
            where stored.last_used_at is null or stored.last_used_at <= used.at - cast(:resolution as interval)
            for no key update of stored skip locked
        ) u
        where k.tenant_id = :tenant_id and k.id = u.id
        returning k.id
        """
    )
)


class KeyUses:
    """Collects the uses of keys in this process and writes them now and then.

    A request only looks into a dictionary. All processes together write a key's row at most once a minute, because the
    statement skips a row that was written within the last minute.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._used: dict[tuple[UUID, UUID], datetime] = {}

    def note(self, principal: Principal) -> None:
        """Note the first use of a key since the last write, unless too many others wait to be written."""
        if principal.key is None:
            return
        used = principal.tenant_id, principal.key.id
        if used not in self._used and len(self._used) < _MOST_KEYS:
            self._used[used] = self._clock()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN)
            await self.write()

    async def write(self) -> None:
        """Write what was noted. What the database does not take is dropped; its pool logs why."""
        used, self._used = self._used, {}
        tenants: dict[UUID, dict[UUID, datetime]] = defaultdict(dict)
        for (tenant_id, key_id), at in used.items():
            tenants[tenant_id][key_id] = at
        for tenant_id, keys in tenants.items():
            values = {
                "tenant_id": tenant_id,
                "ids": list(keys),
                "instants": list(keys.values()),
                "resolution": _RESOLUTION,
            }
            with suppress(AppError, *DATABASE_ERRORS):
                async with self._database.writes.transaction(tenant_id, _WITHOUT_WAITING) as connection:
                    await connection.fetch(_WRITE.sql, _WRITE.arguments(values))
                    await connection.commit()
