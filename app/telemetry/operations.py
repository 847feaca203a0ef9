"""The HTTP app of the operations listener: metrics, and the reason the service is not ready.

It asks for no credential. The setting that opens it decides who reaches it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.db.errors import Reason
from app.db.health import HealthCheck
from app.telemetry.metrics import Metrics

_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STOPPING = ("stopping", "The service is stopping.")
_DETAILS: Final = {
    Reason.UNREACHABLE: "The database does not answer.",
    Reason.REFUSED: "The database does not let the service work; its log says why.",
    Reason.READ_ONLY: "The database takes no changes.",
    Reason.SCHEMA: "The database's schema is not this release's; run fa-readiness migrate.",
    Reason.BUSY: "The database does not answer in time.",
    Reason.FAILING: "The database has a problem; the log says which.",
}


def operations_app(metrics: Metrics, health: HealthCheck, is_stopping: Callable[[], bool]) -> Starlette:
    """Make the app. It reads the gauges as long as it runs."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        reading = asyncio.create_task(metrics.gauges.run())
        yield
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading

    async def get_metrics(_request: Request) -> Response:
        # Rendering takes some milliseconds, during which requests go on.
        return Response(await asyncio.to_thread(metrics.render), media_type=_MEDIA_TYPE)

    async def get_ready_state(_request: Request) -> Response:
        if is_stopping():
            return _not_ready(*_STOPPING)
        known = await health.get()
        if known.reason is not None:
            return _not_ready(known.reason.value, _DETAILS[known.reason])
        return JSONResponse({"status": "ready", "revision": known.revision})

    return Starlette(
        routes=[Route("/metrics", get_metrics), Route("/healthz/ready", get_ready_state)], lifespan=lifespan
    )


def _not_ready(reason: str, detail: str) -> Response:
    return JSONResponse({"status": "not_ready", "reason": reason, "detail": detail}, status_code=503)
