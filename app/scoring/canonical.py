"""Canonical JSON (RFC 8785) of documents without fractions, and its digest.

Scoring documents hold text, integers, booleans and nulls only. Exact fractions are written as text ("4/5"), so the
number formatting of ECMAScript is not needed. Floats are refused.
"""

import hashlib
import json
from typing import Any, Final

_LARGEST: Final = 2**53 - 1
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def canonical_json(value: Any) -> bytes:
    """Serialize a document to its one canonical form.

    Args:
        value: None, bool, int of at most 53 bits, str, or lists, tuples and str-keyed dicts of these.
    Returns:
        UTF-8 bytes, object keys sorted by their UTF-16 code units, no white space.
    Raises:
        ValueError: a float, a wider integer, a key that is not text, a lone surrogate, or any other type.
    Source:
        RFC 8785; scoring spec 10 (canonical input).
    """
    try:
        return _encode(_ordered(value)).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("canonical JSON cannot hold a lone surrogate") from None


def content_hash(document: Any) -> str:
    """Return the SHA-256 of a document's canonical form, 64 hexadecimal digits. Raises as `canonical_json` does."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def _ordered(value: Any) -> Any:
    """Sort the keys of a document, and refuse values that have no canonical form here."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if not -_LARGEST <= value <= _LARGEST:
            raise ValueError("canonical JSON cannot hold an integer of more than 53 bits")
        return value
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in _sorted_keys(value)}
    if isinstance(value, (list, tuple)):
        return [_ordered(item) for item in value]
    raise ValueError(f"canonical JSON cannot hold a {type(value).__name__}")


def _sorted_keys(value: dict[Any, Any]) -> list[str]:
    for key in value:
        if not isinstance(key, str):
            raise ValueError(f"canonical JSON needs text keys, not {type(key).__name__}")
    if all(map(str.isascii, value)):
        return sorted(value)
    return sorted(value, key=lambda key: key.encode("utf-16-be"))
