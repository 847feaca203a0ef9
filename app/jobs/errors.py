"""Errors of what callers do with jobs."""

from app.errors import Conflict


class JobFinished(Conflict):
    code = "job_finished"
    title = "The job has finished already"
