"""What a running embedded server is: reachable by the service alone, over a socket, in roles without power."""

import os
import pwd
import stat
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.embedded_postgres.host import find_programs
from app.embedded_postgres.server import EmbeddedServer
from tests.support.processes import run

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["postgres", "fa_owner", "fa_app"])
async def test_asyncpg_connects_by_the_address(shared_server: EmbeddedServer, role: str) -> None:
    assert await ask(shared_server.address.url(role), "SELECT current_user::text") == role


async def test_sqlalchemy_connects_by_the_address(shared_server: EmbeddedServer) -> None:
    engine = create_async_engine(make_url(shared_server.app_url).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT current_user::text")) == "fa_app"
    await engine.dispose()


async def test_the_app_role_has_no_power(shared_server: EmbeddedServer) -> None:
    power = "rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication"
    query = f"SELECT bool_or({power}) FROM pg_roles WHERE rolname IN ('fa_app', 'fa_owner')"
    assert await ask(shared_server.app_url, query) is False
    assert await ask(shared_server.app_url, "SELECT pg_has_role('fa_app', 'fa_owner', 'MEMBER')") is False
    for url in (shared_server.app_url, shared_server.owner_url):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(url, "CREATE ROLE intruder")


async def test_the_database_and_its_schema_belong_to_the_owner(shared_server: EmbeddedServer) -> None:
    query = "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()"
    assert await ask(shared_server.app_url, query) == "fa_owner"
    query = "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = 'public'"
    assert await ask(shared_server.app_url, query) == "fa_owner"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(shared_server.app_url, "CREATE TABLE public.mine (id int)")
    await ask(shared_server.owner_url, "CREATE TABLE public.ours (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(shared_server.app_url, "SELECT * FROM public.ours")
    await ask(shared_server.owner_url, "DROP TABLE public.ours")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen_addresses", ""),
        ("data_checksums", "on"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
        ("max_connections", "50"),
        ("shared_buffers", "64MB"),
        ("unix_socket_permissions", "0700"),
        ("password_encryption", "scram-sha-256"),
    ],
)
async def test_settings(shared_server: EmbeddedServer, setting: str, value: str) -> None:
    assert await ask(shared_server.app_url, f"SELECT current_setting('{setting}')") == value


async def test_the_collation_is_the_builtin_one(shared_server: EmbeddedServer) -> None:
    query = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = current_database()"
    assert await ask(shared_server.app_url, query) == "b C.UTF-8"


async def test_settings_withstand_alter_system(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        await ask(server.address.url("postgres"), "ALTER SYSTEM SET listen_addresses = '127.0.0.1'")
        await ask(server.address.url("postgres"), "ALTER SYSTEM SET fsync = off")
    with EmbeddedServer(data_dir) as server:
        assert await ask(server.app_url, "SELECT current_setting('listen_addresses')") == ""
        assert await ask(server.app_url, "SELECT current_setting('fsync')") == "on"
        await ask(server.address.url("postgres"), "ALTER SYSTEM RESET ALL")


def test_no_tcp_socket_listens(shared_server: EmbeddedServer) -> None:
    process = Path(f"/proc/{shared_server.pid}")
    open_sockets = {link.readlink().name for link in (process / "fd").iterdir()}
    tables = [(process / "net" / name).read_text().splitlines()[1:] for name in ("tcp", "tcp6", "unix")]
    tcp = {f"socket:[{line.split()[9]}]" for table in tables[:2] for line in table}
    unix = {f"socket:[{line.split()[6]}]" for line in tables[2] if ".s.PGSQL" in line}
    assert not open_sockets & tcp
    assert open_sockets & unix


def test_the_socket_and_the_data_are_private(shared_server: EmbeddedServer) -> None:
    socket_dir = shared_server.address.socket_dir
    for path in (socket_dir, socket_dir / ".s.PGSQL.5432", shared_server.data_dir / "postgres" / "data"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((shared_server.data_dir / "postgres.log").stat().st_mode) == 0o600


@needs_root
@pytest.mark.parametrize("intruder", ["nobody", "daemon", "the server's own account"])
@pytest.mark.parametrize("role", ["postgres", "fa_app"])
def test_another_user_who_reaches_the_socket_is_refused(
    shared_server: EmbeddedServer, intruder: str, role: str
) -> None:
    socket_dir = shared_server.address.socket_dir
    uid = socket_dir.stat().st_uid if "own" in intruder else pwd.getpwnam(intruder).pw_uid
    for path in (socket_dir, socket_dir / ".s.PGSQL.5432"):
        path.chmod(0o777)
    answer = run([find_programs(None) / "psql", shared_server.address.url(role), "-c", "SELECT 1"], user=uid)
    for path in (socket_dir, socket_dir / ".s.PGSQL.5432"):
        path.chmod(0o700)
    assert answer.returncode == 2
    assert "Peer authentication failed" in answer.stderr
