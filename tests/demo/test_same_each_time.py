"""The sandbox is the same each time, down to the last byte, and moves as a whole."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.make import Demo
from app.demo.sandbox import DEFAULT_DAY
from tests.demo.conftest import built, migrated
from tests.demo.databases import Rows, all_rows
from tests.support.database import Urls
from tests.support.databases import fresh_database
from tests.support.services import run, serving

OTHER_DAY = date(2029, 2, 14)
DAY_IN_JSON = re.compile(r'"(\d{4}-\d\d-\d\d)"')


def logins(urls: Urls) -> dict[str, Any]:
    return {"FA_DATABASE_URL": urls.service} | ({"FA_OWNER_DATABASE_URL": urls.owner} if urls.separate else {})


@dataclass(frozen=True)
class Copy:
    """Another sandbox, made by the command, which a test may change."""

    urls: Urls
    output: str
    rows: Rows


@pytest.fixture(scope="module")
def copy(server: Urls) -> Iterator[Copy]:
    with fresh_database(server) as urls:
        migrated(urls)
        status, out, err = run("demo", "--json", **logins(urls))
        assert (status, err) == (0, "")
        yield Copy(urls, out, all_rows(urls))


def test_another_process_makes_the_same_rows(sandbox: Demo, rows: Rows, copy: Copy) -> None:
    assert json.loads(copy.output) == sandbox.as_json_object()
    assert list(copy.rows) == list(rows)
    for table, expected in rows.items():
        assert copy.rows[table] == expected, table


def test_it_is_served_with_its_own_clock(sandbox: Demo, copy: Copy, folder: Path) -> None:
    with serving(folder / "data", FA_DEMO_DATE=str(DEFAULT_DAY), **logins(copy.urls)) as service:
        assert not (folder / "data" / "first-admin-key").exists()
        headers = {"Authorization": f"Bearer {sandbox.keys['admin']}"}
        with httpx.Client(base_url=service.address, headers=headers, trust_env=False) as http:
            assert len(http.get("/v1/action-items?overdue=true").json()["items"]) == 6
            body = {"parent_id": str(sandbox.ids["organizations"]["pine"]), "kind": "site", "name": "New"}
            made = http.post("/v1/organizations", json=body).json()
            assert made["created_at"].startswith("2026-10-01T12:")
            last = http.get("/v1/organizations?sort=-id&limit=1").json()["items"]
            assert [one["id"] for one in last] == [made["id"]]


def test_another_today_moves_every_instant_and_no_id(server: Urls, sandbox: Demo, rows: Rows) -> None:
    delta = OTHER_DAY - DEFAULT_DAY
    with fresh_database(server) as urls:
        output = built(migrated(urls), OTHER_DAY)
        moved = all_rows(urls)
    assert output.as_json_object() == sandbox.as_json_object() | {"today": "2029-02-14"}
    for table, expected in rows.items():
        assert moved[table] == [{name: later(value, delta) for name, value in row.items()} for row in expected], table


def later(value: Any, delta: timedelta) -> Any:
    if isinstance(value, str):
        # The data of events and personal values of the audit trail are JSON, and have days in it.
        return DAY_IN_JSON.sub(lambda day: f'"{date.fromisoformat(day[1]) + delta}"', value)
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
        "person_external_ids": 25,
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
        "webhooks": 1,
        "webhook_deliveries": 5,
        "connectors": 1,
        "connector_runs": 1,
        "metrics": 16,
        "metric_feeds": 6,
        "tenants": 1,
    }
    assert {table: counts[table] for table in expected} == expected
    # A vote is in no feed.
    votes = sum(row["action"].startswith("assessment.vote_") for row in rows["audit_events"])
    assert counts["outbox_events"] == counts["audit_events"] - votes > 600
