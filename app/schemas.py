"""Shapes shared by all domains: text that can be stored, bounded numbers, pages, and the base classes."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from ipaddress import ip_network
from typing import Annotated, Any, Generic, Literal, Self, TypeVar
from uuid import UUID
from zoneinfo import available_timezones

from annotated_types import MaxLen
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.text import clean_name, search_key

Item = TypeVar("Item")
#: JSON Schema has no bounds for dates, so the document bounds their years by a pattern.
_YEARS = r"(?:19\d\d|2[01]\d\d|2200)"
_DAY_PATTERN = rf"^{_YEARS}-\d{{2}}-\d{{2}}$"
_INSTANT_PATTERN = rf"^{_YEARS}-\d{{2}}-\d{{2}}[Tt ]\d{{2}}:\d{{2}}.*$"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:$|[Tt ])")


_SURROGATE = re.compile("[\ud800-\udfff]")
#: Unicode's own bound for a run of combining marks (UAX 15, stream-safe text); ordering a longer run is quadratic.
_MARKS = re.compile(rb"[^\0]{31}")
#: The characters that decompose into marks only, and are none themselves.
_HIDDEN_MARKS = str.maketrans("\u0f73\u0f75\u0f81", "\u0300\u0300\u0300")


def _storable(value: str) -> str:
    """Normalize to NFC and refuse what PostgreSQL cannot store or a reader cannot see."""
    if "\x00" in value:
        raise PydanticCustomError("nul_character", "Text must not contain the NUL character")
    if value.isascii():
        return value
    if _SURROGATE.search(value):
        raise PydanticCustomError("lone_surrogate", "Text must not contain a lone surrogate")
    if _MARKS.search(bytes(map(unicodedata.combining, value.translate(_HIDDEN_MARKS)))):
        raise PydanticCustomError("combining_run", "More than 30 combining marks follow each other")
    return unicodedata.normalize("NFC", value)


def _clean_name(value: str) -> str:
    """Leave out what cannot be seen in a name or a title, and refuse one of which nothing is left."""
    cleaned = clean_name(value)
    if not cleaned:
        raise PydanticCustomError("blank_name", "At least one visible character is needed")
    return cleaned


def _search_key(value: str) -> str:
    key = search_key(value)
    if not key:
        raise PydanticCustomError("blank_search", "There is nothing to search for")
    return key


# Lengths are checked twice: before the normalization, which costs time, and after it, which can lengthen a text.
# That something must be left of it without the blanks around it, the document says by a pattern.
_NOT_BLANK = Field(json_schema_extra={"pattern": r"^[\s\u0085]*[^\s\u0085][\s\S]*$"})

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_storable),
    AfterValidator(_clean_name),
    MaxLen(200),
    _NOT_BLANK,
]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_storable),
    AfterValidator(_clean_name),
    MaxLen(500),
    _NOT_BLANK,
]
Prose = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000),
    AfterValidator(_storable),
    MaxLen(10_000),
    _NOT_BLANK,
]
#: What names are searched by: folded as the stored search keys are.
Search = Annotated[Name, AfterValidator(_search_key)]
#: An e-mail address as HTML defines it, in lower case.
Email = Annotated[
    str,
    StringConstraints(
        to_lower=True,
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
    ),
]
Key = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$"),
]
Count = Annotated[int, Field(strict=True, ge=0, le=2_000_000_000)]


def _iso(value: Any) -> Any:
    """Refuse what the validator would take for seconds since 1970: dates are sent as ISO text."""
    if isinstance(value, (int, float)) or (isinstance(value, str) and not _ISO.match(value)):
        raise PydanticCustomError("not_iso", "Dates and times are sent as ISO text, such as 2026-10-05")
    return value


def _iso_day(value: Any) -> Any:
    if isinstance(value, str) and len(value) != len("2026-10-05"):
        raise PydanticCustomError("not_iso", "A date is sent as ISO text, such as 2026-10-05")
    return _iso(value)


Day = Annotated[
    date,
    Field(ge=date(1900, 1, 1), le=date(2200, 12, 31)),
    BeforeValidator(_iso_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": _DAY_PATTERN}),
]


def _plausible(value: datetime) -> datetime:
    if not 1900 <= value.year <= 2200:
        raise PydanticCustomError("implausible_instant", "The year must lie between 1900 and 2200")
    return value


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_iso),
    AfterValidator(_plausible),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _INSTANT_PATTERN}),
]


# Names that mean another thing on another machine, or that PostgreSQL reads as an abbreviation with a fixed offset.
_AMBIGUOUS_ZONES = frozenset({"localtime", "posixrules", "Factory", "CET", "EET", "EST", "HST", "MET", "MST", "WET"})


@cache
def _zones() -> Mapping[str, str]:
    # Looking them up walks the whole database on disk: some twenty milliseconds in which nothing else is served.
    return {name.casefold(): name for name in available_timezones() - _AMBIGUOUS_ZONES}


def _known_zone(value: str) -> str:
    known = _zones().get(value.casefold())
    if known is None:
        raise PydanticCustomError("unknown_timezone", "This is not a time zone of the IANA database")
    return known


TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise PydanticCustomError(
            "network_parsing", "This is not a network such as 192.0.2.0/24, with all bits behind its prefix zero"
        ) from None


#: A network of IPv4 or IPv6 in its usual form; an address alone is a network of one.
Network = Annotated[
    str,
    StringConstraints(max_length=43, pattern=r"^[0-9A-Fa-f.:]{2,39}(?:/\d{1,3})?$"),
    AfterValidator(_network),
]


def _as_written(value: Any) -> Any:
    if value not in {"true", "false"}:
        raise PydanticCustomError("bool_parsing", "This is neither true nor false")
    return value == "true"


#: A query parameter that is `true` or `false`, and nothing like it.
Flag = Annotated[bool, BeforeValidator(_as_written)]


class Body(BaseModel):
    """What a caller sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Patch(Body):
    """A JSON Merge Patch (RFC 7396): an absent field stays, a null clears."""

    def changes(self) -> dict[str, Any]:
        """Return the fields that the caller sent, by name."""
        return self.model_dump(exclude_unset=True)


class ResponseModel(BaseModel):
    """What a caller gets: every field always present."""

    # PostgreSQL and msgspec render most answers. So a validator is built only where one is used.
    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True, defer_build=True)


class Addressable(ResponseModel):
    """A stored thing that can be read by its id."""

    id: UUID = Field(description="Id, a UUIDv7.")


class Resource(Addressable):
    """A stored thing with an identity and a version."""

    version: int = Field(description="Number of the present version, from 1; the first part of the `ETag`.")
    created_at: datetime = Field(description="When it was created, in UTC.")
    updated_at: datetime = Field(description="When it last changed, in UTC.")


RedactionReason = Literal["secret_not_replayable", "dry_run"]


class WithSecret(ResponseModel):
    """An answer that shows a secret once."""

    def redacted(self, reason: RedactionReason) -> Self:
        """Return a copy without the secret."""
        raise NotImplementedError


class WithToken(WithSecret):
    """An answer that shows a token once."""

    token: str | None = Field(description="The secret, shown only in this answer. Null: see `token_reason`.")
    token_reason: RedactionReason | None = Field(
        description="`secret_not_replayable`: the first answer to this request showed the secret. `dry_run`: "
        "no secret was made. Null when `token` is present."
    )

    def redacted(self, reason: RedactionReason) -> Self:
        """Return a copy without the secret."""
        return self.model_copy(update={"token": None, "token_reason": reason})


class Page(ResponseModel, Generic[Item]):
    """One page of a list, in the list's order."""

    # Each use with another type makes a class, whose source is searched for in every loaded module.
    model_config = ConfigDict(use_attribute_docstrings=False)

    items: list[Item] = Field(description="The rows of this page.")
    next_cursor: str | None = Field(description="Pass as `cursor` to read on; null on the last page.")
    sync_mark: datetime = Field(
        description="Send it as `updated_since` on your next pass over this list. Every change that this pass could "
        "not contain yet carries this instant or a later one, so you see each change at least once. It is the same "
        "on all pages that a cursor leads to.",
        examples=["2026-10-05T13:00:00Z"],
    )


class Transition(Body):
    """A transition to another state."""

    reason: Prose | None = Field(default=None, description="Why. Some transitions require it.")
