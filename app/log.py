"""Structured logs, one line an event; never a body, a key or a vote."""

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from app.settings import Settings

TellRequest = Callable[[str, str | None, int, float, str], None]


def request_teller(settings: Settings) -> TellRequest | None:
    """What logs one line a request, in the form of the other lines; None where that is below the level.

    Every request passes here, so the line is written by hand: the pipeline costs more than serving from a cache does.
    """
    if settings.log_level in {"warning", "error"}:
        return None
    write, flush = sys.stdout.write, sys.stdout.flush
    if settings.log_format == "json":
        form = (
            '{{"method": "{}", "route": {}, "status": {}, "ms": {:.1f}, "request_id": "{}", '
            '"event": "request", "level": "info", "timestamp": "{}"}}\n'
        )
    else:
        form = "timestamp={5} level=info event=request method={0} route={1} status={2} ms={3:.1f} request_id={4}\n"
    as_json = settings.log_format == "json"

    def tell(method: str, route: str | None, status: int, milliseconds: float, request_id: str) -> None:
        named = (f'"{route}"' if route else "null") if as_json else route or ""
        # A method is the caller's own word; a route and a request id have been checked.
        known = method if method.isalpha() else "?"
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        write(form.format(known, named, status, milliseconds, request_id, at))
        flush()

    return tell


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
