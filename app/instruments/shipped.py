"""The documents that ship with the service, and their content hashes."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from app.scoring.canonical import canonical_json, content_hash

_INSTRUMENTS = ("facilitative-administration-1.0.0.json",)
_DRIVERS = "drivers.json"
_PROFILES = ("fa9-default-1.0.0.json",)


@dataclass(frozen=True, slots=True)
class Shipped:
    """One shipped document.

    Args:
        canonical: the document as RFC 8785 canonical JSON.
        content_hash: the SHA-256 of those bytes, 64 hexadecimal digits.
    """

    canonical: bytes
    content_hash: str

    @property
    def document(self) -> dict[str, Any]:
        """Return the document, a copy for each caller."""
        document: dict[str, Any] = json.loads(self.canonical)
        return document


def shipped_instruments() -> tuple[Shipped, ...]:
    """Return every version of every instrument that ships; each fits `InstrumentDocument`."""
    return tuple(map(_read, _INSTRUMENTS))


def shipped_drivers() -> Shipped:
    """Return the catalogue of implementation drivers; it fits `DriverCatalogue`."""
    return _read(_DRIVERS)


def shipped_profiles() -> tuple[Shipped, ...]:
    """Return every version of every scoring profile that ships, the default first; each fits `ProfileDocument`."""
    return tuple(map(_read, _PROFILES))


@cache
def _read(name: str) -> Shipped:
    document = json.loads((files("app.instruments") / "data" / name).read_bytes())
    return Shipped(canonical=canonical_json(document), content_hash=content_hash(document))
