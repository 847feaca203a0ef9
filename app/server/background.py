"""Run background work in a separate process."""

import asyncio
import signal
from collections.abc import Sequence

import uvloop

from app import log
from app.background import KINDS, create_background, kinds_with
from app.db.engine import open_database
from app.db.schema.migrate import load_models
from app.demo.sandbox import clock_for
from app.embedded_postgres.attach import check_revision, owner_engine, provided
from app.jobs.kinds import Kind
from app.jobs.periodic import PeriodicTask
from app.jobs.worker import Worker
from app.main import find_lists
from app.server.announcement import show
from app.settings import Settings


def run_worker(settings: Settings, kinds: Sequence[Kind] = KINDS, tasks: Sequence[PeriodicTask] | None = None) -> None:
    """Run jobs and periodic tasks until SIGINT or SIGTERM. A second signal ends the process at once.

    Args:
        kinds: the kinds of jobs that it runs.
        tasks: the periodic tasks that it runs; None: all of the service.

    Raises:
        OperatorError, EmbeddedPostgresError: it cannot run; one line that says why.
    """
    with provided(settings, attach=True) as complete, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        log.configure(complete)
        runner.run(_work(complete, kinds, tasks))


async def _work(settings: Settings, kinds: Sequence[Kind], tasks: Sequence[PeriodicTask] | None) -> None:
    async with owner_engine(settings) as engine:
        await check_revision(engine)
    load_models()
    database = open_database(settings, settings.database_url or "", role=settings.assumed_role)

    # The lists are known to what serves them.
    kinds = kinds_with(find_lists()) if kinds is KINDS else kinds
    background = create_background(settings, database, clock_for(settings), kinds=kinds, tasks=tasks)
    worker = background.worker
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, worker)
    show(["fa-readiness: background work runs here"])
    await worker.run()
    await background.close()
    await database.close()


def _stop(worker: Worker) -> None:
    worker.begin_stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
