"""Wiring: settings in, a finished ASGI app out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__, health, log
from app.access import router as me
from app.access.authenticate import Authenticator
from app.access.credential_kinds import ApiKeys, ScimTokens, SeatTokens
from app.access.credential_uses import CredentialUses
from app.access.local_admin import LOOPBACK_ORIGIN, LocalAdmin
from app.access.oidc.sign_ins import SignIns
from app.access.operations import OPERATIONS, SCIM_OPERATIONS
from app.accounts import routers as accounts
from app.action_items import router as action_items
from app.assessments import queries as assessment_reads
from app.assessments import routers as assessments
from app.audit import router as audit
from app.background import create_background, kinds_with
from app.db.base import now
from app.db.engine import Database, open_database
from app.db.pool import Pool
from app.db.schema.migrate import load_models
from app.docs import routes as docs
from app.events.sealer import Sealer
from app.events.types import EVENT_TYPES
from app.events.watch import FeedWatch
from app.exports import router as export_routes
from app.exports.lists import ListRoutes
from app.exports.streaming import Exports
from app.feed import router as feed
from app.http import problems
from app.http.context import AppState
from app.http.gateway import Gateway
from app.http.needs import needs_of
from app.http.openapi import build
from app.http.openapi.parameters import describe_query
from app.instruments import router as instruments
from app.integrations.calendars import router as calendars
from app.integrations.connectors import router as connectors
from app.integrations.roster import router as roster
from app.integrations.roster import upload_router as roster_uploads
from app.integrations.scim import mapping_router as scim_mappings
from app.integrations.scim import protocol_router as scim_protocol
from app.integrations.scim import queries as scim_reads
from app.integrations.scim import router as scim
from app.integrations.webhooks import router as webhooks
from app.integrations.webhooks.dispatcher import GAUGES as WEBHOOK_GAUGES
from app.integrations.webhooks.dispatcher import WebhookDispatcher
from app.jobs import router as jobs
from app.jobs.gauges import GAUGES
from app.jobs.worker import Worker
from app.metrics import router as metrics_routes
from app.organizations import router as organizations
from app.people import router as people
from app.people.sign_ins import SIGNED_IN
from app.privacy import router as privacy
from app.programs import router as programs
from app.readiness import router as readiness
from app.settings import Settings, load_settings
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracing, start_tracing

DESCRIPTION = """\
Assess the nine practices of facilitative administration as a team, see your agency's readiness with honest
statistics, and act on the gaps.

Every score is a planning aid, not a ranking or a sanction: none of the cut-offs has been validated.
"""
TAGS = [
    {"name": "organizations", "description": "The tree a tenant is made of."},
    {"name": "programs", "description": "Programs and practices, and who implements them."},
    {"name": "people", "description": "Who can own work."},
    {"name": "metrics", "description": "Figures that HR, learning and finance systems report."},
    {"name": "instruments", "description": "Drivers, instruments and scoring profiles: data, immutable."},
    {"name": "assessments", "description": "A team's rating of one implementation, from draft to final."},
    {"name": "readiness", "description": "The score, computed per request and explained."},
    {"name": "action items", "description": "What is done about the gaps."},
    {"name": "events", "description": "What happened, in order, for systems that follow."},
    {"name": "webhooks", "description": "Events sent to other systems, signed, and the log of deliveries."},
    {"name": "calendars", "description": "Due dates of action items, for calendar programs."},
    {"name": "exports", "description": "Whole lists as tables, for spreadsheets and other systems."},
    {"name": "connectors", "description": "Systems that people are pulled from, and what each run did."},
    {"name": "jobs", "description": "Background work: how far it is, what went wrong, and its cancellation."},
    {"name": "audit", "description": "Who changed what, and whether that record is whole."},
    {"name": "accounts", "description": "Who is calling, and who may call: principals, their keys and their roles."},
    {"name": "health", "description": "Liveness and readiness of the process, for those who operate it."},
]
_METADATA: Final[dict[str, Any]] = {
    "title": "Facilitative administration readiness",
    "version": __version__,
    "summary": "Assess, see and act.",
    "description": DESCRIPTION,
    "openapi_tags": TAGS,
    "contact": {"name": "Maintainers of fa-readiness"},
    "license_info": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    "openapi_url": None,
    "docs_url": None,
    "redoc_url": None,
    "redirect_slashes": False,
    "generate_unique_id_function": lambda route: to_camel(route.name),
    "telemetry": {"tracing": False, "metrics": False},
}
_CORS_TAKEN = ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Traceparent"]
_CORS_TAKEN += ["X-Request-Id"]
_CORS_SHOWN = ["Dry-Run", "ETag", "Idempotency-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy"]
_CORS_SHOWN += ["Retry-After", "X-Request-Id"]
ROUTERS: tuple[APIRouter, ...] = (
    action_items.router,
    *assessments.ROUTERS,
    readiness.router,
    organizations.router,
    programs.router,
    programs.implementations,
    people.router,
    metrics_routes.router,
    privacy.router,
    roster.router,
    roster_uploads.router,
    *instruments.ROUTERS,
    feed.router,
    webhooks.router,
    export_routes.router,
    connectors.router,
    scim.router,
    scim_mappings.router,
    scim_protocol.router,
    calendars.router,
    calendars.calendars,
    jobs.router,
    audit.router,
    me.router,
    *accounts.ROUTERS,
    health.router,
)


def create_app(
    settings: Settings | None = None,
    *,
    database_url: str | None = None,
    clock: Callable[[], datetime] = now,
    routers: Sequence[APIRouter] = ROUTERS,
) -> FastAPI:
    """Build the app.

    Args:
        settings: absent, they are read from the environment.
        database_url: where the service logs in; absent, the settings'.
        clock: returns the present instant.
        routers: what is served.
    """
    load_models()
    settings = settings or load_settings()
    url = database_url or settings.database_url or ""
    tracing = start_tracing(settings)
    on_statement = None if tracing is None else tracing.record_statement
    database = open_database(settings, url, role=settings.assumed_role, on_statement=on_statement)
    metrics = None if settings.metrics_port is None else Metrics(__version__, database, (*GAUGES, *WEBHOOK_GAUGES))
    feeds, exports = FeedWatch(database.reads), Exports()
    background = _create_background(
        settings, database, clock, feeds=feeds, tracing=tracing, metrics=metrics, lists=exports.lists
    )
    authenticate = _create_authenticator(database.reads, clock, background.sign_ins)
    app_state = AppState(
        settings,
        database,
        authenticate,
        authenticate.invalidate,
        clock,
        feeds,
        background.sealer,
        note_use=background.credential_uses.note,
        sign_in_locally=LocalAdmin(database.reads) if settings.auth == "dev" else None,
        metrics=metrics,
        tracing=tracing,
    )
    app = _Application(app_state, lifespan=background.run, **_METADATA)
    app.state.worker, app.state.exports = background.worker, exports
    for router in routers:
        _mount(app, router)
    exports.lists.add(app.router.routes)
    problems.install(app)
    build.install(app, OPERATIONS, EVENT_TYPES)
    if settings.docs:
        docs.install(app)
    return app


def _create_authenticator(reads: Pool, clock: Callable[[], datetime], sign_ins: SignIns) -> Authenticator:
    """Return the authenticator with every kind of credential, in the order they are asked."""
    return Authenticator(
        [
            ApiKeys(reads, clock),
            SeatTokens(reads, assessment_reads.SEAT_BY_TOKEN),
            ScimTokens(reads, scim_reads.BY_SECRET, clock),
            sign_ins,
        ]
    )


def _create_sign_ins(
    settings: Settings, database: Database, clock: Callable[[], datetime], tracing: Tracing | None
) -> SignIns:
    return SignIns(
        database.reads,
        SIGNED_IN,
        assessment_reads.HELD_SEATS,
        clock=clock,
        networks=settings.outgoing_networks,
        tracer=None if tracing is None else tracing.tracer,
    )


@dataclass(frozen=True)
class _Background:
    """What works besides the requests, or must be closed when the app ends.

    Args:
        runs_jobs: this process works on jobs.
    """

    database: Database
    sealer: Sealer
    credential_uses: CredentialUses
    sign_ins: SignIns
    worker: Worker
    webhooks: WebhookDispatcher
    runs_jobs: bool
    tracing: Tracing | None

    @asynccontextmanager
    async def run(self, _app: FastAPI) -> AsyncIterator[None]:
        """Start the background work, and end it with the app."""
        async with AsyncExitStack() as closings:
            # The last one is called first. Each is called, also where another one fails.
            if self.tracing is not None:
                closings.push_async_callback(self.tracing.close)
            closings.push_async_callback(self.database.close)
            closings.push_async_callback(self.sealer.close)
            closings.push_async_callback(self.sign_ins.close)
            closings.push_async_callback(self.credential_uses.write)
            closings.push_async_callback(_cancel, asyncio.create_task(self.credential_uses.run()))
            closings.push_async_callback(self.webhooks.close)
            if self.runs_jobs:
                closings.push_async_callback(self._stop_work, asyncio.create_task(self.worker.run()))
            yield

    async def _stop_work(self, work: asyncio.Task[None]) -> None:
        self.worker.begin_stop()
        await work


def _create_background(
    settings: Settings,
    database: Database,
    clock: Callable[[], datetime],
    *,
    feeds: FeedWatch,
    tracing: Tracing | None,
    metrics: Metrics | None,
    lists: ListRoutes,
) -> _Background:
    parts = create_background(settings, database, clock, on_sealed=feeds.notify, kinds=kinds_with(lists))
    if metrics is not None:
        metrics.add_source(parts.webhooks.collect)
    return _Background(
        database=database,
        sealer=parts.sealer,
        credential_uses=CredentialUses(database, clock),
        sign_ins=_create_sign_ins(settings, database, clock, tracing),
        worker=parts.worker,
        webhooks=parts.webhooks,
        runs_jobs=settings.worker,
        tracing=tracing,
    )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class _Application(FastAPI):
    """The framework's app behind the gateway."""

    def __init__(self, app_state: AppState, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state.app_state = app_state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve; the framework's own way here looks for a telemetry that is off."""
        scope["app"] = self
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Return the outermost layer that a request passes. The layers are made at the first request."""
        app_state: AppState = self.state.app_state
        settings = app_state.settings
        gateway = Gateway(
            super().build_middleware_stack(),
            app_state=app_state,
            routes=self.routes,
            everything_by_framework=bool(self.user_middleware or self.dependency_overrides),
            log_request=log.request_logger(settings),
        )
        if not settings.cors_origins and not settings.serves_this_machine:
            return gateway
        return CORSMiddleware(
            gateway,
            allow_origins=settings.cors_origins,
            allow_origin_regex=LOOPBACK_ORIGIN if settings.serves_this_machine else None,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_CORS_TAKEN,
            expose_headers=_CORS_SHOWN,
        )


def find_lists() -> ListRoutes:
    """Return the lists of the API, for a process that works on jobs and serves no requests."""
    lists = ListRoutes()
    for router in ROUTERS:
        _describe(router)
    lists.add(route for router in ROUTERS for route in router.routes)
    return lists


def _mount(app: FastAPI, router: APIRouter) -> None:
    """Add the routes of a router flat: an included router costs every request another search."""
    _describe(router)
    app.router.routes += router.routes


def _describe(router: APIRouter) -> None:
    """Note on each route its operation, its parameters and who may call it.

    Raises:
        LookupError: an operation is not in the table of operations, so that nobody has decided who may perform it.
    """
    for route in router.routes:
        assert isinstance(route, APIRoute)  # noqa: S101  # routers here hold nothing else
        describe_query(route)
        route.operation_id = to_camel(route.name)
        declared = needs_of(route)
        if declared.provisioning and route.operation_id in SCIM_OPERATIONS:
            route.needs = declared  # type: ignore[attr-defined]
        else:
            route.needs = replace(declared, public=OPERATIONS[route.operation_id].public)  # type: ignore[attr-defined]
