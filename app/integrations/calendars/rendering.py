"""A calendar as RFC 5545 has it: an all-day event for each due date."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from app.action_items.models import ActionStatus
from app.db.statement import Row

#: Octets of a line, the line break excluded.
_MOST_OCTETS: Final = 75
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})
_STATES: Final = {ActionStatus.PROPOSED: "TENTATIVE", ActionStatus.DISMISSED: "CANCELLED"}
_PREFIXES: Final = {ActionStatus.DONE: "Done: ", ActionStatus.VERIFIED: "Done: ", ActionStatus.BLOCKED: "Blocked: "}


def render_calendar(name: str, items: Sequence[Row]) -> bytes:
    """Return a calendar of action items.

    It has no METHOD: it is no message of iTIP, which would need an organizer, and ``DTSTAMP`` is when an item changed.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//fa-readiness//Action items//EN",
        "CALSCALE:GREGORIAN",
        f"NAME:{_escape(name)}",
        f"X-WR-CALNAME:{_escape(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    ]
    for item in items:
        lines += _event(item)
    lines.append("END:VCALENDAR")
    return b"".join(part for line in lines for part in _fold(line))


def _event(item: Row) -> list[str]:
    due, status, changed = item["due_on"], ActionStatus(item["status"]), _instant(item["updated_at"])
    practices: Sequence[str] = item["practices"]
    about = [f"Status: {status.value.replace('_', ' ')}", f"Organization: {item['organization']}"]
    about += [f"Practices: {', '.join(practices)}"] if practices else []
    about += ["", item["description"]] if item["description"] else []
    return [
        "BEGIN:VEVENT",
        f"UID:action-item-{item['id']}@fa-readiness",
        f"DTSTAMP:{changed}",
        f"CREATED:{_instant(item['created_at'])}",
        f"LAST-MODIFIED:{changed}",
        f"SEQUENCE:{item['version'] - 1}",
        f"DTSTART;VALUE=DATE:{due:%Y%m%d}",
        f"DTEND;VALUE=DATE:{due + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_escape(_PREFIXES.get(status, '') + item['title'])}",
        f"DESCRIPTION:{_escape(chr(10).join(about))}",
        *([f"CATEGORIES:{','.join(map(_escape, practices))}"] if practices else []),
        f"STATUS:{_STATES.get(status, 'CONFIRMED')}",
        "TRANSP:TRANSPARENT",
        "CLASS:PRIVATE",
        "END:VEVENT",
    ]


def _instant(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escape(text: str) -> str:
    """Escape a text. Control characters, which a calendar cannot hold, are left out."""
    escaped = text.replace("\r\n", "\n").translate(_ESCAPED)
    return "".join(char for char in escaped if char >= " " and char != "\x7f")


def _fold(line: str) -> Iterable[bytes]:
    """Yield the parts of a line, none longer than is allowed and none ending inside a character."""
    octets, limit, start = line.encode(), _MOST_OCTETS, 0
    while len(octets) - start > limit:
        end = start + limit
        while octets[end] & 0xC0 == 0x80:  # the mark of a following byte in UTF-8
            end -= 1
        yield octets[start:end] + b"\r\n "
        # The blank at the beginning counts.
        start, limit = end, _MOST_OCTETS - 1
    yield octets[start:] + b"\r\n"
