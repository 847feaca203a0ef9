"""The servers that the service is compared with, one a process: `python -m tests.bench.worker KIND NUMBER…`.

`constants` is the ceiling of the framework: FastAPI apps of one route each that answer constant bytes and are served
as the service is. `routes` is the service with a number of other routes registered before its own.
"""

import sys
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from starlette.types import Receive, Scope, Send

from app import log, main
from app.access.operations import OPERATIONS, Access
from app.http.context import ContextDep
from app.server.listening import address_of, bind
from app.server.web_server import create_server
from app.settings import load_settings


def constants(*sizes: int) -> Any:
    """Apps whose only route takes no parameter and answers constant bytes, at `/0`, `/1` and so on."""
    apps = {f"/{place}": _constant(f"/{place}", size) for place, size in enumerate(sizes)}

    async def by_path(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[scope.get("path", "/0")](scope, receive, send)

    return by_path


def _constant(path: str, size: int) -> FastAPI:
    app = FastAPI(openapi_url=None, telemetry={"tracing": False, "metrics": False})
    body = b'"' + b"x" * (size - 2) + b'"'

    @app.get(path)
    async def answer() -> Response:
        return Response(body, media_type="application/json")

    return app


def with_more_routes(count: int) -> Any:
    """Return the service's app behind `count` more routes of ordinary shapes."""
    more = APIRouter(prefix="/v1", tags=["health"])

    async def nothing(context: ContextDep) -> Response:
        return Response(b"null", media_type="application/json")

    shapes = [
        ("", "GET"),
        ("", "POST"),
        ("/{thing_id}", "GET"),
        ("/{thing_id}", "PATCH"),
        ("/{thing_id}/moves", "POST"),
    ]
    for number in range(count):
        resource, shape = divmod(number, len(shapes))
        rest, method = shapes[shape]
        more.add_api_route(f"/bench-{resource}{rest}", nothing, methods=[method], name=f"bench{number}")
        OPERATIONS[f"bench{number}"] = Access(anyone=True)
    settings = load_settings()
    log.configure(settings)
    return main.create_app(settings, routers=(more, *main.ROUTERS))


def _say(address: str) -> None:
    sys.stderr.write(f"{address}\n")
    sys.stderr.flush()


def run(app: Any) -> None:
    """Serve until ended."""
    with bind("127.0.0.1", 0) as listener:
        address = address_of(listener)
        create_server(app, announce=lambda: _say(address)).run([listener])


if __name__ == "__main__":
    APPS: dict[str, Callable[..., Any]] = {"constants": constants, "routes": with_more_routes}
    run(APPS[sys.argv[1]](*map(int, sys.argv[2:])))
