"""Wiring: settings in, a finished ASGI app out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel

from app import __version__, health, log
from app.access.authenticate import Authenticator
from app.access.operations import OPERATIONS
from app.accounts import router as accounts
from app.action_items import router as action_items
from app.assessments import reads as assessment_reads
from app.assessments import routers as assessments
from app.db.base import now
from app.db.engine import open_database
from app.db.migrate import load_models
from app.http import openapi, problems
from app.http.calls import Service
from app.http.guard import Guard
from app.http.queries import describe_query
from app.http.shortcut import Shortcut
from app.instruments import router as instruments
from app.organizations import router as organizations
from app.people import router as people
from app.programs import router as programs
from app.readiness import router as readiness
from app.settings import Settings, load_settings

DESCRIPTION = """\
Assess the nine practices of facilitative administration as a team, see your agency's readiness with honest
statistics, and act on the gaps.

Every score is a planning aid, not a ranking or a sanction: none of the cut-offs has been validated.
"""
TAGS = [
    {"name": "organizations", "description": "The tree a tenant is made of."},
    {"name": "programs", "description": "Programs and practices, and who implements them."},
    {"name": "people", "description": "Who can own work."},
    {"name": "instruments", "description": "Drivers, instruments and scoring profiles: data, immutable."},
    {"name": "assessments", "description": "A team's rating of one implementation, from draft to final."},
    {"name": "readiness", "description": "The score, computed per request and explained."},
    {"name": "action items", "description": "What is done about the gaps."},
    {"name": "accounts", "description": "Who is calling."},
    {"name": "health", "description": "For whoever operates the service."},
]
_ROUTERS: tuple[APIRouter, ...] = (
    action_items.router,
    *assessments.ROUTERS,
    readiness.router,
    organizations.router,
    programs.router,
    programs.implementations,
    people.router,
    *instruments.ROUTERS,
    accounts.router,
    health.router,
)


def create_app(
    settings: Settings | None = None,
    *,
    database_url: str | None = None,
    clock: Callable[[], datetime] = now,
    shortcut: bool = True,
) -> FastAPI:
    """Build the app.

    Args:
        settings: absent, they are read from the environment.
        database_url: where the service logs in; absent, the settings'.
        clock: tells the present instant.
        shortcut: serve plain GETs by the index; a test compares the answers with those without it.
    """
    load_models()
    settings = settings or load_settings()
    url = database_url or settings.database_url or ""
    database = open_database(settings, url, role=settings.assumed_role)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await database.close()

    app = FastAPI(
        title="Facilitative administration readiness",
        version=__version__,
        summary="Assess, see and act.",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
        openapi_url="/openapi.json" if settings.docs else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: to_camel(route.name),
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False},
    )
    authenticate = Authenticator(database.reads, clock, assessment_reads.SEAT_BY_TOKEN)
    app.state.service = Service(settings, database, authenticate, clock)
    for router in _ROUTERS:
        _mount(app, router)
    problems.install(app)
    openapi.install(app, lambda operation: OPERATIONS[operation].published())
    # The last added is the outermost.
    if shortcut:
        routes = [route for route in app.routes if isinstance(route, APIRoute)]
        app.add_middleware(Shortcut, service=app.state.service, routes=routes)
    app.add_middleware(
        Guard,
        max_body_bytes=settings.max_body_bytes,
        seconds=settings.request_seconds,
        tell=log.request_teller(settings),
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "X-Request-Id",
            ],
            expose_headers=[
                "Dry-Run",
                "ETag",
                "Idempotency-Replayed",
                "Link",
                "Location",
                "Retry-After",
                "X-Request-Id",
            ],
        )
    return app


def _mount(app: FastAPI, router: APIRouter) -> None:
    # Flat, not nested: an included router costs every request a search of its own.
    for route in router.routes:
        assert isinstance(route, APIRoute)  # noqa: S101  # routers here hold nothing else
        describe_query(route)
        route.operation_id = to_camel(route.name)
        app.router.routes.append(route)
