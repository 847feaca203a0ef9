"""Reads of a tenant's drivers, instruments and scoring profiles, which all its callers see, rendered by PostgreSQL."""

from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, func, literal_column, select
from sqlmodel import col

from app.db.keyset import Listing
from app.db.sql_json import Rendered, render
from app.db.statement import Read, Reader, Row
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.instruments.models import Driver, Instrument, InstrumentVersion, ScoringProfile
from app.instruments.schemas import (
    DriverRead,
    InstrumentRead,
    InstrumentVersionItem,
    InstrumentVersionRead,
    ScoringProfileItem,
    ScoringProfileRead,
)

_TENANT = bindparam("tenant_id", type_=Uuid())
_KEY = bindparam("key", type_=Text())
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))


def _rows(table: Any, model: Any, *conditions: Any, **computed: Any) -> Any:
    statement = select(table.id).where(table.tenant_id == _TENANT, *conditions)
    return render(statement, table, model, table.id, **computed)


def _part(name: str) -> Any:
    """Return a part of a driver's document."""
    return func.jsonb_extract_path(col(Driver.document), literal_column(f"'{name}'", Text))


_DRIVERS = _rows(
    Driver,
    DriverRead,
    **{name: _part(name) for name in DriverRead.model_fields if name not in {"id", "created_at"}},
)
_DRIVER = Read(_DRIVERS.where(col(Driver.key) == _KEY))
DRIVERS = Listing(
    "drivers",
    _DRIVERS,
    key=col(Driver.id),
    orders={"number": col(Driver.document)["number"].as_integer()},
    filters={
        "group": col(Driver.document)["group"].as_string() == bindparam("group", type_=Text()),
        "updated_since": col(Driver.created_at) >= _UPDATED_SINCE,
    },
)

_INSTRUMENTS = _rows(Instrument, InstrumentRead)
_INSTRUMENT = Read(_INSTRUMENTS.where(col(Instrument.key) == _KEY))
INSTRUMENTS = Listing(
    "instruments",
    _INSTRUMENTS,
    key=col(Instrument.id),
    orders={"id": col(Instrument.id)},
    filters={
        "driver_key": col(Instrument.driver_key) == bindparam("driver_key", type_=Text()),
        "updated_since": col(Instrument.created_at) >= _UPDATED_SINCE,
    },
)

_OF_KEY = col(InstrumentVersion.instrument_key) == _KEY
_NAMED_AFTER = {"key": col(InstrumentVersion.instrument_key)}
_VERSION = Read(
    _rows(InstrumentVersion, InstrumentVersionRead, _OF_KEY, **_NAMED_AFTER)
    .add_columns(col(InstrumentVersion.content_hash))
    .where(col(InstrumentVersion.version) == bindparam("version", type_=Text()))
)
VERSIONS = Listing(
    "instrument-versions",
    _rows(InstrumentVersion, InstrumentVersionItem, _OF_KEY, **_NAMED_AFTER),
    key=col(InstrumentVersion.id),
    orders={"id": col(InstrumentVersion.id)},
    filters={"updated_since": col(InstrumentVersion.created_at) >= _UPDATED_SINCE},
)

_PROFILES = _rows(ScoringProfile, ScoringProfileItem)
_OF_ID = col(ScoringProfile.id) == bindparam("id", type_=Uuid())
_PROFILE_ITEM = Read(_PROFILES.where(_OF_ID))
_PROFILE = Read(_rows(ScoringProfile, ScoringProfileRead, _OF_ID).add_columns(col(ScoringProfile.content_hash)))
PROFILES = Listing(
    "scoring-profiles",
    _PROFILES,
    key=col(ScoringProfile.id),
    orders={"id": col(ScoringProfile.id)},
    filters={
        "key": col(ScoringProfile.key) == _KEY,
        "updated_since": col(ScoringProfile.created_at) >= _UPDATED_SINCE,
    },
)


async def get_driver(reader: Reader, tenant_id: UUID, key: str) -> Rendered:
    """Return one driver.

    Raises:
        NotFound: the tenant has none such.
    """
    return _unchanging(await _found(reader, _DRIVER, tenant_id=tenant_id, key=key))


async def get_instrument(reader: Reader, tenant_id: UUID, key: str) -> Rendered:
    """Return one instrument.

    Raises:
        NotFound: the tenant has none such.
    """
    return _unchanging(await _found(reader, _INSTRUMENT, tenant_id=tenant_id, key=key))


async def get_version(reader: Reader, tenant_id: UUID, key: str, version: str) -> tuple[bytes, str]:
    """Return one version of an instrument with its document, as JSON, and its tag.

    Raises:
        NotFound: the tenant has none such.
    """
    return _tagged(await _found(reader, _VERSION, tenant_id=tenant_id, key=key, version=version))


async def get_profile(reader: Reader, tenant_id: UUID, profile_id: UUID) -> tuple[bytes, str]:
    """Return one scoring profile with its document, as JSON, and its tag.

    Raises:
        NotFound: the tenant has none such.
    """
    return _tagged(await _found(reader, _PROFILE, tenant_id=tenant_id, id=profile_id))


async def get_profile_item(reader: CallerReader, profile_id: UUID) -> Rendered:
    """Return a scoring profile that the caller has just published, as it is listed."""
    row = await _found(reader, _PROFILE_ITEM, tenant_id=reader.principal.tenant_id, id=profile_id)
    return Rendered(row["rendered"], id=row["id"])


async def _found(reader: Reader, read: Read, **values: Any) -> Row:
    row = await reader.fetch_one(read, **values)
    if row is None:
        raise NotFound
    return row


def _unchanging(row: Row) -> Rendered:
    return Rendered(row["rendered"], version=1, id=row["id"])


def _tagged(row: Row) -> tuple[bytes, str]:
    return row["rendered"], f'"1.{row["content_hash"][:32]}"'
