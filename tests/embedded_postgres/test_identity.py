"""A start finds the database that was there before, or is refused: nothing is made in its place."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.embedded_postgres import location
from app.embedded_postgres.server import EmbeddedPostgresError, EmbeddedServer
from tests.embedded_postgres.test_places import connects, interpreter_for, needs_root
from tests.support.processes import moved, open_folder, spawn


def refusal(data_dir: Path) -> str:
    with pytest.raises(EmbeddedPostgresError) as caught:
        EmbeddedServer(data_dir).start()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def start(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        assert connects(server)


@pytest.fixture
def homes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for /var/lib/fa-readiness that leaves nothing behind."""
    with open_folder() as folder:
        monkeypatch.setattr(location, "ROOT_HOMES", folder / "homes")
        yield folder / "homes"


@pytest.fixture
def elsewhere(folder: Path, homes: Path) -> Path:
    """A data directory that only root can enter, so that its database lies in another folder."""
    (folder / "closed").mkdir(mode=0o700)
    start(folder / "closed" / "data")
    return folder / "closed" / "data"


def test_a_missing_database_is_not_replaced_by_an_empty_one(data_dir: Path) -> None:
    (data_dir / "postgres").rename(data_dir / "lost")
    assert refusal(data_dir).startswith(
        f"the database of {data_dir} is missing: {data_dir}/postgres/data does not exist"
    )
    assert not (data_dir / "postgres").exists()
    (data_dir / "lost").rename(data_dir / "postgres")
    start(data_dir)


def test_another_database_in_the_place_of_the_recorded_one_is_refused(data_dir: Path) -> None:
    record = data_dir / "postgres.identity"
    identity = record.read_text()
    record.write_text("7000000000000000000\n")
    assert f"is not the one that {record} records" in refusal(data_dir)
    record.write_text(identity)
    start(data_dir)


def test_a_data_directory_without_a_record_gets_one(data_dir: Path) -> None:
    identity = (data_dir / "postgres.identity").read_text()
    (data_dir / "postgres.identity").unlink()
    start(data_dir)
    assert (data_dir / "postgres.identity").read_text() == identity


@needs_root
def test_a_database_behind_a_folder_that_was_closed_is_not_replaced(data_dir: Path, folder: Path, homes: Path) -> None:
    folder.chmod(0o700)
    line = refusal(data_dir)
    folder.chmod(0o755)
    assert line.startswith(f"the database in {data_dir} cannot be reached by the account postgres")
    assert not homes.exists()
    start(data_dir)


@needs_root
def test_a_database_that_another_account_could_replace_is_refused(data_dir: Path, folder: Path, homes: Path) -> None:
    folder.chmod(0o777)
    line = refusal(data_dir)
    folder.chmod(0o755)
    assert "another account could replace the database" in line
    assert not homes.exists()


@needs_root
def test_a_copied_data_directory_does_not_share_the_database(elsewhere: Path, homes: Path) -> None:
    copy = elsewhere.with_name("copy")
    shutil.copytree(elsewhere, copy)
    assert f"belongs to {elsewhere}, and {copy} is a copy of it or was moved" in refusal(copy)
    assert len(list(homes.iterdir())) == 1
    start(elsewhere)


@needs_root
def test_a_moved_data_directory_says_how_to_take_its_database_along(elsewhere: Path, homes: Path) -> None:
    place = elsewhere.with_name("moved")
    with moved(elsewhere, place):
        [home] = homes.iterdir()
        assert f"write the new path into {home}/data-dir" in refusal(place)
        (home / "data-dir").write_text(f"{place}\n")
        start(place)


@needs_root
def test_a_database_elsewhere_that_is_gone_is_not_replaced(elsewhere: Path, homes: Path) -> None:
    homes.rename(homes.with_name("lost"))
    assert f"{elsewhere}/postgres.location names no folder of {homes}" in refusal(elsewhere)
    homes.mkdir(mode=0o755)
    assert f"{elsewhere}/postgres.location names no folder of {homes}" in refusal(elsewhere)
    assert list(homes.iterdir()) == []


@needs_root
def test_a_database_elsewhere_that_cannot_be_reached_is_not_replaced(elsewhere: Path, homes: Path) -> None:
    homes.chmod(0o700)
    assert "the account postgres, which runs PostgreSQL, cannot reach the database" in refusal(elsewhere)
    homes.chmod(0o755)
    start(elsewhere)


@needs_root
def test_an_emptied_folder_elsewhere_is_not_filled_anew(elsewhere: Path, homes: Path) -> None:
    [home] = homes.iterdir()
    shutil.rmtree(home / "postgres")
    assert f"the database of {elsewhere} is missing" in refusal(elsewhere)
    assert [path.name for path in home.iterdir() if path.name == "postgres"] == []


def test_a_copy_does_not_take_the_socket_of_a_running_server(prepared: Path, folder: Path) -> None:
    long = "x" * 120
    with moved(prepared, folder / long) as data_dir, EmbeddedServer(data_dir) as server:
        copy = folder / f"copy-{long}"
        shutil.copytree(data_dir, copy, symlinks=True, ignore=shutil.ignore_patterns("postmaster.pid"))
        with suppress(EmbeddedPostgresError):
            start(copy)
        assert connects(server)


@needs_root
def test_an_ordinary_users_missing_database_is_not_replaced() -> None:
    interpreter = interpreter_for("nobody")
    with open_folder() as folder:
        data_dir = folder / "data"
        data_dir.mkdir()
        (data_dir / "postgres.identity").write_text("7000000000000000000\n")
        for path in (folder, data_dir):
            shutil.chown(path, "nobody")
        with spawn(data_dir, interpreter=interpreter, user="nobody") as process:
            process.communicate(timeout=300)
        assert process.returncode == 1
        assert not (data_dir / "postgres").exists()
