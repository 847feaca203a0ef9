"""The kinds of jobs, and what the function of a kind is given and may raise."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.jobs.context import WorkContext

#: The waits of most kinds, in seconds: about an hour and a half in all.
RETRY_WAITS: Final = (1.0, 10.0, 60.0, 600.0, 3_600.0)
#: Errors of single rows that a job keeps. More are only counted.
MOST_ERRORS: Final = 100
_REPORT_SECONDS = 1.0
_MOST_PROGRESS = 2**63 - 1

# The lock keeps the job from being taken over until the transaction ends. It is taken last, so that it never holds up
# the renewal of the lease for long.
_HOLD = Read(
    text(
        """
        select true from jobs
        where tenant_id = :tenant_id and id = :id and held_by = :held_by and attempt = :attempt and state = 'running'
        for share
        """
    )
)


class Again(Exception):
    """The job cannot finish now and is to run again later.

    Args:
        reason: a sentence for those who look at the job. It repeats nothing that was sent.
        after: the shortest wait in seconds, such as that of a Retry-After. The kind's own wait may be longer.
    """

    def __init__(self, reason: str, *, after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class JobLost(Exception):
    """The job belongs to another worker now, so this attempt must change nothing any more."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job.

    A job runs at least once: after a crash it runs again, so ``run`` must be safe to repeat.

    Attributes:
        name: stable; stored with each job.
        run: does the work and returns what it counted, by name. Raises `Again` to run later, and an `AppError` to fail
            for good. After any other exception the job runs again.
        retry_waits: the seconds before each further attempt. When they are used up, the job fails.
        seconds: the longest that an attempt may take.
    """

    name: str
    run: Callable[["RunningJob"], Awaitable[Mapping[str, int] | None]]
    retry_waits: tuple[float, ...] = RETRY_WAITS
    seconds: float = 300.0


@dataclass(slots=True)
class RunningJob:
    """An attempt at a job, as the function of its kind sees it.

    Attributes:
        arguments: what was enqueued.
        attempt: the number of this attempt, from 1.
        held_by: the worker that makes it.
        done, total: the progress; the total is None while it is unknown.
        errors: the first faults of single rows.
        error_count: how many faults there were.
        reporter: stores the progress; None outside a worker.
    """

    tenant_id: UUID
    id: UUID
    kind: Kind
    arguments: Mapping[str, Any]
    attempt: int
    held_by: UUID
    organization_id: UUID | None
    has_key: bool
    work: WorkContext
    done: int
    total: int | None
    errors: list[dict[str, Any]] = field(default_factory=list)
    error_count: int = 0
    reporter: Callable[[], Awaitable[None]] | None = None
    _reported_at: float = float("-inf")

    @asynccontextmanager
    async def transaction(self, *settings: str) -> AsyncIterator[Tx]:
        """Provide a transaction in the job's tenant, committed unless something is raised.

        Args:
            settings: what holds for this transaction only, as ``name = 'value'``.

        Raises:
            JobLost: another worker has taken the job over. Nothing is committed.
        """
        async with self.work.transaction(self.tenant_id, f"job-{self.id}", *settings) as tx:
            yield tx
            held = await tx.fetch_one(
                _HOLD, tenant_id=self.tenant_id, id=self.id, held_by=self.held_by, attempt=self.attempt
            )
            if held is None:
                raise JobLost

    def add_error(self, row: int | None, code: str, message: str) -> None:
        """Record the fault of one row and go on.

        Args:
            row: the row's number in what was sent, from 1; None: the fault is of the whole.
            code: stable and machine-readable.
            message: a sentence that repeats nothing that was sent.
        """
        self.error_count += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"row": row, "code": code, "message": message})

    async def report_progress(self, done: int, total: int | None = None) -> None:
        """Say how far the work is; call it after each part, outside of a transaction.

        Progress below 0 or above the total counts as the bound. It is stored once a second at most, and renews the
        lease. This is where a job that was canceled, or that another worker has taken over, is interrupted.
        """
        if total is not None:
            self.total = _clamp(total, _MOST_PROGRESS)
        self.done = _clamp(done, _MOST_PROGRESS if self.total is None else self.total)
        now = asyncio.get_running_loop().time()
        if self.reporter is not None and now - self._reported_at >= _REPORT_SECONDS:
            self._reported_at = now
            await self.reporter()


def _clamp(value: int, most: int) -> int:
    return max(0, min(value, most))
