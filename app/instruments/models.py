"""Drivers, instruments and scoring profiles as a tenant holds them: copies of what ships, immutable."""

from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from app.db.base import Record


class Driver(Record, table=True):
    """One of the implementation drivers."""

    __tablename__ = "drivers"
    __table_args__ = (UniqueConstraint("tenant_id", "key"),)

    key: str = Field(max_length=100)
    document: dict[str, Any] = Field(sa_type=JSONB)


class Instrument(Record, table=True):
    """An instrument, whatever its version."""

    __tablename__ = "instruments"
    __table_args__ = (UniqueConstraint("tenant_id", "key"),)

    key: str = Field(max_length=100)
    driver_key: str = Field(max_length=100)
    title: dict[str, Any] = Field(sa_type=JSONB)


class InstrumentVersion(Record, table=True):
    """A published version: its document never changes, and the content hash proves it."""

    __tablename__ = "instrument_versions"
    __table_args__ = (UniqueConstraint("tenant_id", "instrument_key", "version"),)

    instrument_key: str = Field(max_length=100)
    version: str = Field(max_length=40)
    content_hash: str = Field(max_length=80)
    document: dict[str, Any] = Field(sa_type=JSONB)


class ScoringProfile(Record, table=True):
    """Weights, bands, gates and windows as data; immutable."""

    __tablename__ = "scoring_profiles"
    __table_args__ = (UniqueConstraint("tenant_id", "key", "version"),)

    key: str = Field(max_length=100)
    version: str = Field(max_length=40)
    content_hash: str = Field(max_length=80)
    document: dict[str, Any] = Field(sa_type=JSONB)
