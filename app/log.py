"""Structured logs, one line an event; never a body, a key or a vote."""

import asyncio
import atexit
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

import structlog

from app.settings import Settings

TellRequest = Callable[[str, str | None, int, float, str], None]


def request_teller(settings: Settings) -> TellRequest | None:
    """What logs one line a request, in the form of the other lines; None where that is below the level.

    Every request passes here, so the line is made by hand: the pipeline costs more than serving from a cache does.
    """
    if settings.log_level in {"warning", "error"}:
        return None
    as_json = settings.log_format == "json"
    form = (
        '{{"method": "{}", "route": {}, "status": {}, "ms": {:.1f}, "request_id": "{}", '
        '"event": "request", "level": "info", "timestamp": "{}.{:06d}Z"}}\n'
        if as_json
        else "timestamp={5}.{6:06d}Z level=info event=request "
        "method={0} route={1} status={2} ms={3:.1f} request_id={4}\n"
    )
    lines = _Lines()
    atexit.register(lines.write)

    def tell(method: str, route: str | None, status: int, milliseconds: float, request_id: str) -> None:
        named = (f'"{route}"' if route else "null") if as_json else route or ""
        # A method is the caller's own word; a route and a request id have been checked.
        known = method if method.isalpha() else "?"
        second, rest = divmod(time.time_ns() // 1000, 1_000_000)
        lines.add(form.format(known, named, status, milliseconds, request_id, _second(second), rest))

    return tell


@lru_cache(maxsize=4)
def _second(since_1970: int) -> str:
    return datetime.fromtimestamp(since_1970, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class _Lines:
    """Lines that wait a moment for others: each write wakes whoever reads the log, and costs more than its line."""

    held_seconds = 0.1

    def __init__(self) -> None:
        self._held: list[str] = []

    def add(self, line: str) -> None:
        if not self._held:
            asyncio.get_running_loop().call_later(self.held_seconds, self.write)
        self._held.append(line)

    def write(self) -> None:
        lines, self._held = self._held, []
        if lines:
            sys.stdout.write("".join(lines))
            sys.stdout.flush()


def configure(settings: Settings) -> None:
    """Set up logging once, for our lines and the libraries'."""
    level = getattr(logging, settings.log_level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer()
            if settings.log_format == "json"
            else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s")
