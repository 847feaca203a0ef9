"""The Retry-After header of an answer."""

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: The longest pause that a receiver or a source is granted, in seconds.
LONGEST_PAUSE: Final = 86_400.0


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After asks for: a number or a date. A day is the most that is granted.

    Returns:
        None where there is none that can be read.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:12]), LONGEST_PAUSE)
    try:
        return min(max(0.0, (parsedate_to_datetime(text) - now).total_seconds()), LONGEST_PAUSE)
    except (TypeError, ValueError, OverflowError):
        return None
