"""A database that is there and does not serve: 503 with a reason and one line for the operator, never 500."""

import logging
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.conftest import Service
from tests.support.postgres import OwnPostgres

Harm = Callable[[OwnPostgres], Awaitable[None]]
TABLES = "select count(*) from pg_class where relnamespace = 'public'::regnamespace"


async def change_the_password(server: OwnPostgres) -> None:
    await server.run("alter role fa_app password 'another'")
    await server.disconnect()


async def rename_the_database(server: OwnPostgres) -> None:
    # The service works in the background too, and would connect again before the change.
    await server.run("alter database service allow_connections false", database="postgres")
    await server.disconnect()
    await server.run("alter database service rename to former", database="postgres")


async def empty_the_database(server: OwnPostgres) -> None:
    await rename_the_database(server)
    await server.run("create database service owner fa_owner", database="postgres")


async def refuse_connections(server: OwnPostgres) -> None:
    await server.run("alter database service allow_connections false", database="postgres")
    await server.disconnect()


async def leave_no_connections(server: OwnPostgres) -> None:
    await server.run("alter role fa_app connection limit 0")
    await server.disconnect()


async def revoke_all_rights(server: OwnPostgres) -> None:
    await server.run("revoke all on all tables in schema public from fa_app")


async def revoke_the_schema(server: OwnPostgres) -> None:
    await server.run("revoke usage on schema public from fa_app, public")


async def stop_it(server: OwnPostgres) -> None:
    server.stop("fast")


async def make_it_read_only(server: OwnPostgres) -> None:
    """As a failover to a standby does."""
    await server.run("alter database service set default_transaction_read_only = on")
    await server.disconnect()


HARMS = [
    (change_the_password, "database_refused"),
    (rename_the_database, "database_refused"),
    (empty_the_database, "schema_mismatch"),
    (refuse_connections, "database_refused"),
    (leave_no_connections, "database_failing"),
    (revoke_all_rights, "database_refused"),
    (revoke_the_schema, "schema_mismatch"),
    (stop_it, "database_unreachable"),
]


@pytest.mark.parametrize(("harm", "reason"), HARMS, ids=[harm.__name__ for harm, _ in HARMS])
async def test_a_wrong_environment_is_503_with_a_reason(
    service: Service, harm: Harm, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await service.admin.get(service.path)).status_code == 200
    assert (await service.admin.post("/v1/organizations", service.site())).status_code == 201
    await harm(service.server)
    caplog.set_level(logging.ERROR, "fa")
    for _ in range(5):
        read = await service.admin.get(service.path)
        write = await service.admin.post("/v1/organizations", service.site("Never"))
        for answer in (read, write):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
            assert int(answer.headers["retry-after"]) >= 1
    ready = await service.http.get("/healthz/ready")
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert "reason" not in ready.json()
    wrong = await service.operations.get("/healthz/ready")
    assert (wrong.status_code, wrong.json()["reason"]) == (503, reason)
    messages = [record.getMessage() for record in caplog.records]
    assert f"not ready: {reason}" in messages
    causes = [record.getMessage() for record in caplog.records if record.name == "fa.database"]
    assert causes
    assert len(causes) == len(set(causes))
    assert "unhandled" not in {record.getMessage() for record in caplog.records}


async def test_a_newer_releases_migration_stops_nobody(service: Service) -> None:
    assert (await service.admin.get(service.path)).status_code == 200
    for change in (
        "alter table organizations add column later text not null default 'as before'",
        "create table later (tenant_id uuid, id uuid, primary key (tenant_id, id))",
        "create index later_organizations on organizations (tenant_id, later)",
        "update alembic_version set version_num = '9999'",
    ):
        await service.server.run(change)
    assert (await service.admin.get(service.path)).status_code == 200
    assert (await service.admin.post("/v1/organizations", service.site())).status_code == 201
    ready = await service.http.get("/healthz/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "revision": "9999"})


async def test_an_older_schema_is_not_ready(service: Service) -> None:
    await service.server.run("update alembic_version set version_num = '0001'")
    assert (await service.http.get("/healthz/ready")).status_code == 503
    wrong = await service.operations.get("/healthz/ready")
    assert (wrong.status_code, wrong.json()["reason"]) == (503, "schema_mismatch")


async def test_nothing_is_made_in_an_empty_database(service: Service) -> None:
    await empty_the_database(service.server)
    await service.admin.post("/v1/organizations", service.site())
    await service.http.get("/healthz/ready")
    assert await service.server.run(TABLES) == 0


async def test_a_read_only_database_serves_reads_and_refuses_changes(service: Service) -> None:
    await make_it_read_only(service.server)
    assert (await service.admin.get(service.path)).status_code == 200
    write = await service.admin.post("/v1/organizations", service.site())
    assert (write.status_code, write.json()["code"]) == (503, "unavailable")
    assert (await service.http.get("/healthz/ready")).status_code == 503
    wrong = await service.operations.get("/healthz/ready")
    assert (wrong.status_code, wrong.json()["reason"]) == (503, "database_read_only")


async def test_a_database_that_takes_changes_again_is_found_at_once(service: Service) -> None:
    """A session keeps what it found when it began, so the service leaves the sessions of a read-only database."""
    await make_it_read_only(service.server)
    assert (await service.admin.post("/v1/organizations", service.site())).status_code == 503
    await service.server.run("alter database service reset default_transaction_read_only", database="postgres")
    assert (await service.admin.post("/v1/organizations", service.site())).status_code == 201


async def test_the_public_learns_a_word_and_the_log_the_cause(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "fa")
    await change_the_password(service.server)
    for path in (service.path, "/healthz/ready"):
        answer = await service.admin.get(path)
        assert answer.status_code == 503
        assert "fa_app" not in answer.text
        assert "password" not in answer.text
        assert "refused" not in answer.text
    [line] = [record.getMessage() for record in caplog.records if record.name == "fa.database"]
    assert line.startswith("database_refused: InvalidPasswordError 28P01: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "10s"),
        pytest.param("transaction_timeout", "11s", marks=pytest.mark.postgres(17)),
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
        ("tcp_user_timeout", "25000"),
    ],
)
async def test_a_session_over_the_network_ends_by_itself(service: Service, name: str, value: str) -> None:
    async with service.app.state.app_state.database.writes.transaction(service.tenancy.tenant_id) as connection:
        assert await connection.raw.fetchval(f"show {name}") == value
