"""Strong ETags of the form ``"version.variant"``.

The version is the row's. The variant is a hash of the body itself, which covers whatever else the body depends on:
the caller's role, a date, what was included. Preconditions of a write compare the version alone.
"""

import hashlib
import re

from app.db.transaction import Preconditions
from app.errors import FieldError, Invalid

#: The suffix that a compressing proxy adds to a tag.
_CODING = r"(?:[-;](?:gzip|br|zstd|deflate))?"
_SENT = re.compile(rf'(W/)?"([^"]*?){_CODING}"')
_VERSION = re.compile(r"(\d{1,9})\.[0-9a-f]{1,32}")
_NO_VERSION = -1


def etag(version: int, body: bytes) -> str:
    """Return the tag of this body of a row at this version."""
    return f'"{version}.{hashlib.sha256(body).hexdigest()[:12]}"'


def matches(if_none_match: str, tag: str) -> bool:
    """Return whether the caller already has the representation with this tag (RFC 9110, 13.1.2: weak comparison)."""
    if if_none_match.strip() == "*":
        return True
    # Compared without the codings, as the same representation was compressed on its way.
    wanted = _SENT.fullmatch(tag)
    return wanted is not None and any(sent[2] == wanted[2] for sent in _SENT.finditer(if_none_match))


def preconditions(if_match: str | None, if_none_match: str | None) -> Preconditions:
    """Read a write's conditional headers. A weak tag, or one that this service never made, matches no version.

    Raises:
        Invalid: an If-None-Match other than ``*`` on a write.
    """
    if if_none_match is not None and if_none_match.strip() != "*":
        error = FieldError("/header/if-none-match", "if_none_match", "A write takes only If-None-Match: *")
        raise Invalid("If-None-Match on a write takes only *.", errors=[error])
    if if_match is None:
        return Preconditions(must_not_exist=if_none_match is not None)
    if if_match.strip() == "*":
        return Preconditions(has_if_match=True)
    found = (_VERSION.fullmatch(sent[2]) for sent in _SENT.finditer(if_match) if not sent[1])
    versions = frozenset(int(version[1]) for version in found if version)
    return Preconditions(if_match=versions or frozenset({_NO_VERSION}), has_if_match=True)
