"""Read a body within bounds: its size, its media type, and JSON that no two parsers read differently.

Each bound is checked before the work that it bounds. Legitimate requests stay far below the bounds: the largest one
holds the votes of 200 respondents.
"""

import json
import math
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from app.errors import MalformedBody, PayloadTooLarge, Unavailable, UnsupportedMediaType
from app.http.needs import BodyKind

MAX_VALUES = 25_000
MAX_KEYS = 256
MAX_DEPTH = 32
MAX_NUMBER = 1_000
MAX_STRING = 100_000
MAX_NAME = 200

_JSON = re.compile(r"application/json\s*(?:;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)
_MERGE_PATCH = re.compile(r"application/merge-patch\+json\s*(?:;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)
_CSV = re.compile(r"text/csv\s*(?:;.*)?", re.IGNORECASE)
_SCIM = re.compile(r"application/(?:scim\+)?json\s*(?:;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)
_MULTIPART = re.compile(r"multipart/form-data\s*;.*", re.IGNORECASE)
# An unterminated string extends to the end of the body, so that the pattern looks at each byte once.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


class BodyBudget:
    """Limits the bytes of unfinished bodies that a process holds. A body beyond the limit is refused with 503.

    Args:
        most: the limit in bytes.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> None:
        """Count bytes that were received.

        Raises:
            Unavailable: the process holds too many.
        """
        if size > self._left:
            raise Unavailable("Too many bodies are being sent at the same time; try again.")
        self._left -= size

    def give_back(self, size: int) -> None:
        """Count bytes that are no longer held."""
        self._left += size


def has_body(head: Mapping[bytes, bytes]) -> bool:
    """Return whether the head announces a body."""
    return b"transfer-encoding" in head or head.get(b"content-length", b"0") != b"0"


def check_head(head: Mapping[bytes, bytes], method: str, kind: BodyKind, max_bytes: int) -> None:
    """Check the size and the media type that the head announces.

    Raises:
        PayloadTooLarge: it is announced as too large.
        UnsupportedMediaType: it is compressed, or of another media type.
    """
    length = head.get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > max_bytes:
        raise _too_large(max_bytes)
    if head.get(b"content-encoding", b"identity") != b"identity":
        raise UnsupportedMediaType("Bodies must not be compressed.")
    media_type = head.get(b"content-type", b"").decode("latin-1")
    if kind is BodyKind.MULTIPART and not _MULTIPART.fullmatch(media_type):
        raise UnsupportedMediaType("Send multipart/form-data.")
    if kind is BodyKind.CSV and not _CSV.fullmatch(media_type):
        raise UnsupportedMediaType("Send text/csv.")
    if kind is BodyKind.SCIM and not _SCIM.fullmatch(media_type):
        raise UnsupportedMediaType("Send application/scim+json or application/json.")
    if kind is BodyKind.JSON and not (
        _JSON.fullmatch(media_type) or (method == "PATCH" and _MERGE_PATCH.fullmatch(media_type))
    ):
        raise UnsupportedMediaType("Send application/json, or application/merge-patch+json to PATCH.")


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"At most {max_bytes} bytes are taken.")


async def stream(receive: Receive, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body as it arrives.

    Raises:
        ClientDisconnect: the caller went away in the middle of it.
        PayloadTooLarge: it is larger than announced.
    """
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            # The beginning of a body must not pass for the whole of it.
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        more = message.get("more_body", False)
        if chunk:
            yield chunk


async def read(receive: Receive, max_bytes: int, budget: BodyBudget) -> bytes:
    """Return the whole body.

    Raises:
        PayloadTooLarge: it is too large.
        Unavailable: the process holds too many unfinished bodies.
    """
    chunks, held = [], 0
    try:
        async for chunk in stream(receive, max_bytes):
            budget.take(len(chunk))
            held += len(chunk)
            chunks.append(chunk)
    finally:
        budget.give_back(held)
    return b"".join(chunks)


def bounded(receive: Receive, max_bytes: int) -> Receive:
    """Return the same channel, which raises `PayloadTooLarge` where the body is too large."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > max_bytes:
            raise _too_large(max_bytes)
        return message

    return counted


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a channel that delivers a body which was read before."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def parse_json(body: bytes) -> Any:
    """Parse a JSON body, and refuse what parsers disagree about: NaN, infinities and repeated names.

    Raises:
        MalformedBody: with a sentence that repeats nothing of the body.
    """
    _check_values(body)
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_float,
            parse_int=_int,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise MalformedBody("The body is nested too deeply.") from None
    except ValueError:
        raise MalformedBody from None
    _check_shape(value)
    return value


def _check_values(body: bytes) -> None:
    """Bound the number of values before they are parsed. Each value follows a comma or an opening bracket."""
    if sum(map(body.count, (b",", b"[", b"{"))) < MAX_VALUES:
        return
    bare = _STRING.sub(b"", body)
    if sum(map(bare.count, (b",", b"[", b"{"))) >= MAX_VALUES:
        raise MalformedBody(f"The body holds more than {MAX_VALUES} values.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise MalformedBody("An object names the same field twice.")
    return made


def _float(digits: str) -> float:
    number = float(digits) if len(digits) <= MAX_NUMBER else math.inf
    if not math.isfinite(number):
        raise ValueError
    return number


def _int(digits: str) -> int:
    if len(digits) > MAX_NUMBER:
        raise ValueError
    return int(digits)


def _refuse_constant(_name: str) -> None:
    raise ValueError


def _check_shape(value: Any) -> None:
    """Bound the depth, the names of objects and the strings, level by level."""
    level = [[value]]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _containers(parent)]
        if not level:
            return
    raise MalformedBody("The body is nested too deeply.")


def _containers(parent: Any) -> list[Any]:
    if isinstance(parent, dict):
        if len(parent) > MAX_KEYS or (parent and max(map(len, parent)) > MAX_NAME):
            raise MalformedBody(f"An object has at most {MAX_KEYS} fields, with names of {MAX_NAME} characters.")
        parent = parent.values()
    found = []
    for child in parent:
        if isinstance(child, str):
            if len(child) > MAX_STRING:
                raise MalformedBody(f"A string has at most {MAX_STRING} characters.")
        elif isinstance(child, (dict, list)):
            found.append(child)
    return found
