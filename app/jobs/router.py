"""The jobs' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.subtrees import visible_paths
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write_and_read
from app.jobs import queries, service
from app.jobs.errors import JobFinished
from app.jobs.schemas import JobQuery, JobRead
from app.schemas import Page

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get("", response_model=Page[JobRead], responses=problems(NotFound))
async def list_jobs(context: ContextDep, query: Annotated[JobQuery, Query()]) -> Response:
    """List jobs.

    Use it to see what background work waits, runs and has failed. Only jobs of organizations you can read are listed;
    jobs of the whole tenant are visible with a role on the root organization. Finished jobs are listed for as long as
    `FA_JOB_RETENTION_DAYS` says. With `subtree` it lists those of one organization and everything below it; the answer
    is 404 if that organization is not visible to you.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    return await page(context, queries.LIST, query, visible=within)


@router.get("/{job_id}", response_model=JobRead)
async def get_job(context: ContextDep, job_id: UUID) -> Response:
    """Read one job.

    Use it to follow background work that a request started: repeat it with the `ETag` in `If-None-Match` until
    `finished_at` is set. Progress is stored about once a second. The answer is 404 if the job does not exist, is no
    longer kept, or belongs to an organization that is not visible to you.
    """
    return show(context, await queries.get_job(context, job_id))


@router.post("/{job_id}/cancellation", response_model=JobRead, responses=problems(JobFinished))
async def cancel_job(context: ContextDep, job_id: UUID) -> Response:
    """Cancel a job.

    Use it to stop background work that nobody needs any more. A job that waits is canceled at once. A job that runs
    is interrupted, within ten seconds as a rule: what it has stored until then stays, and `cancel_requested` is true
    meanwhile. The key that started a job may cancel it as long as it can read it; other keys need the role. The answer
    is 409 if the job is done or has failed. Canceling a job again changes nothing, and no `If-Match` is needed.
    """
    return await write_and_read(context, queries.get_job, service.cancel_job, job_id)
