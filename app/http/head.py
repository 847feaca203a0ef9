"""Reading a request's head: its id, and its headers by name."""

import re
import secrets
from collections.abc import MutableMapping
from itertools import count
from typing import Any

from app.errors import RepeatedHeader

Scope = MutableMapping[str, Any]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")
# An id made here names the process and counts its requests: sixteen hexadecimal digits.
_PROCESS = secrets.token_hex(4)
_next_number = count(1).__next__
_ONCE = frozenset({b"authorization", b"content-type", b"content-encoding", b"if-match", b"idempotency-key"})


def request_id_of(scope: Scope) -> str:
    """Return the caller's `X-Request-Id` if it is safe to log; otherwise return a new id."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if _REQUEST_ID.fullmatch(value):
                return str(value, "ascii")
            break
    return f"{_PROCESS}{_next_number():08x}"


def read_head(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by lower-case name. The values of a header that may be repeated are joined by commas.

    Raises:
        RepeatedHeader: a header that takes one value is sent twice.
    """
    headers = dict(scope["headers"])
    if len(headers) != len(scope["headers"]):
        headers = {}
        for name, value in scope["headers"]:
            if name in headers:
                if name in _ONCE:
                    raise RepeatedHeader(f"Send the header {name.decode('ascii').title()} once.")
                value = headers[name] + b", " + value  # noqa: PLW2901
            headers[name] = value
    return headers


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header by its lower-case name, or None. `read_head` must have read the head."""
    value = scope["head"].get(name)
    return None if value is None else value.decode("latin-1")
