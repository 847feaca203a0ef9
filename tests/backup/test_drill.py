"""The drill: dump, drop, restore. Every row and every right is the same afterwards, and the service runs on it."""

import json
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from app.backup import restore
from tests.server.conftest import Run
from tests.support.database import Urls
from tests.support.databases import fetch, fresh_database, run_sql, snapshot
from tests.support.processes import wait_for
from tests.support.services import Service, run, serving

Start = Callable[[], dict[str, Any]]


@pytest.fixture(scope="module", params=["two URLs", "one URL"])
def logins(request: pytest.FixtureRequest, server: Urls) -> Iterator[Start]:
    """Make empty databases, each as the settings that lead to it."""
    with ExitStack() as stack:

        def make() -> dict[str, str]:
            urls = stack.enter_context(fresh_database(server))
            if request.param == "two URLs" and server.separate:
                return {"FA_DATABASE_URL": urls.service, "FA_OWNER_DATABASE_URL": urls.owner}
            if not server.separate:
                return {"FA_DATABASE_URL": urls.owner}
            return {"FA_DATABASE_URL": urlunsplit(urlsplit(urls.owner)._replace(netloc="postgres@"))}

        yield make


def owner_of(settings: dict[str, str]) -> str:
    return settings.get("FA_OWNER_DATABASE_URL", settings["FA_DATABASE_URL"])


@pytest.fixture(scope="module")
def sandbox(logins: Start) -> dict[str, str]:
    """A database with rows in nearly every table."""
    settings = logins()
    assert run("migrate", **settings)[0] == 0
    assert run("demo", **settings)[0] == 0
    return settings


@pytest.fixture(scope="module")
def archive(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    file = tmp_path_factory.mktemp("backups") / "sandbox.dump"
    status, out, err = run("backup", str(file), "--json", **sandbox)
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report == {"file": str(file), "bytes": file.stat().st_size, "revision": report["revision"], "tenants": 1}
    return file


@pytest.fixture
def at(fa: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], Run]:
    """The command line on a database."""

    def choose(settings: dict[str, str]) -> Run:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return fa

    return choose


def test_a_backup_is_private_and_leaves_nothing_else(archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert list(archive.parent.iterdir()) == [archive]


def test_everything_is_back_after_a_restore(
    logins: Start, sandbox: dict[str, str], archive: Path, at: Callable[..., Run]
) -> None:
    target = logins()
    status, out, err = at(target)("restore", str(archive), "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["tenants"] == 1
    before, after = snapshot(owner_of(sandbox)), snapshot(owner_of(target))
    assert sum(map(len, after["rows"].values())) > 1000
    assert after == before


def test_the_service_runs_on_what_was_restored(logins: Start, archive: Path, folder: Path) -> None:
    target = logins()
    assert run("restore", str(archive), **target)[0] == 0
    keys = json.loads(run("demo", "--json", **target)[1])["keys"]
    with serving(folder / "data", **target) as service:
        headers = {"Authorization": f"Bearer {keys['admin']}"}
        answer = httpx.get(f"{service.address}/v1/assessments", headers=headers, trust_env=False)
        verified = httpx.get(f"{service.address}/v1/audit-events/verify", headers=headers, trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["items"]
    assert verified.json()["intact"] is True


def test_tenants_are_replaced_only_when_asked(sandbox: dict[str, str], archive: Path, at: Callable[..., Run]) -> None:
    fa, before = at(sandbox), snapshot(owner_of(sandbox))
    status, out, err = fa("restore", str(archive))
    assert (status, out) == (1, "")
    assert err.startswith("fa-readiness: The database holds 1 tenant, who would be lost")
    assert snapshot(owner_of(sandbox)) == before
    run_sql(owner_of(sandbox), "update tenants set name = 'Changed'")
    assert fa("restore", str(archive), "--replace")[0] == 0
    assert snapshot(owner_of(sandbox)) == before


def test_a_file_is_not_overwritten(archive: Path, sandbox: dict[str, str], at: Callable[..., Run]) -> None:
    before = archive.read_bytes()
    line = f"fa-readiness: {archive} exists already: a backup overwrites nothing.\n"
    assert at(sandbox)("backup", str(archive)) == (1, "", line)
    assert archive.read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "text", "missing"])
def test_a_damaged_file_changes_nothing(
    sandbox: dict[str, str], archive: Path, at: Callable[..., Run], tmp_path: Path, damage: str
) -> None:
    broken, whole = tmp_path / "broken.dump", archive.read_bytes()
    if damage != "missing":
        broken.write_bytes(whole[: len(whole) * 3 // 4] if damage == "cut" else b"no archive")
    before = snapshot(owner_of(sandbox))
    status, out, err = at(sandbox)("restore", str(broken), "--replace")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert str(broken) in err
    assert snapshot(owner_of(sandbox)) == before


def test_a_statement_that_fails_half_way_changes_nothing(
    sandbox: dict[str, str], archive: Path, at: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "_CLEAR", "drop table votes cascade;")
    before = snapshot(owner_of(sandbox))
    status, _, err = at(sandbox)("restore", str(archive), "--replace")
    assert status == 1
    assert err.startswith("fa-readiness: The restore failed, and the database is as it was: ")
    assert "already exists" in err
    assert snapshot(owner_of(sandbox)) == before


def test_a_file_that_ends_half_way_changes_nothing(
    sandbox: dict[str, str], archive: Path, at: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "check_archive", lambda file, programs: None)
    cut, whole = tmp_path / "cut.dump", archive.read_bytes()
    cut.write_bytes(whole[: len(whole) * 3 // 4])
    before = snapshot(owner_of(sandbox))
    status, _, err = at(sandbox)("restore", str(cut), "--replace")
    assert status == 1
    assert err.startswith("fa-readiness: The restore failed, and the database is as it was: ")
    assert snapshot(owner_of(sandbox)) == before


def test_the_database_of_another_application_is_left_alone(
    logins: Start, archive: Path, at: Callable[..., Run], tmp_path: Path
) -> None:
    target = logins()
    run_sql(owner_of(target), "create table invoices (id int)", "insert into invoices values (7)")
    fa = at(target)
    for arguments in (("restore", str(archive), "--replace"), ("backup", str(tmp_path / "new.dump"))):
        status, _, err = fa(*arguments)
        assert (status, err.count("\n")) == (1, 1)
    assert fetch(owner_of(target), "select id from invoices") == [{"id": 7}]
    assert list(tmp_path.iterdir()) == []


def test_a_backup_of_a_newer_release_is_refused(
    logins: Start, sandbox: dict[str, str], at: Callable[..., Run], tmp_path: Path
) -> None:
    owner, file, target = owner_of(sandbox), tmp_path / "newer.dump", logins()
    [row] = fetch(owner, "select version_num from alembic_version")
    run_sql(owner, "update alembic_version set version_num = 'later'")
    try:
        assert at(sandbox)("backup", str(file))[0] == 0
    finally:
        run_sql(owner, f"update alembic_version set version_num = '{row['version_num']}'")
    status, _, err = at(target)("restore", str(file))
    assert (status, err) == (1, f"fa-readiness: {file} was made by a newer release than this one.\n")


def test_the_surroundings_choose_no_other_database(
    logins: Start, sandbox: dict[str, str], at: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = logins()
    name = urlsplit(owner_of(other)).path.strip("/")
    for variable, value in {"PGDATABASE": name, "PGHOST": "192.0.2.1", "PGSERVICE": "other", "PGUSER": "x"}.items():
        monkeypatch.setenv(variable, value)
    fa = at(sandbox)
    assert fa("backup", str(tmp_path / "ours.dump"))[0] == 0
    asked = f"psql -Atc 'select count(*) from tenants' > {tmp_path}/count"
    assert fa("with-database", "--", "sh", "-c", asked) == (0, "", "")
    assert (tmp_path / "count").read_text() == "1\n"


@pytest.mark.parametrize("program", ["pg_dump", "pg_restore", "psql"])
def test_the_programs_suit_the_server(
    sandbox: dict[str, str], at: Callable[..., Run], tmp_path: Path, program: str
) -> None:
    version = f"{program} --version > {tmp_path}/version"
    assert at(sandbox)("with-database", "--", "sh", "-c", version)[0] == 0
    [row] = fetch(owner_of(sandbox), "select current_setting('server_version_num')::int / 10000 as major")
    assert f" {row['major']}." in (tmp_path / "version").read_text()


def test_every_url_is_set_in_every_mode(sandbox: dict[str, str], at: Callable[..., Run], tmp_path: Path) -> None:
    printed = f'printf "%s\\n%s\\n" "$FA_DATABASE_URL" "$FA_OWNER_DATABASE_URL" > {tmp_path}/urls'
    assert at(sandbox)("with-database", "--", "sh", "-c", printed)[0] == 0
    assert (tmp_path / "urls").read_text().splitlines() == [sandbox["FA_DATABASE_URL"], owner_of(sandbox)]


@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_status_is_the_programs(
    sandbox: dict[str, str], at: Callable[..., Run], script: str, status: int
) -> None:
    assert at(sandbox)("with-database", "--", "sh", "-c", script) == (status, "", "")


def test_a_program_that_cannot_be_run_is_one_line(sandbox: dict[str, str], at: Callable[..., Run]) -> None:
    line = "fa-readiness: no-such-program cannot be run: No such file or directory.\n"
    assert at(sandbox)("with-database", "--", "no-such-program") == (127, "", line)


def name_of_the_root(service: Service, key: str) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.get(f"{service.address}/v1/organizations", headers=headers, trust_env=False)
    return answer.json()["items"][0]["name"] if answer.status_code == 200 else answer.status_code


def test_the_embedded_database_is_backed_up_and_restored_running_and_stopped(folder: Path) -> None:
    file, second = folder / "running.dump", folder / "stopped.dump"
    with serving(folder / "data") as service:
        here, key = {"FA_DATA_DIR": service.data_dir}, service.key
        assert run("backup", str(file), **here)[0] == 0
        status, _, err = run("restore", str(file), "--replace", **here)
        assert (status, err) == (0, "")
        wait_for(lambda: name_of_the_root(service, key) == "My agency", 60)
        assert service.end(signal.SIGTERM) == 0
    assert run("backup", str(second), **here)[0] == 0
    assert run("restore", str(second), FA_DATA_DIR=folder / "new")[0] == 0
    with serving(folder / "new") as service:
        assert name_of_the_root(service, key) == "My agency"
        assert "first-admin-key" not in service.announcement
