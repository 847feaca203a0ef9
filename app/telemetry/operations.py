"""The HTTP app of the operations listener: metrics, and what is wrong. It asks for no credential."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.telemetry.metrics import Metrics

_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def operations_app(metrics: Metrics) -> Starlette:
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

    return Starlette(routes=[Route("/metrics", get_metrics)], lifespan=lifespan)
