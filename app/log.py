"""Structured logs with one line for each event, and never a body, a key or a vote."""

import asyncio
import atexit
import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from uuid import UUID

from app.settings import Settings

_ADDRESS_LENGTH = 64
#: What Linux writes to a pipe in one piece.
_PIPE_BYTES = 4_096
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


@dataclass(slots=True)
class RequestLine:
    """What is logged of a request that has ended. It has no field for a name, a path or a value that was sent.

    Attributes:
        method: as the caller sent it.
        route: the template of the path; None where it matched no route.
        status: 0 where the caller went away before the answer.
        size: bytes of the body of the answer.
        problem: the code of the problem that was answered.
        address: of the client, as the server or a trusted proxy saw it.
        tenant_id: of the caller; None where the caller is unknown.
        key_id: of the API key that was used; None with another credential.
        trace_id: of the trace that the request belongs to; None where there is none.
    """

    method: str
    route: str | None
    status: int
    milliseconds: float
    size: int
    problem: str | None
    address: str
    tenant_id: UUID | None
    key_id: UUID | None
    request_id: str
    trace_id: str | None = None


LogRequest = Callable[[RequestLine], None]


def request_logger(settings: Settings) -> LogRequest | None:
    """Return a function that logs one line a request, in the form of the other lines; None where the level is higher.

    Every request passes here, so the line is formatted directly: the logging module costs more than a cached read.
    """
    if settings.log_level in {"warning", "error"}:
        return None
    lines = _Lines()
    atexit.register(lines.write)

    # The service made or checked each field, so that none can end its value.
    def log_as_json(line: RequestLine) -> None:
        tenant, key = _id(line.tenant_id), _id(line.key_id)
        lines.add(
            f'{{"trace": {_json(line.trace_id)}, '
            f'"method": "{_known(line.method)}", "route": {_json(line.route)}, "status": {line.status}, '
            f'"ms": {line.milliseconds:.1f}, "bytes": {line.size}, "problem": {_json(line.problem)}, '
            f'"client": "{_address(line.address)}", "tenant": {_json(tenant)}, "key": {_json(key)}, '
            f'"request_id": "{line.request_id}", "event": "request", "level": "info", "timestamp": "{_timestamp()}"}}\n'
        )

    def log_as_text(line: RequestLine) -> None:
        tenant, key = _id(line.tenant_id), _id(line.key_id)
        lines.add(
            f"timestamp={_timestamp()} level=info event=request trace={line.trace_id or ''} "
            f"method={_known(line.method)} route={line.route or ''} "
            f"status={line.status} ms={line.milliseconds:.1f} bytes={line.size} problem={line.problem or ''} "
            f"client={_address(line.address)} tenant={tenant or ''} key={key or ''} "
            f"request_id={line.request_id}\n"
        )

    return log_as_json if settings.log_format == "json" else log_as_text


def _known(method: str) -> str:
    # The caller chooses the method freely.
    return method if method in _METHODS else "?"


def _json(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'


@lru_cache(maxsize=4_096)
def _id(value: UUID | None) -> str | None:
    # Formatting two UUIDs costs as much as the rest of the line.
    return None if value is None else str(value)


def _address(text: str) -> str:
    # A proxy may pass on anything as an address. Long texts would fill the cache.
    return _checked_address(text) if len(text) <= _ADDRESS_LENGTH else "unknown"


@lru_cache(maxsize=4_096)
def _checked_address(text: str) -> str:
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return "unknown"


def _timestamp() -> str:
    second, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return f"{_second(second)}.{microseconds:06d}Z"


@lru_cache(maxsize=4)
def _second(since_1970: int) -> str:
    return datetime.fromtimestamp(since_1970, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class _Lines:
    """A short buffer of lines. Each write wakes the reader of the log, which costs more than the line."""

    held_seconds = 0.1

    def __init__(self) -> None:
        self._held: list[str] = []

    def add(self, line: str) -> None:
        if not self._held:
            asyncio.get_running_loop().call_later(self.held_seconds, self.write)
        self._held.append(line)

    def write(self) -> None:
        lines, self._held = self._held, []
        for text in _joined(lines):
            sys.stdout.write(text)
            sys.stdout.flush()


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Join lines to texts that reach a pipe in one piece, so that processes that share it never mix their lines."""
    text = ""
    for line in lines:
        if text and len(text) + len(line) > _PIPE_BYTES:
            yield text
            text = ""
        text += line
    if text:
        yield text


class _Structured(logging.Formatter):
    """Formats each record, the libraries' included, as one line: instant, level, event, then its fields.

    Args:
        as_json: a JSON object; else `name=value` pairs, quoted where they have to be.
    """

    fields = ("method", "request_id", "task", "tenant", "sequence", "head")

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        fields = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **{name: getattr(record, name) for name in self.fields if hasattr(record, name)},
        }
        if record.exc_info and record.exc_info[1]:
            fields["exception"] = _traced(record.exc_info[1])
        if self._as_json:
            return json.dumps(fields)
        return " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def _traced(error: BaseException) -> str:
    """Return the kinds, SQLSTATEs and frames of an error and its causes, the first cause first.

    Messages are left out, because they may repeat what was sent.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{_traced(cause)}\n" if cause else ""
    kind, state = type(error), getattr(error, "sqlstate", None)
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}{frames}{kind.__module__}.{kind.__qualname__}{f' ({state})' if state else ''}"


_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else json.dumps(value)


def configure(settings: Settings) -> None:
    """Set up logging once: our lines from the level asked for, the libraries' from warnings on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Structured(as_json=settings.log_format == "json"))
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    logging.getLogger("fa").setLevel(level)
