"""A start that is refused changes nothing: rights, roles and rows are the same before and after."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from app.db.schema.migrate import migrate
from tests.server.conftest import Run
from tests.support.database import Urls
from tests.support.databases import fetch, fresh_database, run_sql, snapshot
from tests.support.services import Service


def respelled(url: str) -> str:
    """Return the same login, written as another URL."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"{parts.query}&application_name=again"))


pytestmark = pytest.mark.two_logins


@pytest.fixture
def migrated(server: Urls) -> Iterator[Urls]:
    """A migrated database whose owner and service have separate logins."""
    with fresh_database(server) as urls:
        asyncio.run(migrate(urls.owner, urls.role, login_is_separate=True))
        yield urls


@pytest.fixture
def refused(migrated: Urls, fa: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """Start with these settings, see it refused with one line and nothing changed; return the line."""

    def start(*arguments: str, **settings: str) -> str:
        for name, value in {"FA_DATA_DIR": str(tmp_path), **settings}.items():
            monkeypatch.setenv(name, value)
        before = snapshot(migrated.owner)
        status, out, err = fa("serve", *(arguments or ("--port", "0")))
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert snapshot(migrated.owner) == before
        assert list(tmp_path.iterdir()) == []
        return err

    return start


def test_the_owner_named_as_the_serving_role(migrated: Urls, refused: Any) -> None:
    assert '"fa_owner" (FA_APP_ROLE) is one' in refused(FA_DATABASE_URL=migrated.owner, FA_APP_ROLE="fa_owner")


def test_a_superuser_named_as_the_serving_role(migrated: Urls, refused: Any) -> None:
    assert '"postgres" (FA_APP_ROLE) is one' in refused(FA_DATABASE_URL=migrated.owner, FA_APP_ROLE="postgres")


def test_the_owner_as_the_services_login(migrated: Urls, refused: Any) -> None:
    line = refused(FA_DATABASE_URL=respelled(migrated.owner), FA_OWNER_DATABASE_URL=migrated.owner)
    assert '"fa_owner" (FA_DATABASE_URL) is one' in line


def test_a_login_without_the_rights_of_the_role(migrated: Urls, refused: Any) -> None:
    urls = {"FA_DATABASE_URL": migrated.service, "FA_OWNER_DATABASE_URL": migrated.owner}
    assert refused(**urls, FA_APP_ROLE="nobody_here").endswith(": set FA_APP_ROLE=fa_app.\n")


def test_an_owner_that_does_not_own_the_tables(migrated: Urls, refused: Any) -> None:
    line = refused(FA_DATABASE_URL=migrated.service, FA_OWNER_DATABASE_URL=respelled(migrated.service))
    assert 'The login "fa_app" does not own the tables' in line


def test_two_urls_of_two_databases(server: Urls, migrated: Urls, refused: Any) -> None:
    with fresh_database(server) as other:
        line = refused(FA_DATABASE_URL=other.service, FA_OWNER_DATABASE_URL=migrated.owner)
        assert "lead to two different databases" in line
        assert fetch(other.owner, "select 1 from pg_tables where schemaname = 'public'") == []


def test_a_newer_schema(migrated: Urls, refused: Any) -> None:
    run_sql(migrated.owner, "update alembic_version set version_num = 'later'")
    urls = {"FA_DATABASE_URL": migrated.service, "FA_OWNER_DATABASE_URL": migrated.owner}
    assert "migrated by a newer release" in refused(**urls)


@pytest.mark.parametrize("revision", [None, "0001", "9f3c"])
def test_the_database_of_another_application(migrated: Urls, refused: Any, revision: str | None) -> None:
    run_sql(migrated.owner, "drop schema public cascade", "create schema public", "create table invoices (id int)")
    if revision:
        run_sql(
            migrated.owner,
            "create table alembic_version (version_num text)",
            f"insert into alembic_version values ('{revision}')",
        )
    urls = {"FA_DATABASE_URL": migrated.service, "FA_OWNER_DATABASE_URL": migrated.owner}
    assert "tables of another application" in refused(**urls)


def test_a_read_only_database(migrated: Urls, refused: Any) -> None:
    name = urlsplit(migrated.owner).path.strip("/")
    run_sql(migrated.owner, f"alter database {name} set default_transaction_read_only = on")
    urls = {"FA_DATABASE_URL": migrated.service, "FA_OWNER_DATABASE_URL": migrated.owner}
    assert "The database is read-only" in refused(**urls)


def test_a_taken_port(migrated: Urls, refused: Any, service: Service) -> None:
    urls = {"FA_DATABASE_URL": migrated.service, "FA_OWNER_DATABASE_URL": migrated.owner}
    assert "Address already in use" in refused("--port", str(service.port), **urls)
