"""A PostgreSQL for one test, which may stop, kill and spoil it."""

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from app.db.schema.migrate import migrate
from app.embedded_postgres.host import Account, choose_account, environment, find_programs, reachable_programs

START_SECONDS = 300.0
PASSWORD = "made-for-a-test"
_RULES = """
local all all trust
host all fa_app 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""


@dataclass
class OwnPostgres:
    """A server on a loopback port, and the programs that control it."""

    data: Path
    programs: Path
    account: Account
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)

    def url(self, role: str = "postgres", database: str = "service") -> str:
        """Where a role logs in."""
        login = f"{role}:{PASSWORD}" if role == "fa_app" else role
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def control(self, *arguments: str) -> int:
        """Run pg_ctl and return its exit status."""
        command = [str(self.programs / "pg_ctl"), "-D", str(self.data), "-s", "-w", "-t", str(int(START_SECONDS))]
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, *arguments],
            cwd="/",
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=START_SECONDS + 60,
            **self.account.process_user(),
        )
        return done.returncode

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        log = str(self.data.parent / "log")
        deadline = time.monotonic() + START_SECONDS
        # After a kill -9 the processes of the former server may take a moment to end.
        while self.control("-l", log, "-o", options, "start"):
            assert time.monotonic() < deadline, Path(log).read_text()
            time.sleep(0.2)

    def stop(self, mode: str) -> None:
        """Stop it: `fast` says farewell, `immediate` does not."""
        self.control("-m", mode, "stop")

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def kill(self) -> None:
        """Kill the postmaster; its children end when they notice."""
        os.kill(self.pid, signal.SIGKILL)

    async def kill_backend(self) -> None:
        """Kill a session's process. The postmaster then ends all others, recovers, and serves again."""
        query = "select pid from pg_stat_activity where datname = 'service' limit 1"
        os.kill(await self.run(query, database="postgres"), signal.SIGKILL)

    async def restore(self) -> None:
        """Be as in the beginning: running, with a fresh database."""
        if self.control("status"):
            self.start()
        await self.run(
            f"alter role fa_app connection limit -1 password '{PASSWORD}'",
            "drop database if exists service with (force)",
            "drop database if exists former with (force)",
            "create database service template pristine owner fa_owner",
            database="postgres",
        )

    async def run(self, *statements: str, database: str = "service") -> Any:
        """Run statements as the superuser, and return the last one's value."""
        connection = await asyncpg.connect(self.url(database=database))
        try:
            value = None
            for statement in statements:
                value = await connection.fetchval(statement)
            return value
        finally:
            await connection.close()

    async def disconnect(self, database: str = "service") -> None:
        """End the sessions of a database."""
        query = f"select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where datname = '{database}'"
        await self.run(query, database="postgres")


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Yield a server that `restore` gives a migrated database `service`, owned by `fa_owner` and served by `fa_app`."""
    account = choose_account()
    with tempfile.TemporaryDirectory(prefix="fa-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        account.own(folder)
        programs = reachable_programs(find_programs(None), account=account, home=folder)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = int(listener.getsockname()[1])
        settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(folder)}
        made = OwnPostgres(folder / "data", programs, account, port, settings)
        initdb = [str(programs / "initdb"), "-D", str(made.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run(  # noqa: S603 - our own command
            [*initdb, "--locale=C", "--no-sync"],
            cwd="/",
            env=environment(),
            check=True,
            stdout=subprocess.DEVNULL,
            **account.process_user(),
        )
        (made.data / "pg_hba.conf").write_text(_RULES)
        made.start()
        try:
            asyncio.run(_provide(made))
            yield made
        finally:
            with suppress(FileNotFoundError):
                made.stop("immediate")


async def _provide(server: OwnPostgres) -> None:
    await server.run(
        "create role fa_owner login",
        f"create role fa_app login password '{PASSWORD}'",
        "create database pristine owner fa_owner",
        database="postgres",
    )
    await server.run("alter schema public owner to fa_owner", database="pristine")
    await migrate(server.url("fa_owner", "pristine"), "fa_app", login_is_separate=True)
