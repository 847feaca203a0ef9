"""The sandbox is the same each time, down to the last byte, and moves as a whole."""

import json
from datetime import date, datetime, timedelta
from typing import Any

from app.demo.make import Demo
from app.demo.sandbox import DEFAULT_DAY
from tests.demo.conftest import built, migrated
from tests.demo.databases import Rows, all_rows
from tests.migrations.databases import fresh_database
from tests.start.services import run
from tests.support.database import Urls

OTHER_DAY = date(2029, 2, 14)


def logins(urls: Urls) -> dict[str, str]:
    return {"FA_DATABASE_URL": urls.service} | ({"FA_OWNER_DATABASE_URL": urls.owner} if urls.separate else {})


def test_another_process_makes_the_same_rows(server: Urls, sandbox: Demo, rows: Rows) -> None:
    with fresh_database(server) as urls:
        migrated(urls)
        status, out, err = run("demo", "--json", **logins(urls))
        assert (status, err) == (0, "")
        assert json.loads(out) == sandbox.published()
        again = all_rows(urls)
    assert list(again) == list(rows)
    for table, expected in rows.items():
        assert again[table] == expected, table


def test_another_today_moves_every_instant_and_no_id(server: Urls, sandbox: Demo, rows: Rows) -> None:
    delta = OTHER_DAY - DEFAULT_DAY
    with fresh_database(server) as urls:
        told = built(migrated(urls), OTHER_DAY)
        moved = all_rows(urls)
    assert told.published() == sandbox.published() | {"today": "2029-02-14"}
    for table, expected in rows.items():
        assert moved[table] == [{name: later(value, delta) for name, value in row.items()} for row in expected], table


def later(value: Any, delta: timedelta) -> Any:
    # Where a due date is missing its sort key is a fixed day, which stays.
    return value + delta if isinstance(value, date | datetime) and value != date(9999, 1, 1) else value


def test_every_table_with_something_to_show_has_rows(rows: Rows) -> None:
    counts = {table: len(found) for table, found in rows.items()}
    expected = {
        "organizations": 20,
        "organization_external_ids": 14,
        "programs": 3,
        "implementations": 8,
        "stage_changes": 19,
        "people": 25,
        "principals": 6,
        "api_keys": 6,
        "assessments": 16,
        "participants": 110,
        "votes": 627,
        "consensus": 87,
        "practice_ratings": 108,
        "administration_records": 12,
        "action_items": 27,
        "action_item_changes": 85,
        "action_item_notes": 17,
        "tenants": 1,
    }
    assert {table: counts[table] for table in expected} == expected
    assert counts["outbox_events"] == counts["audit_events"] > 600
