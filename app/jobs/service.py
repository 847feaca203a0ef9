"""Cancel jobs."""

from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, true
from sqlmodel import col, select

from app.access.policy import is_visible, require
from app.db.transaction import Tx
from app.errors import NotFound
from app.events.record import record_event
from app.jobs.errors import JobFinished
from app.jobs.models import FINISHED, Job, JobState
from app.jobs.queries import path_of
from app.jobs.signals import signal_cancel
from app.tree.models import OrganizationPlace


async def cancel_job(tx: Tx, job_id: UUID) -> UUID:
    """Cancel a job: at once where it waits, shortly where it runs. A canceled job stays as it is. Return its id.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller neither started it nor has the role.
        JobFinished: it is done or has failed.
    """
    job = await _load(tx, job_id)
    if job.state in FINISHED - {JobState.CANCELED}:
        raise JobFinished("There is nothing to cancel.")
    request_cancel(tx, job)
    return job.id


def request_cancel(tx: Tx, job: Job) -> None:
    """Cancel a locked job that has not finished: at once where it waits, shortly where it runs."""
    if job.state is JobState.WAITING:
        job.state, job.finished_at = JobState.CANCELED, tx.now
    job.cancel_requested = True
    if tx.touch(job):
        record_event(tx, "job.canceled", job.id, organization_id=job.organization_id)
        tx.after_commit.append(partial(signal_cancel, job.id))


async def _load(tx: Tx, job_id: UUID) -> Job:
    """Load a job for its cancellation, and lock it."""
    of_job: tuple[Any, ...] = (col(Job.tenant_id) == tx.tenant_id, col(Job.id) == job_id)
    job = (await tx.session.scalars(select(Job).where(*of_job, _sees(tx)).with_for_update())).one_or_none()
    if job is None:
        raise NotFound
    place = select(OrganizationPlace.path).where(
        col(OrganizationPlace.tenant_id) == tx.tenant_id,
        col(OrganizationPlace.organization_id) == job.organization_id,
    )
    path = path_of(tx.principal, await tx.session.scalar(place))
    require(tx.principal, "getJob", path)
    if job.created_by != tx.principal.id:
        require(tx.principal, "cancelJob", path)
    return job


def _sees(tx: Tx) -> ColumnElement[bool]:
    """Return the condition that a job is visible to the caller, who never waits for the lock of a hidden one."""
    try:
        path_of(tx.principal, None)
    except NotFound:
        return is_visible(tx.principal, col(Job.organization_id))
    return true()
