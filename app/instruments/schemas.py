"""What comes out of the routes of drivers, instruments and scoring profiles."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from app.http.pagination import ListQuery
from app.instruments.document import InstrumentDocument
from app.instruments.profile_document import ProfileDocument
from app.instruments.shipped import shipped_drivers, shipped_instruments, shipped_profiles
from app.schemas import Addressable, Instant, Key

_DRIVER = next(
    driver for driver in shipped_drivers().document["drivers"] if driver["key"] == "facilitative_administration"
)
_SHIPPED = shipped_instruments()[0]
_DOCUMENT = _SHIPPED.document
_PROFILE = shipped_profiles()[0]


def _example(place: int, **fields: Any) -> dict[str, Any]:
    """Make an example: a shipped document, as a tenant has it."""
    return {"id": f"0198c6ef-1111-7222-8333-44445555666{place}", "created_at": "2026-09-01T08:00:00Z", **fields}


_VERSION = _example(3, key=_DOCUMENT["key"], version=_DOCUMENT["version"], content_hash=_SHIPPED.content_hash)
_ITEM = _example(
    4,
    key=_PROFILE.document["key"],
    version=_PROFILE.document["version"],
    content_hash=_PROFILE.content_hash,
)


class StoredDocument(Addressable):
    """A stored thing that never changes."""

    created_at: datetime = Field(description="When it became available in the tenant, in UTC.")


class DriverRead(StoredDocument):
    """An implementation driver."""

    model_config = ConfigDict(json_schema_extra={"examples": [_example(1, **_DRIVER)]})

    key: str
    """Stable key of the driver."""
    number: int = Field(description="Its place in the catalogue.")
    group: str = Field(description="The family of drivers it belongs to.")
    name: dict[str, str] = Field(description="Text by language tag; English is always present.")
    definition: dict[str, str] = Field(description="Text by language tag; English is always present.")
    citation: list[str] = Field(description="Codes of the works that describe it.")
    instruments: list[str] = Field(description="Keys of the instruments attached to it.")


class InstrumentRead(StoredDocument):
    """An instrument, whatever its version."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _example(2, key=_DOCUMENT["key"], driver_key=_DOCUMENT["driver"], title=_DOCUMENT["title"]),
            ]
        }
    )

    key: str
    """Stable key of the instrument."""
    driver_key: str = Field(description="The driver it assesses.")
    title: dict[str, str] = Field(description="Text by language tag; English is always present.")


class InstrumentVersionItem(StoredDocument):
    """A published version of an instrument, without its texts."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VERSION]})

    key: str = Field(description="Key of the instrument.")
    version: str = Field(description="Semantic version.")
    content_hash: str = Field(description="SHA-256 of the document as canonical JSON (RFC 8785), hexadecimal.")


class InstrumentVersionRead(InstrumentVersionItem):
    """A published version of an instrument, whole."""

    # The example is cut to one practice; all nine would fill half of the API's document.
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**_VERSION, "document": {**_DOCUMENT, "practices": _DOCUMENT["practices"][:1]}}]
        }
    )

    document: InstrumentDocument
    """The whole document."""


class ScoringProfileItem(StoredDocument):
    """A scoring profile, without its rules."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ITEM]})

    key: str
    """Stable key of the profile."""
    version: str = Field(description="Semantic version.")
    content_hash: str = Field(description="SHA-256 of the document as canonical JSON (RFC 8785), hexadecimal.")


class ScoringProfileRead(ScoringProfileItem):
    """A scoring profile, whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_ITEM, "document": _PROFILE.document}]})

    document: ProfileDocument
    """The whole document."""


class DriverQuery(ListQuery):
    """Filters and order of the list of drivers; by default the order of the catalogue."""

    group: Key | None = None
    """Drivers of this family."""
    updated_since: Instant | None = Field(default=None, description="Only those available since this instant or later.")
    sort: Literal["number", "-number"] = "number"
    """Order of the list; `-` reverses it."""


class InstrumentQuery(ListQuery):
    """Filters and order of the list of instruments."""

    driver_key: Key | None = Field(default=None, description="Instruments of this driver.")
    updated_since: Instant | None = Field(default=None, description="Only those available since this instant or later.")
    sort: Literal["id", "-id"] = "id"
    """Order of the list; `-` reverses it."""


class InstrumentVersionQuery(ListQuery):
    """Order of an instrument's versions: as they were published, or latest first."""

    updated_since: Instant | None = Field(default=None, description="Only those available since this instant or later.")
    sort: Literal["id", "-id"] = "id"
    """Order of publication; `-` reverses it."""


class ScoringProfileQuery(ListQuery):
    """Filters and order of the list of scoring profiles."""

    key: Key | None = Field(default=None, description="Versions of this profile.")
    updated_since: Instant | None = Field(default=None, description="Only those available since this instant or later.")
    sort: Literal["id", "-id"] = "id"
    """Order of publication; `-` reverses it."""
