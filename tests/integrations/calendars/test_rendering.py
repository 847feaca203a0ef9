"""A calendar is valid iCalendar: folded by octets, escaped, and with stable ids."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.integrations.calendars.rendering import render_calendar

ITEM: dict[str, Any] = {
    "id": UUID("0198c6f0-d4e5-7061-9273-84d5e6f70819"),
    "version": 3,
    "created_at": datetime(2026, 10, 1, 8, 0, tzinfo=UTC),
    "updated_at": datetime(2026, 10, 5, 13, 0, 1, tzinfo=UTC),
    "title": "Agree on a plan",
    "description": None,
    "practices": ["P1", "P2"],
    "status": "open",
    "due_on": date(2026, 12, 31),
    "organization": "North County",
}
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1) | st.text(
    "é;,\\\n漢😀", min_size=1
)


def parse(**changes: Any) -> Any:
    """Return the one event of a calendar, read by a library."""
    (event,) = icalendar.Calendar.from_ical(render_calendar("Due", [{**ITEM, **changes}])).walk("VEVENT")
    return event


def test_an_item_is_an_event_of_a_day() -> None:
    event = parse()
    assert event["UID"] == "action-item-0198c6f0-d4e5-7061-9273-84d5e6f70819@fa-readiness"
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (date(2026, 12, 31), date(2027, 1, 1))
    assert (event["SEQUENCE"], event.decoded("LAST-MODIFIED")) == (2, ITEM["updated_at"])
    assert event["DESCRIPTION"] == "Status: open\nOrganization: North County\nPractices: P1, P2"
    assert event["CATEGORIES"].cats == ["P1", "P2"]


def test_a_calendar_has_what_the_standard_asks_for_and_is_no_invitation() -> None:
    body = render_calendar("Due", [ITEM, {**ITEM, "id": UUID(int=1), "description": "A\nB"}])
    (calendar,) = icalendar.Calendar.from_ical(body, multiple=True)
    assert (calendar["VERSION"], calendar["PRODID"], "METHOD" in calendar) == (
        "2.0",
        "-//fa-readiness//Action items//EN",
        False,
    )
    events = calendar.walk("VEVENT")
    assert [component.errors for component in (calendar, *events)] == [[], [], []]
    assert len({event["UID"] for event in events}) == 2
    # Without a METHOD, DTSTAMP is when the item changed last (RFC 5545, 3.8.7.2).
    assert {event.decoded("DTSTAMP") for event in events} == {ITEM["updated_at"]}
    assert {event["DTSTART"].params["VALUE"] for event in events} == {"DATE"}


@pytest.mark.parametrize(
    ("status", "state", "title"),
    [
        ("proposed", "TENTATIVE", "Agree on a plan"),
        ("open", "CONFIRMED", "Agree on a plan"),
        ("blocked", "CONFIRMED", "Blocked: Agree on a plan"),
        ("verified", "CONFIRMED", "Done: Agree on a plan"),
        ("dismissed", "CANCELLED", "Agree on a plan"),
    ],
)
def test_the_status_of_an_item_shows(status: str, state: str, title: str) -> None:
    event = parse(status=status)
    assert (event["STATUS"], event["SUMMARY"]) == (state, title)


@given(title=TEXTS, description=TEXTS)
def test_any_text_is_read_as_it_was_written(title: str, description: str) -> None:
    event = parse(title=title, description=description)
    assert event["SUMMARY"] == title
    assert event["DESCRIPTION"].endswith(f"\n\n{description}")


@given(title=TEXTS)
def test_lines_are_folded_by_octets(title: str) -> None:
    body = render_calendar(title, [{**ITEM, "title": title * 5}])
    assert body.endswith(b"END:VCALENDAR\r\n")
    lines = body.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert all(line.decode() for line in lines[:-1])


def test_control_characters_are_left_out() -> None:
    assert parse(title="a\x00\x1bb\tc\rd")["SUMMARY"] == "abcd"
