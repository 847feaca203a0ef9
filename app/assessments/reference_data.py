"""Parsed instrument versions and scoring profiles.

Both are immutable, so each process caches those it has loaded.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, select
from sqlmodel import col

from app.db.statement import Read, Reader, from_json
from app.instruments.models import InstrumentVersion, ScoringProfile
from app.scoring import Instrument, Practice
from app.scoring import ScoringProfile as Profile

Value = TypeVar("Value")
_MOST_KEPT = 256
_TENANT = bindparam("tenant_id", type_=Uuid())
_ID = bindparam("id", type_=Uuid())
_INSTRUMENT = Read(
    select(col(InstrumentVersion.document), col(InstrumentVersion.content_hash)).where(
        col(InstrumentVersion.tenant_id) == _TENANT, col(InstrumentVersion.id) == _ID
    )
)
_PROFILE = Read(
    select(col(ScoringProfile.document)).where(col(ScoringProfile.tenant_id) == _TENANT, col(ScoringProfile.id) == _ID)
)

_KEY = bindparam("key", type_=Text())
_NEWEST_INSTRUMENT = (
    select(col(InstrumentVersion.id))
    .where(col(InstrumentVersion.tenant_id) == _TENANT, col(InstrumentVersion.instrument_key) == _KEY)
    .order_by(col(InstrumentVersion.id).desc())
    .limit(1)
)
_FIND_NEWEST_INSTRUMENT = Read(_NEWEST_INSTRUMENT)
_FIND_INSTRUMENT = Read(_NEWEST_INSTRUMENT.where(col(InstrumentVersion.version) == bindparam("version", type_=Text())))
_FIND_NEWEST_PROFILE = Read(
    select(col(ScoringProfile.id))
    .where(col(ScoringProfile.tenant_id) == _TENANT, col(ScoringProfile.key) == _KEY)
    .order_by(col(ScoringProfile.id).desc())
    .limit(1)
)

#: The instrument and the profile of an assessment whose creation names none.
DEFAULT_INSTRUMENT = "facilitative-administration"
DEFAULT_PROFILE = "fa9-default"


class _ReferenceCache(Generic[Value]):
    """A bounded cache of immutable values by tenant and id."""

    def __init__(self) -> None:
        self._values: OrderedDict[tuple[UUID, UUID], Value] = OrderedDict()

    def get(self, key: tuple[UUID, UUID]) -> Value | None:
        return self._values.get(key)

    def put(self, key: tuple[UUID, UUID], value: Value) -> Value:
        self._values[key] = value
        if len(self._values) > _MOST_KEPT:
            self._values.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class FrozenInstrument:
    """An instrument version: the part that scoring needs, the practice titles and the checklist codes."""

    scored: Instrument
    titles: Mapping[str, str]
    checklist: frozenset[str]

    def has(self, practice: str) -> bool:
        """Return whether the instrument has this practice."""
        return practice in self.titles


_instruments: _ReferenceCache[FrozenInstrument] = _ReferenceCache()
_profiles: _ReferenceCache[Profile] = _ReferenceCache()


async def load_instrument(reader: Reader, tenant_id: UUID, version_id: UUID) -> FrozenInstrument | None:
    """Return the instrument version with this id, or None."""
    known = _instruments.get((tenant_id, version_id))
    if known is not None:
        return known
    row = await reader.fetch_one(_INSTRUMENT, tenant_id=tenant_id, id=version_id)
    if row is None:
        return None
    document: dict[str, Any] = from_json(row["document"])
    made = FrozenInstrument(
        scored=Instrument(
            key=document["key"],
            version=document["version"],
            content_hash=row["content_hash"],
            practices=tuple(_read_practice(one) for one in document["practices"]),
        ),
        titles={one["code"]: one["title"]["en"] for one in document["practices"]},
        checklist=frozenset(item["code"] for item in document["administration"]["checklist"]),
    )
    return _instruments.put((tenant_id, version_id), made)


def _read_practice(document: Mapping[str, Any]) -> Practice:
    return Practice(
        document["code"],
        document["number"],
        document["title"]["en"],
        tuple(metric["key"] for metric in document["metrics"] if metric["signal"]),
    )


async def load_profile(reader: Reader, tenant_id: UUID, profile_id: UUID) -> Profile | None:
    """Return the scoring profile with this id, or None."""
    known = _profiles.get((tenant_id, profile_id))
    if known is not None:
        return known
    row = await reader.fetch_one(_PROFILE, tenant_id=tenant_id, id=profile_id)
    return (
        None
        if row is None
        else _profiles.put((tenant_id, profile_id), Profile.from_document(from_json(row["document"])))
    )


async def find_instrument(
    reader: Reader, tenant_id: UUID, key: str = DEFAULT_INSTRUMENT, version: str | None = None
) -> UUID | None:
    """Return the id of a published instrument version, by default the newest, or None."""
    read = _FIND_NEWEST_INSTRUMENT if version is None else _FIND_INSTRUMENT
    row = await reader.fetch_one(read, tenant_id=tenant_id, key=key, version=version)
    return None if row is None else row["id"]


async def find_profile(reader: Reader, tenant_id: UUID) -> UUID | None:
    """Return the id of the newest default profile, or None."""
    row = await reader.fetch_one(_FIND_NEWEST_PROFILE, tenant_id=tenant_id, key=DEFAULT_PROFILE)
    return None if row is None else row["id"]
