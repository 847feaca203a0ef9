"""Gauges that are read from the database."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.connection import Connection
from app.db.errors import Reason
from app.db.statement import Read
from app.telemetry.gauges import DatabaseGauge, DatabaseGauges
from tests.support.actors import Tenancy
from tests.support.jobs import add_job, change_jobs, new_kind
from tests.telemetry.conftest import Measured


def gauges(measured: Measured, statement: str, *, seconds: float = 60.0) -> DatabaseGauges:
    gauge = DatabaseGauge("test_lag_seconds", "A lag.", Read(text(statement)), labels=("task",))
    made = DatabaseGauges(measured.state.database, [gauge], timeout=seconds)
    measured.metrics.add_source(made.collect)
    return made


async def test_a_gauge_has_the_value_that_was_read_last(measured: Measured) -> None:
    made = gauges(measured, "select 'sealing' as task, 2.5 as value")
    assert await measured.value("fa_test_lag_seconds", task="sealing") is None
    await made.refresh()
    assert await measured.value("fa_test_lag_seconds", task="sealing") == 2.5


async def test_gauges_that_share_a_statement_run_it_once(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    both = Read(text("select 1 as lag, 2 as waiting"))
    ran: list[str] = []
    fetch = Connection.fetch

    async def note(self: Connection, sql: str, *args: Any) -> Any:
        ran.append(sql)
        return await fetch(self, sql, *args)

    monkeypatch.setattr(Connection, "fetch", note)
    shared = [DatabaseGauge(f"test_{name}", "Text.", both, column=name) for name in ("lag", "waiting")]
    made = DatabaseGauges(measured.state.database, shared)
    measured.metrics.add_source(made.collect)
    await made.refresh()
    assert ran.count(both.sql) == 1
    assert [await measured.value(f"fa_test_{name}") for name in ("lag", "waiting")] == [1, 2]


@pytest.mark.parametrize(
    ("statement", "seconds", "reason"),
    [
        ("select 'sealing' as task, 1 / 0 as value", 60.0, Reason.FAILING),
        ("select 'sealing' as task, 1 as value from pg_sleep(60)", 0.5, Reason.UNREACHABLE),
        ("select 'sealing' as task, 1 as value from no_such_table", 60.0, Reason.SCHEMA),
    ],
)
async def test_a_gauge_that_cannot_be_read_has_no_value_and_is_counted(
    measured: Measured, statement: str, seconds: float, reason: Reason
) -> None:
    made = gauges(measured, statement, seconds=seconds)
    await made.refresh()
    assert await measured.value("fa_test_lag_seconds", task="sealing") is None
    assert sum(measured.state.database.failures.counts.values()) == 1
    assert await measured.value("fa_database_failures_total", reason=reason.value) == 1


@pytest.mark.parametrize("task", ["seal_events", "seal_audit_trail"])
async def test_the_age_of_the_oldest_unsealed_row_is_a_gauge(
    tenancy: Tenancy, measured: Measured, owner: AsyncEngine, task: str
) -> None:
    async with owner.begin() as connection:
        for table in ("outbox_events", "audit_events"):
            aged = f"update {table} set recorded_at = now() - interval '1 hour' where tenant_id = :tenant_id"
            await connection.execute(text(aged), {"tenant_id": tenancy.tenant_id})
    await measured.metrics.gauges.refresh()
    assert (await measured.value("fa_unsealed_age_seconds", task=task) or 0) > 3_000


async def test_the_lag_of_periodic_tasks_is_a_gauge(measured: Measured) -> None:
    await measured.metrics.gauges.refresh()
    assert "# TYPE fa_periodic_task_lag_seconds gauge" in await measured.text()
    assert measured.state.database.failures.counts == {}


async def test_jobs_are_counted_by_state_and_the_longest_wait_is_a_gauge(
    tenancy: Tenancy, measured: Measured, owner: AsyncEngine
) -> None:
    kind = new_kind()
    await add_job(tenancy, kind)
    await change_jobs(owner, kind, "due_at = now() - interval '1 hour'")
    await measured.metrics.gauges.refresh()
    assert (await measured.value("fa_jobs", state="waiting") or 0) >= 1
    assert (await measured.value("fa_job_wait_seconds") or 0) > 3_000


@pytest.mark.parametrize("state", ["done", "failed", "canceled"])
async def test_jobs_that_finished_within_the_last_hour_are_counted_by_outcome(
    tenancy: Tenancy, measured: Measured, owner: AsyncEngine, state: str
) -> None:
    await measured.metrics.gauges.refresh()
    before = await measured.value("fa_jobs", state=state)
    assert before is not None
    for age in ("30 minutes", "2 hours"):
        kind = new_kind()
        await add_job(tenancy, kind)
        await change_jobs(owner, kind, f"state = '{state}', finished_at = now() - interval '{age}'")
    await measured.metrics.gauges.refresh()
    assert await measured.value("fa_jobs", state=state) == before + 1
