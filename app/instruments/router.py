"""The routes of drivers, instruments and scoring profiles: open to every caller of the tenant, and immutable."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.http.context import ContextDep
from app.http.openapi.build import TAGGED
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show, tagged
from app.http.write import write_and_read
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
    """List the implementation drivers.

    Drivers are the catalogue that instruments are grouped by. Use it to offer a choice of what to assess;
    `instruments` of a driver names those there are. Every caller of the tenant may read it. The catalogue comes with
    the release and never changes through the API.
    """
    return await page(context, queries.DRIVERS, query)


@drivers.get("/{key}", response_model=DriverRead, responses=TAGGED)
async def get_driver(context: ContextDep, key: Key) -> Response:
    """Read one implementation driver.

    Use it to show the definition of a driver and the instruments attached to it. Every caller of the tenant may read
    it. The answer is 404 if the catalogue has no driver with this key.
    """
    return show(context, await queries.get_driver(context, context.tenant_id, key))


@instruments.get("", response_model=Page[InstrumentRead])
async def list_instruments(context: ContextDep, query: Annotated[InstrumentQuery, Query()]) -> Response:
    """List the instruments.

    Use it to find the instrument for a driver; the texts and practices are in the instrument's versions. Every caller
    of the tenant may read it. Instruments come with the release and are not changed through the API.
    """
    return await page(context, queries.INSTRUMENTS, query)


@instruments.get("/{key}", response_model=InstrumentRead, responses=TAGGED)
async def get_instrument(context: ContextDep, key: Key) -> Response:
    """Read one instrument.

    Use it to show the title of an instrument and the driver it assesses; its practices are in its versions. Every
    caller of the tenant may read it. The answer is 404 if there is no instrument with this key.
    """
    return show(context, await queries.get_instrument(context, context.tenant_id, key))


@instruments.get("/{key}/versions", response_model=Page[InstrumentVersionItem])
async def list_instrument_versions(
    context: ContextDep, key: Key, query: Annotated[InstrumentVersionQuery, Query()]
) -> Response:
    """List the versions of an instrument, without their texts.

    Use it to find the `id` that a new assessment takes as `instrument_version_id`. Every caller of the tenant may
    read it. A version never changes; `content_hash` proves that. The answer is 404 if there is no instrument with
    this key.
    """
    await queries.get_instrument(context, context.tenant_id, key)
    return await page(context, queries.VERSIONS, query, key=key)


@instruments.get("/{key}/versions/{version}", response_model=InstrumentVersionRead, responses=TAGGED)
async def get_instrument_version(context: ContextDep, key: Key, version: Key) -> Response:
    """Read one version of an instrument, with all its texts.

    Use it to show the practices, questions and levels to a team. Every caller of the tenant may read it. A version
    never changes, so cache it by its `ETag`. The answer is 404 if the instrument or the version does not exist.
    """
    return tagged(context, *await queries.get_version(context, context.tenant_id, key, version))


@profiles.get("", response_model=Page[ScoringProfileItem])
async def list_scoring_profiles(context: ContextDep, query: Annotated[ScoringProfileQuery, Query()]) -> Response:
    """List the scoring profiles, without their rules.

    Use it to find the `id` that a new assessment takes as `scoring_profile_id`, or that readiness takes as `profile`.
    The list contains the profiles of the release and those that the tenant published. Every caller of the tenant may
    read it.
    """
    return await page(context, queries.PROFILES, query)


@profiles.post(
    "",
    status_code=201,
    response_model=ScoringProfileItem,
    responses=problems(ProfileExists, ReservedKey, ProfileRefused),
)
async def create_scoring_profile(context: ContextDep, body: ProfileDocument) -> Response:
    """Publish a scoring profile of the tenant.

    Use it when the shipped weights, bands or gates do not fit. You need the role at the root organization. The
    profile is immutable: to change it, publish the same key with a new version; the same key and version is 409. The
    answer is 422 if the parts do not fit together, or if the key begins with `fa9-`, which is reserved for shipped
    profiles. Existing assessments keep their profile.
    """
    return await write_and_read(context, queries.get_profile_item, service.create_profile, body)


@profiles.get("/{profile_id}", response_model=ScoringProfileRead, responses=TAGGED)
async def get_scoring_profile(context: ContextDep, profile_id: UUID) -> Response:
    """Read one scoring profile, with its weights, bands, gates and windows.

    Use it to explain how an assessment is scored. Every caller of the tenant may read it. A profile never changes, so
    cache it by its `ETag`. The answer is 404 if the tenant has no profile with this id.
    """
    return tagged(context, *await queries.get_profile(context, context.tenant_id, profile_id))
