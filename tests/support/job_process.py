"""A worker in a process of its own that knows one kind of job and hangs in each job of it.

Run it as ``python -m tests.support.job_process KIND``; the settings come from the environment.
"""

import asyncio
import sys

from app.jobs.kinds import Kind, RunningJob
from app.server.background import run_worker
from app.settings import load_settings


async def hang(_job: RunningJob) -> None:
    """Wait for ever."""
    await asyncio.Event().wait()


if __name__ == "__main__":
    run_worker(load_settings(), [Kind(sys.argv[1], hang, seconds=3_600.0)], ())
