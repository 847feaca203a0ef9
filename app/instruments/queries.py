"""Reads of a tenant's drivers, instruments and scoring profiles, which all its callers see."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import DateTime, Select, Text, Uuid, bindparam, select
from sqlmodel import col

from app.db.keyset import Listing
from app.db.statement import Read, Reader, Row, from_json
from app.errors import NotFound
from app.http.responses import to_bytes
from app.instruments.models import Driver, Instrument, InstrumentVersion, ScoringProfile
from app.instruments.schemas import DriverRead, InstrumentRead, InstrumentVersionItem, ScoringProfileItem

_TENANT = bindparam("tenant_id", type_=Uuid())
_KEY = bindparam("key", type_=Text())
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))

_DRIVERS = select(col(Driver.id), col(Driver.created_at), col(Driver.document)).where(col(Driver.tenant_id) == _TENANT)
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

_INSTRUMENTS = select(
    col(Instrument.id),
    col(Instrument.created_at),
    col(Instrument.key),
    col(Instrument.driver_key),
    col(Instrument.title),
).where(col(Instrument.tenant_id) == _TENANT)
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

_VERSIONS: Select[*tuple[Any, ...]] = select(
    col(InstrumentVersion.id),
    col(InstrumentVersion.created_at),
    col(InstrumentVersion.instrument_key).label("key"),
    col(InstrumentVersion.version),
    col(InstrumentVersion.content_hash),
).where(col(InstrumentVersion.tenant_id) == _TENANT, col(InstrumentVersion.instrument_key) == _KEY)
_VERSION = Read(
    _VERSIONS.add_columns(col(InstrumentVersion.document)).where(
        col(InstrumentVersion.version) == bindparam("version", type_=Text())
    )
)
VERSIONS = Listing(
    "instrument-versions",
    _VERSIONS,
    key=col(InstrumentVersion.id),
    orders={"id": col(InstrumentVersion.id)},
    filters={"updated_since": col(InstrumentVersion.created_at) >= _UPDATED_SINCE},
)

_PROFILES = select(
    col(ScoringProfile.id),
    col(ScoringProfile.created_at),
    col(ScoringProfile.key),
    col(ScoringProfile.version),
    col(ScoringProfile.content_hash),
).where(col(ScoringProfile.tenant_id) == _TENANT)
_PROFILE = Read(
    _PROFILES.add_columns(col(ScoringProfile.document)).where(col(ScoringProfile.id) == bindparam("id", type_=Uuid()))
)
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


def present_driver(row: Row) -> DriverRead:
    """Return a row as every caller gets it."""
    return DriverRead.model_validate({**from_json(row["document"]), "id": row["id"], "created_at": row["created_at"]})


def present_instrument(row: Row) -> InstrumentRead:
    """Return a row as every caller gets it."""
    fields: dict[str, Any] = dict(row)
    fields["title"] = from_json(row["title"])
    return InstrumentRead.model_validate(fields)


def present_version(row: Row) -> InstrumentVersionItem:
    """Return a row as every caller gets it, without the document."""
    return InstrumentVersionItem.model_validate(dict(row))


def present_profile(row: Row) -> ScoringProfileItem:
    """Return a row as every caller gets it, without the document."""
    return ScoringProfileItem.model_validate(dict(row))


async def driver(reader: Reader, tenant_id: UUID, key: str) -> DriverRead:
    """Return one driver.

    Raises:
        NotFound: the tenant has none such.
    """
    return present_driver(await _found(reader, _DRIVER, tenant_id=tenant_id, key=key))


async def instrument(reader: Reader, tenant_id: UUID, key: str) -> InstrumentRead:
    """Return one instrument.

    Raises:
        NotFound: the tenant has none such.
    """
    return present_instrument(await _found(reader, _INSTRUMENT, tenant_id=tenant_id, key=key))


async def version(reader: Reader, tenant_id: UUID, key: str, version: str) -> tuple[bytes, str]:
    """Return one version of an instrument with its document, as JSON, and its tag.

    Raises:
        NotFound: the tenant has none such.
    """
    row = await _found(reader, _VERSION, tenant_id=tenant_id, key=key, version=version)
    return _whole(present_version(row), row)


async def profile(reader: Reader, tenant_id: UUID, profile_id: UUID) -> tuple[bytes, str]:
    """Return one scoring profile with its document, as JSON, and its tag.

    Raises:
        NotFound: the tenant has none such.
    """
    row = await _found(reader, _PROFILE, tenant_id=tenant_id, id=profile_id)
    return _whole(present_profile(row), row)


async def _found(reader: Reader, read: Read, **values: Any) -> Row:
    row = await reader.fetch_one(read, **values)
    if row is None:
        raise NotFound
    return row


def _whole(item: BaseModel, row: Row) -> tuple[bytes, str]:
    # The stored document goes out as it lies there: it was checked when it came in, and it never changes.
    body = to_bytes(item)[:-1] + b',"document":' + row["document"].encode() + b"}"
    return body, f'"1.{row["content_hash"][:32]}"'
