"""What a service function gets first: one open transaction of one tenant, by one caller, at one instant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.base import Versioned
from app.db.reads import Read, Row
from app.errors import PreconditionFailed, PreconditionRequired
from app.principal import Principal


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The conditional headers of a write: versions accepted by If-Match (None: `*`), and whether there was one."""

    if_match: frozenset[int] | None = None
    has_if_match: bool = False
    must_not_exist: bool = False


@dataclass(slots=True)
class Tx:
    """An open transaction. Services write through it and never end it; the write runner does.

    What must happen only if it is committed, such as dropping something remembered, goes into ``after_commit``.
    """

    session: AsyncSession
    principal: Principal
    now: datetime
    request_id: str
    preconditions: Preconditions = field(default_factory=Preconditions)
    dry_run: bool = False
    after_commit: list[Callable[[], None]] = field(default_factory=list)

    @property
    def tenant_id(self) -> UUID:
        """The tenant whose rows this transaction may touch."""
        return self.principal.tenant_id

    def expect(self, row: Versioned, asked: Preconditions | None = None) -> None:
        """Hold the caller to the version it read, as its headers say or, one of many, its body.

        Raises:
            PreconditionRequired: there was no If-Match.
            PreconditionFailed: the row has changed since; carries the present ETag.
        """
        asked = asked or self.preconditions
        if not asked.has_if_match:
            raise PreconditionRequired("Send the ETag you read as If-Match.")
        if asked.if_match is not None and row.version not in asked.if_match:
            raise PreconditionFailed(
                "Read the resource again and repeat the change on its present version.",
                headers={"ETag": f'"{row.version}.0"'},
            )

    def touch(self, row: Versioned) -> None:
        """Count a change of this row."""
        row.version += 1
        row.updated_at = self.now

    async def fetch(self, read: Read, **values: Any) -> Sequence[Row]:
        """Run a compiled read inside this transaction, after what is pending was sent."""
        await self.session.flush()
        rows: Sequence[Row] = await (await self._raw()).fetch(read.sql, *read.arguments(values))
        return rows

    async def fetch_one(self, read: Read, **values: Any) -> Row | None:
        """Run a compiled read inside this transaction and take the first row."""
        await self.session.flush()
        row: Row | None = await (await self._raw()).fetchrow(read.sql, *read.arguments(values))
        return row

    async def _raw(self) -> Any:
        connection = await (await self.session.connection()).get_raw_connection()
        return connection.driver_connection
