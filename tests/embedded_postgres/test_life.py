"""How the server begins and ends: with its parent, without loss, and never twice on one data directory."""

import asyncio
import os
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest

from app.embedded_postgres import locks, process
from app.embedded_postgres.server import EmbeddedPostgresError, EmbeddedServer
from tests.support.processes import is_alive, running, spawn, wait_for
from tests.support.report import report

FRESH = "DROP TABLE IF EXISTS kept"


def execute(url: str, *statements: str) -> list[object]:
    async def run() -> list[object]:
        connection = await asyncpg.connect(url)
        try:
            return [await connection.fetchval(statement) for statement in statements]
        finally:
            await connection.close()

    return asyncio.run(run())


class StoppedBackend:
    """A connection whose server process is halted, so that a fast shutdown cannot end."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.connection = self.loop.run_until_complete(asyncpg.connect(url))
        self.pid = self.connection.get_server_pid()
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        if is_alive(self.pid):
            os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> "StoppedBackend":
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        self.connection.terminate()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


def test_first_and_later_starts_are_quick(folder: Path) -> None:
    times = []
    for _ in range(2):
        began = time.perf_counter()
        with EmbeddedServer(folder / "new" / "data"):
            times.append(time.perf_counter() - began)
    report(f"first start {times[0]:.2f} s, next {times[1]:.2f} s")
    assert times[0] < 12
    assert times[1] < 4


def test_stop_ends_the_server_and_lets_go(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir)
    address = server.start()
    pid = server.pid
    assert pid is not None
    execute(server.owner_url, FRESH, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)")
    server.stop()
    server.stop()
    assert server.pid is None
    assert not is_alive(pid)
    assert not address.socket_dir.exists()
    with pytest.raises(RuntimeError):
        _ = server.app_url
    server.start()
    assert execute(server.owner_url, "SELECT id FROM kept") == [7]
    server.stop()


def test_a_server_that_does_not_end_fast_is_ended_at_once(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FAST_STOP_SECONDS", 0.3)
    server = EmbeddedServer(data_dir)
    server.start()
    pid = server.pid
    assert pid is not None
    execute(server.owner_url, FRESH, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)")
    with StoppedBackend(server.app_url):
        server.stop()
        assert not is_alive(pid)
    with EmbeddedServer(data_dir) as server:
        assert execute(server.owner_url, "SELECT id FROM kept") == [7]


def test_the_server_dies_with_a_killed_parent_and_loses_nothing(data_dir: Path) -> None:
    with running(data_dir) as child:
        execute(child.owner_url, FRESH, "CREATE TABLE kept (id int)", *["INSERT INTO kept VALUES (7)"] * 50)
        child.process.kill()
        child.process.wait()
        wait_for(lambda: not is_alive(child.postmaster))
    with EmbeddedServer(data_dir) as server:
        assert execute(server.owner_url, "SELECT count(*) FROM kept") == [50]


def test_a_killed_server_recovers_beside_a_stale_pid_file(data_dir: Path) -> None:
    with running(data_dir) as child:
        execute(child.owner_url, FRESH, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)")
        os.kill(child.postmaster, signal.SIGKILL)
        wait_for(lambda: not is_alive(child.postmaster))
        child.process.kill()
    pid_file = data_dir / "postgres" / "data" / "postmaster.pid"
    assert pid_file.exists()
    with EmbeddedServer(data_dir) as server:
        assert execute(server.owner_url, "SELECT id FROM kept") == [7]


def test_a_stale_pid_that_now_is_another_process_does_not_block(data_dir: Path) -> None:
    owner = (data_dir / "postgres" / "data").stat().st_uid
    with subprocess.Popen(["/bin/sleep", "60"], user=owner) as bystander:
        pid_file = data_dir / "postgres" / "data" / "postmaster.pid"
        pid_file.write_text(f"{bystander.pid}\n{pid_file.parent}\n1\n5432\n/tmp\n\n 1 1\nready   \n")
        with EmbeddedServer(data_dir) as server:
            assert execute(server.app_url, "SELECT 1") == [1]
        assert bystander.poll() is None
        bystander.kill()


def test_the_terminals_interrupt_does_not_reach_the_server(data_dir: Path) -> None:
    with running(data_dir) as child:
        os.killpg(child.process.pid, signal.SIGINT)
        assert execute(child.owner_url, "SELECT pg_sleep(0.3)") is not None
        assert is_alive(child.postmaster)
        child.process.communicate("")
        assert child.process.returncode == 0
        assert not is_alive(child.postmaster)


def test_a_second_instance_is_told_at_once(data_dir: Path) -> None:
    with running(data_dir) as child:
        began = time.perf_counter()
        with pytest.raises(EmbeddedPostgresError) as refusal:
            EmbeddedServer(data_dir).start()
        assert time.perf_counter() - began < 1
        line = f"the data directory {data_dir} is in use by another instance (pid {child.process.pid})"
        assert str(refusal.value) == line
        assert execute(child.owner_url, "SELECT 1") == [1]


def test_a_predecessor_still_shutting_down_is_waited_for(data_dir: Path, undo: ExitStack) -> None:
    child = undo.enter_context(running(data_dir))
    halted = undo.enter_context(StoppedBackend(child.owner_url))
    child.process.kill()
    child.process.wait()
    server = EmbeddedServer(data_dir)
    undo.callback(server.stop)
    starting = threading.Thread(target=server.start)
    starting.start()
    time.sleep(0.5)
    assert starting.is_alive()
    assert is_alive(child.postmaster)
    halted.resume()
    starting.join(20)
    assert execute(server.app_url, "SELECT 1") == [1]


def test_waiting_for_a_predecessor_has_an_end(data_dir: Path, undo: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PREDECESSOR_SECONDS", 0.3)
    child = undo.enter_context(running(data_dir))
    undo.enter_context(StoppedBackend(child.owner_url))
    child.process.kill()
    child.process.wait()
    with pytest.raises(
        EmbeddedPostgresError, match=rf"^the former PostgreSQL in .* \(pid {child.postmaster}\) is still there"
    ):
        EmbeddedServer(data_dir).start()


def test_a_killed_initdb_leaves_nothing(folder: Path) -> None:
    leftover = folder / "data" / "postgres" / "initdb-killed" / "base"
    leftover.mkdir(parents=True)
    (leftover / "1").write_text("half")
    with EmbeddedServer(folder / "data"):
        assert sorted(path.name for path in (folder / "data" / "postgres").iterdir()) == [
            "data",
            "pg_hba.conf",
            "pg_ident.conf",
            "run",
            "server.lock",
        ]


def test_a_start_killed_within_initdb_is_done_again(folder: Path) -> None:
    data_dir = folder / "data"
    with spawn(data_dir) as child:
        wait_for(lambda: any((data_dir / "postgres").glob("initdb-*/PG_VERSION")))
        child.kill()
    assert not (data_dir / "postgres" / "data").exists()
    with EmbeddedServer(data_dir) as server:
        assert execute(server.app_url, "SELECT 1") == [1]
    assert not list((data_dir / "postgres").glob("initdb-*"))


def test_roles_lost_to_a_crash_are_made_again(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        execute(
            server.address.url("postgres"), "ALTER ROLE fa_app SUPERUSER", "GRANT CREATE ON SCHEMA public TO PUBLIC"
        )
        maintenance = server.owner_url.replace("fa_owner@/fa_readiness", "postgres@/postgres")
        execute(maintenance, "DROP DATABASE fa_readiness", "DROP ROLE fa_owner")
    with EmbeddedServer(data_dir) as server:
        assert execute(
            server.owner_url, "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = 'fa_readiness'"
        ) == ["fa_owner"]
        assert execute(server.app_url, "SELECT rolsuper FROM pg_roles WHERE rolname = 'fa_app'") == [False]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            execute(server.app_url, "CREATE TABLE public.mine (id int)")


def test_the_log_keeps_two_bounded_generations(data_dir: Path) -> None:
    log = data_dir / "postgres.log"
    with log.open("r+b") as file:
        file.truncate(5 * 1024 * 1024)
    with EmbeddedServer(data_dir):
        assert (data_dir / "postgres.log.1").stat().st_size == 5 * 1024 * 1024
        assert 0 < log.stat().st_size < 10_000


def test_what_people_typed_stays_out_of_the_log(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        with pytest.raises(asyncpg.DataError):
            execute(server.app_url, "SELECT 'private words'::int")
        assert "private words" not in (data_dir / "postgres.log").read_text()
