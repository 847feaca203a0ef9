"""The Retry-After header of an answer."""

from datetime import datetime
from email.utils import parsedate_to_datetime


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After asks for: a number or a date. None: there is none that can be read."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
