"""The first argument of every service function: a transaction of one tenant, one caller and one instant."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.base import Record, Versioned
from app.db.connection import Connection
from app.db.deferred_inserts import Change, Insertion, Values, insertion, send
from app.db.ids import followed_script
from app.db.statement import Read, Reader, Row
from app.errors import PreconditionFailed, PreconditionRequired
from app.principal import Principal

Key = TypeVar("Key")
_NEXT = timedelta(microseconds=1)


class CallerReader(Reader, Protocol):
    """A reader with a caller and an instant: a request's context, or a write's transaction."""

    @property
    def principal(self) -> Principal:
        """Return the caller."""

    @property
    def now(self) -> datetime:
        """Return the instant of the request, UTC."""


@dataclass(frozen=True, slots=True)
class Stored(Generic[Key]):
    """The result of a write that creates or replaces a resource: its key, and whether it is new."""

    key: Key
    created: bool


class WriteOutcome(StrEnum):
    """The effect of a write that creates or replaces a resource."""

    CREATED = "created"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The conditional headers of a write: versions accepted by If-Match (None: `*`), and whether there was one."""

    if_match: frozenset[int] | None = None
    has_if_match: bool = False
    must_not_exist: bool = False


@dataclass(slots=True)
class Tx:
    """An open transaction. Services write through it and never end it; the write runner does.

    Load rows that you change as models of ``session``. Add rows that you do not read again, such as history and events,
    with `insert`: they are sent together at the end, and `fetch` does not see them before. Append to ``after_commit``
    what must happen only after a commit, such as clearing a cache. The audit trail names the ``operation`` and the
    ``source_address`` of the request.
    """

    connection: Connection
    principal: Principal
    now: datetime
    request_id: str
    preconditions: Preconditions = field(default_factory=Preconditions)
    dry_run: bool = False
    after_commit: list[Callable[[], None]] = field(default_factory=list)
    principals_changed: bool = False
    events_recorded: bool = False
    operation: str | None = None
    source_address: str | None = None
    _changes: list[tuple[Change, Values]] = field(default_factory=list)

    @property
    def session(self) -> AsyncSession:
        """Return the ORM session, which sends the changes of loaded rows."""
        return self.connection.session

    @property
    def tenant_id(self) -> UUID:
        """Return the tenant whose rows this transaction may touch."""
        return self.principal.tenant_id

    def expect(self, row: Versioned, asked: Preconditions | None = None) -> None:
        """Check that the row still has the version that the caller read.

        Args:
            asked: the preconditions of one row of many, from the body; None: those of the headers.

        Raises:
            PreconditionRequired: there was no If-Match.
            PreconditionFailed: the row has changed since. The error carries the present ETag.
        """
        asked = asked or self.preconditions
        if not asked.has_if_match:
            raise PreconditionRequired("Send the ETag you read as If-Match.")
        if asked.if_match is not None and row.version not in asked.if_match:
            raise PreconditionFailed(
                "Read the resource again and repeat the change on its present version.",
                headers={"ETag": f'"{row.version}.0"'},
            )

    def touch(self, row: Versioned, *, also: bool = False) -> bool:
        """Increment the version of a locked row if a value changed. Equal values are no change.

        Args:
            also: whether something changed that belongs to the resource and is stored in another table.

        Returns:
            Whether anything changed. If nothing did, there is no event to record.
        """
        if not (self.connection.was_changed(row) or also):
            return False
        row.version += 1
        row.updated_at = max(self.now, row.updated_at + _NEXT)
        return True

    def is_repetition(self, row: Versioned, fields: Values, asked: Preconditions | None = None) -> bool:
        """Return whether a PUT without a precondition repeats the stored values, as a retry does.

        Args:
            fields: the values to store. They include who stores them, so that nobody else can find out what is stored.
        """
        asked = asked or self.preconditions
        unconditional = not (asked.has_if_match or asked.must_not_exist)
        return unconditional and all(getattr(row, name) == value for name, value in fields.items())

    def insert(self, table: type[Record], **values: Any) -> dict[str, Any]:
        """Add a row at the end of this transaction. The row gets the transaction's tenant and instant.

        Returns:
            The whole row, with its defaults.
        """
        into = insertion(table, is_scripted=followed_script() is not None)
        values.setdefault("tenant_id", self.tenant_id)
        for instant in ("created_at", "updated_at"):
            if instant in into.columns:
                values.setdefault(instant, self.now)
        row = into.row(values)
        self.change(into, row)
        return row

    def pending_inserts(self, matches: Callable[[str, Values], bool]) -> list[tuple[str, dict[str, Any]]]:
        """Return the rows that `insert` has not sent yet and that match, each as table and values."""
        return [
            (change.table, dict(values))
            for change, values in self._changes
            if isinstance(change, Insertion) and matches(change.table, values)
        ]

    def change(self, change: Change, values: Values) -> None:
        """Make a change at the end of this transaction."""
        self._changes.append((change, values))

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Run a block that is rolled back alone if it raises."""
        before = len(self._changes)
        try:
            async with self.session.begin_nested():
                yield
        except BaseException:
            del self._changes[before:]
            raise

    async def flush(self) -> None:
        """Send all deferred statements. The write runner calls this before it ends the transaction."""
        await self.connection.flush()
        if self._changes:
            changes, self._changes = self._changes, []
            await send(self.connection, changes)

    async def check_constraints(self) -> None:
        """Send all deferred statements and check every constraint, as a commit would."""
        await self.flush()
        await self.connection.raw.execute("set constraints all immediate")

    async def fetch(self, read: Read, **values: Any) -> Sequence[Row]:
        """Run a compiled read inside this transaction, after the session's pending changes."""
        await self.connection.flush()
        rows: Sequence[Row] = await self.connection.fetch(read.sql, read.arguments(values))
        return rows

    async def fetch_one(self, read: Read, **values: Any) -> Row | None:
        """Run a compiled read inside this transaction and take the first row."""
        rows = await self.fetch(read, **values)
        return rows[0] if rows else None
