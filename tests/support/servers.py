"""The PostgreSQL a test run works on: the embedded one, unless the environment asks for another.

FA_TEST_DATABASE_URL   an owner's login on a server that is running
FA_TEST_POSTGRES       the major version of Debian's PostgreSQL to run the embedded server from, such as 15
FA_TEST_ISOLATION      the transactions' isolation where nobody asks for one, such as serializable
FA_TEST_POOLER         `pgbouncer`: the service reaches its database through one, in transaction mode
"""

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app.embedded_postgres.server import EmbeddedServer
from tests.support.database import Urls, run, server_urls
from tests.support.tools import from_debian

START_SECONDS = 300.0


@contextmanager
def running() -> Iterator[Urls]:
    """Start a server with a database for this run."""
    given = os.environ.get("FA_TEST_DATABASE_URL")
    if given:
        yield from server_urls(given)
        return
    version = os.environ.get("FA_TEST_POSTGRES")
    programs = version and from_debian(f"postgresql-{version}", f"/usr/lib/postgresql/{version}/bin/postgres")
    # Not pytest's own folder, which only its user can enter: run by root, the server works as another account.
    with tempfile.TemporaryDirectory(prefix="fa-test-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer(Path(folder), bin_dir=Path(programs).parent if programs else None) as embedded:
            yield Urls(owner=embedded.owner_url, service=embedded.app_url, role="fa_app", separate=True)


def isolate(urls: Urls) -> None:
    """Let every transaction that asks for nothing be isolated as the environment says."""
    isolation = os.environ.get("FA_TEST_ISOLATION")
    if isolation:
        name = urlsplit(urls.owner).path.removeprefix("/")
        asyncio.run(run(urls.owner, f"alter database \"{name}\" set default_transaction_isolation = '{isolation}'"))


@contextmanager
def pooled(urls: Urls) -> Iterator[Urls]:
    """Yield the same database. The service's login leads through a pooler if the environment asks for one."""
    if os.environ.get("FA_TEST_POOLER") != "pgbouncer":
        yield urls
        return
    with tempfile.TemporaryDirectory(prefix="fa-test-") as folder, _pgbouncer(Path(folder), urls.service) as port:
        there = urlsplit(urls.service)
        yield replace(urls, service=f"postgresql://{there.username}@127.0.0.1:{port}{there.path}")


@contextmanager
def _pgbouncer(folder: Path, url: str) -> Iterator[int]:
    program, there = from_debian("pgbouncer", "pgbouncer"), urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(there.query).items()}
    name, port = there.path.removeprefix("/"), _free_port()
    account = Path(query["host"]).owner()
    _let_in(Path(query["host"]).parent)
    # Few connections for many clients: what leaks from one transaction to the next shows at once.
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n{name} = host={query['host']} port={query['port']} user={there.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\nadmin_users = {there.username}\n"
        "pool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n"
    )
    folder.chmod(0o755)
    command = [program, "--quiet", str(folder / "pgbouncer.ini")]
    # As root it refuses to work: it takes another account's name, and that account reaches the server's socket.
    if os.geteuid() == 0:
        command[1:1] = ["--user", account]
    with subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own command
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()


def _let_in(base: Path) -> None:
    """Let another account of this machine log in to an embedded server as the service's role."""
    mapped = (base / "pg_hba.conf").read_text()
    (base / "pg_hba.conf").write_text(f"local all fa_app trust\n{mapped}")
    os.kill(int((base / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGHUP)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
        return number


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, "pgbouncer ended"
            assert time.monotonic() < deadline, "pgbouncer takes no connections"
            time.sleep(0.05)
        else:
            return
