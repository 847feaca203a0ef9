"""The routes of drivers, instruments and scoring profiles: open to every caller of the tenant, and immutable."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.http.context import ContextDep, RequestContext
from app.http.etags import etag
from app.http.openapi.build import TAGGED
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import tagged, to_bytes
from app.http.write import write
from app.instruments import queries, service
from app.instruments.profile_document import ProfileDocument
from app.instruments.schemas import (
    DriverQuery,
    DriverRead,
    InstrumentQuery,
    InstrumentRead,
    InstrumentVersionItem,
    InstrumentVersionQuery,
    InstrumentVersionRead,
    Kept,
    ScoringProfileItem,
    ScoringProfileQuery,
    ScoringProfileRead,
)
from app.instruments.service import ProfileExists, ProfileRefused, ReservedKey
from app.schemas import Key, Page

drivers = APIRouter(prefix="/v1/drivers", tags=["instruments"])
instruments = APIRouter(prefix="/v1/instruments", tags=["instruments"])
profiles = APIRouter(prefix="/v1/scoring-profiles", tags=["instruments"])
ROUTERS: tuple[APIRouter, ...] = (drivers, instruments, profiles)


@drivers.get("", response_model=Page[DriverRead])
async def list_drivers(context: ContextDep, query: Annotated[DriverQuery, Query()]) -> Response:
    """List the implementation drivers."""
    return await page(context, queries.DRIVERS, query, queries.present_driver)


@drivers.get("/{key}", response_model=DriverRead, responses=TAGGED)
async def get_driver(context: ContextDep, key: Key) -> Response:
    """Read one driver."""
    return _show(context, await queries.driver(context, context.tenant_id, key))


@instruments.get("", response_model=Page[InstrumentRead])
async def list_instruments(context: ContextDep, query: Annotated[InstrumentQuery, Query()]) -> Response:
    """List the instruments."""
    return await page(context, queries.INSTRUMENTS, query, queries.present_instrument)


@instruments.get("/{key}", response_model=InstrumentRead, responses=TAGGED)
async def get_instrument(context: ContextDep, key: Key) -> Response:
    """Read one instrument."""
    return _show(context, await queries.instrument(context, context.tenant_id, key))


@instruments.get("/{key}/versions", response_model=Page[InstrumentVersionItem])
async def list_instrument_versions(
    context: ContextDep, key: Key, query: Annotated[InstrumentVersionQuery, Query()]
) -> Response:
    """List the published versions of an instrument, without their texts."""
    found = await queries.instrument(context, context.tenant_id, key)
    return await page(context, queries.VERSIONS, query, queries.present_version, key=found.key)


@instruments.get("/{key}/versions/{version}", response_model=InstrumentVersionRead, responses=TAGGED)
async def get_instrument_version(context: ContextDep, key: Key, version: Key) -> Response:
    """Read one version of an instrument, with all its texts."""
    return tagged(context, *await queries.version(context, context.tenant_id, key, version))


@profiles.get("", response_model=Page[ScoringProfileItem])
async def list_scoring_profiles(context: ContextDep, query: Annotated[ScoringProfileQuery, Query()]) -> Response:
    """List the scoring profiles, without their rules."""
    return await page(context, queries.PROFILES, query, queries.present_profile)


@profiles.post(
    "",
    status_code=201,
    response_model=ScoringProfileItem,
    responses=problems(ProfileExists, ReservedKey, ProfileRefused),
)
async def create_scoring_profile(context: ContextDep, body: ProfileDocument) -> Response:
    """Publish a scoring profile of one's own; it never changes afterwards."""
    return await write(context, service.create_profile, body)


@profiles.get("/{profile_id}", response_model=ScoringProfileRead, responses=TAGGED)
async def get_scoring_profile(context: ContextDep, profile_id: UUID) -> Response:
    """Read one scoring profile: weights, bands, gates, windows."""
    return tagged(context, *await queries.profile(context, context.tenant_id, profile_id))


def _show(context: RequestContext, value: Kept) -> Response:
    body = to_bytes(value)
    return tagged(context, body, etag(1, body))
