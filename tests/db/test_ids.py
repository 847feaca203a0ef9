"""Keys that the app makes."""

import time
import uuid

import pytest

from app.db.ids import uuid7


def test_a_key_has_version_7_and_begins_with_the_time() -> None:
    before = time.time_ns() // 1_000_000
    key = uuid7()
    assert (key.version, key.variant) == (7, uuid.RFC_4122)
    assert before <= key.int >> 80 <= time.time_ns() // 1_000_000


def test_the_keys_of_a_process_ascend_within_a_millisecond_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: stopped)
    keys = [uuid7() for _ in range(10_000)]
    assert keys == sorted(set(keys))
    assert {(key.version, key.variant, key.int >> 80) for key in keys} == {(7, uuid.RFC_4122, stopped // 1_000_000)}


def test_keys_ascend_though_the_clock_runs_back(monkeypatch: pytest.MonkeyPatch) -> None:
    former, earlier = uuid7(), time.time_ns() - 60_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: earlier)
    assert uuid7() > former
