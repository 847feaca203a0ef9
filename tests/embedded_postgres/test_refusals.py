"""Every reason not to start is one line a person can act on."""

import importlib.util
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.embedded_postgres.host import find_programs
from app.embedded_postgres.server import EmbeddedPostgresError, EmbeddedServer
from tests.support.processes import moved


def refusal(data_dir: Path, bin_dir: Path | None = None) -> str:
    with pytest.raises(EmbeddedPostgresError) as caught:
        EmbeddedServer(data_dir, bin_dir=bin_dir).start()
    line = str(caught.value)
    assert line
    assert "\n" not in line
    return line


def fake_programs(folder: Path, initdb: str) -> Path:
    """Make a bin folder whose initdb is the given shell command and whose other programs are real."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("postgres", "psql"):
        (programs / name).symlink_to(find_programs(None) / name)
    (programs / "initdb").write_text(f"#!/bin/sh\n{initdb}\n")
    (programs / "initdb").chmod(0o755)
    return programs


@pytest.mark.parametrize("version", ["17", "19"])
def test_another_version_is_refused_with_the_way_out(folder: Path, version: str) -> None:
    cluster = folder / "postgres" / "data"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text(f"{version}\n")
    line = refusal(folder)
    assert f"was written by PostgreSQL {version} and this is 18" in line
    assert "fa-readiness backup fa.dump`" in line
    assert "`fa-readiness restore fa.dump`" in line
    assert f"mv {cluster} {cluster}-{version}" in line


def test_a_file_is_no_data_directory(folder: Path) -> None:
    (folder / "data").write_text("")
    assert (
        refusal(folder / "data") == f"the embedded PostgreSQL cannot run in {folder}/data: {folder}/data: File exists"
    )


def test_a_folder_nobody_can_write_to_is_refused(folder: Path) -> None:
    place = Path("/proc/fa") if os.geteuid() == 0 else folder / "data"
    folder.chmod(0o555)
    assert refusal(place).startswith(f"the embedded PostgreSQL cannot run in {place}: ")
    folder.chmod(0o755)


def test_something_else_in_the_clusters_place_is_refused(folder: Path) -> None:
    half = folder / "postgres" / "data"
    (half / "base").mkdir(parents=True)
    (half / "base" / "1").write_text("half")
    assert refusal(folder) == f"{folder}/postgres/data is not a PostgreSQL data directory"
    assert [path.relative_to(half) for path in half.rglob("*")] == [Path("base"), Path("base/1")]
    assert (half / "base" / "1").read_text() == "half"


def test_a_full_disk_is_named_and_leaves_nothing(folder: Path) -> None:
    full = (
        'echo "FATAL:  could not write to file \\"base/1\\": No space left on device"; echo removing contents; exit 1'
    )
    line = refusal(folder / "data", fake_programs(folder, full))
    assert line == (
        f"PostgreSQL's initdb failed in {folder}/data/postgres: "
        'could not write to file "base/1": No space left on device'
    )
    assert not list((folder / "data" / "postgres").glob("initdb-*"))


def test_a_server_that_does_not_start_is_quoted(data_dir: Path) -> None:
    control = data_dir / "postgres" / "data" / "global" / "pg_control"
    control.rename(control.with_name("lost"))
    line = refusal(data_dir)
    control.with_name("lost").rename(control)
    assert line.startswith(f"PostgreSQL failed to start in {data_dir}/postgres/data: ")
    assert "global/pg_control" in line
    assert not (data_dir / "postgres" / "run").exists()


def test_a_server_started_by_hand_is_left_alone(data_dir: Path) -> None:
    cluster = data_dir / "postgres" / "data"
    with subprocess.Popen(["/bin/sleep", "60"], cwd=cluster) as by_hand:
        (cluster / "postmaster.pid").write_text(f"{by_hand.pid}\n{cluster}\n")
        assert refusal(data_dir) == f"a PostgreSQL started by hand runs in {cluster} (pid {by_hand.pid})"
        assert (cluster / "postmaster.pid").exists()
        by_hand.kill()


def test_a_failed_start_lets_go_of_the_data_directory(data_dir: Path) -> None:
    version = data_dir / "postgres" / "data" / "PG_VERSION"
    version.write_text("17\n")
    server = EmbeddedServer(data_dir)
    with pytest.raises(EmbeddedPostgresError):
        server.start()
    version.write_text("18\n")
    with server:
        assert server.pid


def test_a_platform_without_the_wheel_is_pointed_to_a_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "set FA_DATABASE_URL" in refusal(folder / "data")
    assert not (folder / "data").exists()


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: None])
def test_a_folder_without_programs_is_refused(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder / "bin")
    assert refusal(folder / "data", folder / "bin") == (
        f"{folder}/bin is no bin folder of a PostgreSQL server: no initdb to run"
    )


def test_a_user_without_a_name_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    assert "user id 4000000000 has none" in refusal(folder / "data")


def test_a_socket_that_fits_nowhere_is_refused(prepared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = folder / ("t" * 120)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with moved(prepared, folder / ("x" * 120)) as data_dir:
        assert refusal(data_dir).endswith(": set TMPDIR to another folder")
    assert not list(temporary.iterdir())
