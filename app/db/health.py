"""The health of the database for this release, checked on a separate connection and cached for a second."""

import asyncio
import logging
from dataclasses import dataclass

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from app.db.deadline import RequestDeadline
from app.db.errors import Reason
from app.db.pool import Pool
from app.db.schema.migrate import revisions
from app.db.schema.privileges import PRIVILEGES
from app.db.statement import Read
from app.errors import Unavailable

_log = logging.getLogger("fa.health")
_REMEMBERED_SECONDS = 1.0
#: A check answers within this time, whatever the database does and however long requests may take.
_SECONDS = 2.0
_STATE = Read(
    text(
        """
        select (select version_num from alembic_version) as revision,
               current_setting('transaction_read_only') = 'on' as is_read_only,
               not exists (select from unnest(:all_tables) as name
                           where not coalesce(has_table_privilege(to_regclass(name), 'select'), false))
           and not exists (select from unnest(:written_tables) as name
                           where not coalesce(has_any_column_privilege(to_regclass(name), 'insert'), false))
               as is_allowed
        """
    ).bindparams(bindparam("all_tables", type_=ARRAY(Text)), bindparam("written_tables", type_=ARRAY(Text)))
)


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the database: its revision, and the reason it does not serve, or None."""

    revision: str | None
    reason: Reason | None


def _log_change(former: Health | None, present: Health) -> None:
    if present.reason is not None and (former is None or former.reason is not present.reason):
        _log.error("not ready: %s", present.reason.value)
    elif present.reason is None and former is not None and former.reason is not None:
        _log.warning("ready again")


class HealthCheck:
    """Asks the database at most once a second, however many ask for its health.

    Args:
        pool: one connection that nothing else uses, so that a check never waits behind requests.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # A revision that is unknown here is a newer release's, which keeps what this one uses.
        self._older = frozenset(revisions()[:-1])
        self._lock = asyncio.Lock()
        self._known: Health | None = None
        self._known_until = 0.0

    async def get(self) -> Health:
        """Return the present state, at most a second old."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            if self._known is None or loop.time() >= self._known_until:
                former, self._known = self._known, await self._ask()
                _log_change(former, self._known)
                self._known_until = loop.time() + _REMEMBERED_SECONDS
            return self._known

    async def _ask(self) -> Health:
        written = [name for name, privileges in PRIVILEGES.items() if privileges.insert]
        try:
            with RequestDeadline(_SECONDS):
                row = await self._pool.fetch_one(_STATE, all_tables=list(PRIVILEGES), written_tables=written)
        except Unavailable as error:
            return Health(None, Reason(error.reason or Reason.FAILING))
        revision = row["revision"] if row else None
        if row is None or revision is None or revision in self._older:
            return Health(revision, Reason.SCHEMA)
        if row["is_read_only"]:
            return Health(revision, Reason.READ_ONLY)
        return Health(revision, None if row["is_allowed"] else Reason.REFUSED)

    async def close(self) -> None:
        """Close the connection."""
        await self._pool.close()
