"""The command line inside this process: what it prints, and that every failure is one line without a secret."""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from app import __version__, cli
from app.cli_progress import show_progress
from app.db.schema.migrate import head
from app.embedded_postgres.server import EmbeddedPostgresError
from app.errors import NotFound
from tests.server.conftest import Run, made
from tests.support.database import Urls
from tests.support.databases import fetch, fresh_database, run_sql
from tests.support.services import Service

BIND = ("identity-providers", "add", "--tenant", "x", "--issuer", "https://id.example")


@pytest.fixture
def slug(given: Run) -> str:
    slug = f"cli-{uuid4().hex[:12]}"
    made(given("tenants", "create", "--slug", slug, "--name", "Ägency [x]", "--kind", "state", "--json"))
    return slug


def test_version(fa: Run) -> None:
    assert fa("--version") == (0, f"fa-readiness {__version__}\n", "")


def test_openapi_needs_no_database_and_ignores_the_environment(
    fa: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FA_DOCS", "false")
    status, out, _ = fa("openapi")
    assert status == 0
    assert json.loads(out)["info"]["version"] == __version__
    assert fa("openapi", "--output", str(tmp_path / "it.json")) == (0, "", "")
    assert (tmp_path / "it.json").read_text(encoding="utf-8") == out


def test_a_tenant_is_made_and_listed(given: Run) -> None:
    slug = f"cli-{uuid4().hex[:12]}"
    printed = made(
        given("tenants", "create", "--slug", slug, "--name", "Ägency", "--timezone", "Europe/Zurich", "--json")
    )
    assert list(printed) == ["id", "slug", "root_id", "key"]
    [row] = [row for row in made(given("tenants", "list", "--json")) if row["slug"] == slug]
    assert row == {"id": printed["id"], "slug": slug, "root_id": printed["root_id"], "name": "Ägency"}
    status, out, _ = given("tenants", "list")
    assert f"{printed['id']}\t{slug}\t{printed['root_id']}\tÄgency\n" in out
    status, out, err = given("tenants", "create", "--slug", slug, "--name", "Again")
    assert (status, out, err) == (1, "", "fa-readiness: A tenant with this slug exists already.\n")


def test_keys_are_made_listed_and_revoked(given: Run, slug: str) -> None:
    [first] = made(given("keys", "list", "--tenant", slug, "--json"))
    root_id = first["grants"][0].partition("@")[2]
    options = ["--name", "CI", "--role", "viewer", "--role", f"manager@{root_id}", "--expires-on", "2100-01-31"]
    printed = made(given("keys", "create", "--tenant", slug, *options, "--json"))
    assert re.fullmatch(r"fa_[0-9a-f]{32}_[\w-]{43}", printed["key"])
    second = made(given("keys", "list", "--tenant", slug, "--json"))[1]
    assert second["id"] == printed["id"]
    assert sorted(second["grants"]) == [f"manager@{root_id}", f"viewer@{root_id}"]
    assert second["expires_at"] == "2100-02-01T00:00:00+00:00"
    assert second["revoked_at"] is None
    for _ in range(2):
        revoked = made(given("keys", "revoke", "--tenant", slug, printed["id"], "--json"))
        assert revoked["revoked_at"] is not None
    _, out, _ = given("keys", "list", "--tenant", slug)
    assert out.count("\n") == 2
    assert printed["key"] not in out


def test_a_roster_is_imported(given: Run, slug: str, tmp_path: Path) -> None:
    roster, faults = tmp_path / "roster.csv", tmp_path / "faults.csv"
    roster.write_text("external_id,Who,organization\n1,Ann,Ägency [x]\n2,Kim,Ägency [x]\n", encoding="utf-8")
    options = ("import", "people", str(roster), "--tenant", slug, "--source", "hr", "--json")
    counts = {"rows": 2, "created": 2, "changed": 0, "left": 0, "unchanged": 0, "dry_run": True}
    assert made(given(*options, "--column", "name=Who", "--dry-run")) == counts
    assert made(given(*options, "--column", "name=Who")) == {**counts, "dry_run": False}
    assert made(given(*options)) == {**counts, "created": 0, "unchanged": 2, "dry_run": False}
    roster.write_text("external_id,Who,organization\n1,Ann,Nowhere\n", encoding="utf-8")
    status, out, err = given(*options, "--errors", str(faults))
    assert (status, out, err) == (1, "", "fa-readiness: Nothing was imported: 1 faults.\n")
    assert faults.read_text(encoding="utf-8").splitlines()[1].startswith("2,organization,unknown_organization,")
    status, _, err = given(*options, "--mode", "replace")
    assert (status, err.count("\n")) == (1, 2)
    assert "line 2, organization: No organization" in err


def test_a_terminal_shows_a_bar(given: Run, slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    roster = tmp_path / "roster.csv"
    roster.write_text("external_id,name,organization\n1,Ann,Ägency [x]\n2,Kim,Ägency [x]\n", encoding="utf-8")
    status, out, err = given("import", "people", str(roster), "--tenant", slug, "--source", "hr", "--json")
    assert (status, json.loads(out)["created"]) == (0, 2)
    assert re.search(r"Importing.*━.*2/2", err)


def test_a_file_gets_a_line_for_every_ten_thousand(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("Importing") as advance:
        for done in range(0, 25_000, 500):
            advance(done, 24_500)
    assert capsys.readouterr().err == "Importing: 10,000 of 24,500\nImporting: 20,000 of 24,500\n"


def test_organizations_are_imported(given: Run, slug: str, tmp_path: Path) -> None:
    tree, faults = tmp_path / "tree.csv", tmp_path / "faults.csv"
    tree.write_text("Code,name,kind,parent\nc1,North,County,r1\nr1,Region,region,\n", encoding="utf-8")
    options = ("import", "organizations", str(tree), "--tenant", slug, "--source", "hr", "--json")
    counts = {"rows": 2, "created": 2, "changed": 0, "unchanged": 0, "archived": 0, "dry_run": True}
    assert made(given(*options, "--column", "external_id=Code", "--dry-run")) == counts
    assert made(given(*options, "--column", "external_id=Code")) == {**counts, "dry_run": False}
    again = made(given(*options, "--mode", "replace"))
    assert again == {**counts, "created": 0, "unchanged": 2, "dry_run": False}
    tree.write_text("Code,name,kind,parent\nc1,North,County,none\n", encoding="utf-8")
    assert given(*options, "--errors", str(faults))[0] == 1
    assert faults.read_text(encoding="utf-8").splitlines()[1].startswith("2,parent,unknown_organization,")


def test_figures_are_imported(given: Run, urls: Urls, slug: str, tmp_path: Path) -> None:
    tenant = next(row for row in made(given("tenants", "list", "--json")) if row["slug"] == slug)
    run_sql(
        urls.owner,
        "insert into programs (tenant_id, id, created_at, updated_at, version, organization_id, name, name_key) "
        f"values ('{tenant['id']}', '{tenant['id']}', now(), now(), 1, '{tenant['root_id']}', 'Visits', 'visits')",
    )
    figures, faults = tmp_path / "figures.csv", tmp_path / "faults.csv"
    header = "metric,Done,denominator,period_start,period_end,organization_id,program_id\n"
    row = f"training_coverage,{{}},40,2025-07-01,2025-09-30,{tenant['root_id']},{tenant['id']}\n"
    figures.write_text(header + row.format(34), encoding="utf-8")
    options = ("import", "metrics", str(figures), "--tenant", slug, "--source", "lms", "--column", "numerator=Done")
    counts = {"rows": 1, "created": 1, "superseded": 0, "unchanged": 0, "dry_run": True}
    assert made(given(*options, "--dry-run", "--json")) == counts
    assert made(given(*options, "--json")) == {**counts, "dry_run": False}
    assert made(given(*options, "--json")) == {**counts, "created": 0, "unchanged": 1, "dry_run": False}
    figures.write_text(header + row.format(41), encoding="utf-8")
    status, out, err = given(*options, "--errors", str(faults))
    assert (status, out, err) == (1, "", "fa-readiness: Nothing was imported: 1 faults.\n")
    assert faults.read_text(encoding="utf-8").splitlines()[1].startswith("2,numerator,numerator_above_denominator,")


def test_a_connector_that_does_not_exist_is_not_run(given: Run, slug: str) -> None:
    assert made(given("connectors", "status", "--tenant", slug, "--json")) == []
    status, out, err = given("connectors", "run", "--tenant", slug, str(uuid4()))
    assert (status, out, err) == (1, "", "fa-readiness: The tenant has no such connector.\n")


def test_issuers_are_bound_listed_and_removed(given: Run, slug: str) -> None:
    issuer = f"https://{slug}.example"
    options = ["--issuer", issuer, "--audience", "api", "--roles-claim", "groups", "--role", "a=b=manager"]
    bound = made(given("identity-providers", "add", "--tenant", slug, *options, "--default-role", "viewer", "--json"))
    [row] = made(given("identity-providers", "list", "--tenant", slug, "--json"))
    assert (row["id"], row["issuer"], row["audiences"], row["person_claim"]) == (bound["id"], issuer, ["api"], "sub")
    assert [role.partition("@")[0] for role in row["roles"]] == ["a=b=manager", "(default)=viewer"]
    status, _, err = given("identity-providers", "add", "--tenant", slug, *options)
    assert (status, err) == (1, "fa-readiness: The issuer is bound to a tenant already.\n")
    made(given("identity-providers", "remove", "--tenant", slug, bound["id"], "--json"))
    assert made(given("identity-providers", "list", "--tenant", slug, "--json")) == []


def test_nobody_is_linked_to_what_does_not_exist(given: Run, slug: str) -> None:
    options = ["--provider", str(uuid4()), "--person", str(uuid4()), "--subject", "x"]
    status, _, err = given("identities", "link", "--tenant", slug, *options)
    assert (status, err) == (1, "fa-readiness: The tenant has no such identity provider or person.\n")
    assert made(given("identities", "list", "--tenant", slug, "--json")) == []
    assert given("identities", "unlink", "--tenant", slug, str(uuid4()))[0] == 1


def test_an_instant_can_end_a_key(given: Run, slug: str) -> None:
    options = ["--name", "CI", "--role", "viewer", "--expires-on", "2100-01-31T12:00:00+02:00"]
    made(given("keys", "create", "--tenant", slug, *options, "--json"))
    assert made(given("keys", "list", "--tenant", slug, "--json"))[1]["expires_at"] == "2100-01-31T10:00:00+00:00"


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", "--tenant", "x", "--name", "x", "--role", "king"),
        ("keys", "create", "--tenant", "x", "--name", "x", "--role", "viewer@here"),
        ("keys", "create", "--tenant", "x", "--name", "x"),
        ("keys", "create", "--tenant", "x", "--name", "x", "--role", "viewer", "--expires-on", "soon"),
        ("keys", "create", "--tenant", "x", "--name", "x", "--role", "viewer", "--expires-on", "2020-01-01"),
        ("keys", "create", "--tenant", "x", "--name", "x", "--role", "viewer", "--expires-on", "2100-01-01T00:00"),
        ("keys", "create", "--tenant", "x", "--name", " ", "--role", "viewer"),
        ("keys", "revoke", "--tenant", "x", "1"),
        ("identity-providers", "add", "--tenant", "x", "--issuer", "id.example", "--audience", "x"),
        ("identity-providers", "add", "--tenant", "x", "--issuer", "https://u:p@id.example", "--audience", "x"),
        BIND,
        (*BIND, "--audience", "x", "--roles-claim", "groups"),
        (*BIND, "--audience", "x", "--roles-claim", "groups", "--role", "viewer"),
        ("identities", "link", "--tenant", "x", "--provider", "1", "--person", "1", "--subject", "x"),
        ("tenants", "create", "--slug", "x", "--name", "x" * 201),
        ("tenants", "create", "--slug", "x", "--name", "x", "--timezone", "Mars/Olympus"),
        ("tenants", "create", "--slug", "x", "--name", "x", "--kind", "kingdom"),
        ("dance",),
    ],
)
def test_wrong_usage_is_told_as_such(given: Run, arguments: tuple[str, ...]) -> None:
    status, out, err = given(*arguments)
    assert (status, out) == (2, "")
    assert "Usage: fa-readiness" in err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("keys", "list", "--tenant", "nobody"), "There is no tenant with this slug."),
        (("tenants", "create", "--slug", "No!", "--name", "x"), "A tenant's slug is 1 to 63"),
    ],
)
def test_what_the_operator_can_mend_is_one_line(given: Run, arguments: tuple[str, ...], line: str) -> None:
    status, out, err = given(*arguments)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"fa-readiness: {line}")


def test_foreign_ids_are_not_found(given: Run, slug: str) -> None:
    for arguments in (["revoke", str(uuid4())], ["create", "--name", "x", "--role", f"viewer@{uuid4()}"]):
        status, _, err = given("keys", arguments[0], "--tenant", slug, *arguments[1:])
        assert (status, err) == (1, "fa-readiness: There is no such resource\n")


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (EmbeddedPostgresError("the port\nis odd"), "the port is odd"),
        (NotFound("There is no such key."), "There is no such key."),
        (TimeoutError(), "The database did not answer in time."),
        (OSError(28, "No space left on device", "/data"), "No space left on device: /data"),
        (IntegrityError("insert …", {"secret": "hush"}, Exception("duplicate key\nDETAIL: (hush)")), "duplicate key"),
    ],
)
def test_failures_are_one_line_without_parameters(
    fa: Run, monkeypatch: pytest.MonkeyPatch, failure: Exception, line: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(cli, "load_settings", fail)
    status, out, err = fa("migrate")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.endswith(f"{line}\n")
    assert "hush" not in err


def test_a_database_that_does_not_answer_is_one_line(fa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FA_DATABASE_URL", "postgresql://someone:hush@127.0.0.1:1/none")
    for arguments in (["migrate"], ["tenants", "list"], ["serve", "--port", "0"]):
        status, _, err = fa(*arguments)
        assert (status, err.count("\n")) == (1, 1)
        assert "hush" not in err


def test_an_unknown_setting_is_named_without_its_value(fa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FA_DATABSE_URL", "postgresql://hush@x/y")
    status, out, err = fa("serve")
    assert (status, out) == (1, "")
    assert err == "fa-readiness: Unknown setting: FA_DATABSE_URL. docs/settings.md lists all of them.\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - that it is refused is the point
def test_listening_to_the_world_needs_a_proxy(fa: Run, host: str) -> None:
    status, _, err = fa("serve", "--host", host)
    assert (status, err.count("\n")) == (1, 1)
    assert "FA_BEHIND_PROXY=true" in err


def test_a_given_database_is_migrated_only_when_told(server: Urls, fa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh_database(server) as urls:
        monkeypatch.setenv("FA_DATABASE_URL", urls.service)
        if urls.separate:
            monkeypatch.setenv("FA_OWNER_DATABASE_URL", urls.owner)
        refused = (1, "", "fa-readiness: The database's schema is not this release's; run fa-readiness migrate.\n")
        assert fa("tenants", "list") == refused
        for _ in range(2):
            assert fa("migrate") == (0, f"{head()}\n", "")
        assert fa("tenants", "list", "--json") == (0, "[]\n", "")
        run_sql(urls.owner, "update alembic_version set version_num = 'later'")
        assert fa("tenants", "list") == refused
        newer = "fa-readiness: The database was migrated by a newer release than this one.\n"
        assert fa("migrate") == (1, "", newer)
        assert fa("serve", "--port", "0") == (1, "", newer)


def test_the_owner_may_not_serve(urls: Urls, fa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    again = urlsplit(urls.owner)
    monkeypatch.setenv("FA_DATABASE_URL", urlunsplit(again._replace(query=f"{again.query}&application_name=again")))
    monkeypatch.setenv("FA_OWNER_DATABASE_URL", urls.owner)
    status, _, err = fa("serve", "--port", "0")
    assert (status, err.count("\n")) == (1, 1)
    assert "as the owner of its tables" in err


def test_the_embedded_server_of_a_running_service_is_used(
    service: Service, fa: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FA_DATA_DIR", str(service.data_dir))
    slugs = [row["slug"] for row in made(fa("tenants", "list", "--json"))]
    assert slugs == ["main"]
    printed = 'import os, sys; sys.exit(7 if "fa_owner" in os.environ["FA_OWNER_DATABASE_URL"] else 1)'
    assert fa("with-database", "--", sys.executable, "-c", printed) == (7, "", "")
    status, _, err = fa("serve", "--port", "0")
    assert (status, err.count("\n")) == (1, 1)
    assert f"(pid {service.process.pid})" in err


def test_without_a_running_service_the_embedded_server_runs_for_the_command(
    fa: Run, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("FA_DATA_DIR", str(folder / "data"))
    assert made(fa("tenants", "list", "--json")) == []
    assert not (folder / "data" / "postgres" / "data" / "postmaster.pid").exists()


def test_commands_leave_an_audit_row(given: Run, slug: str, urls: Urls) -> None:
    [key] = made(given("keys", "list", "--tenant", slug, "--json"))
    made(given("keys", "revoke", "--tenant", slug, key["id"], "--json"))
    rows = fetch(
        urls.owner,
        "select action, actor_kind from audit_events where subject_id = $1 order by created_at",
        UUID(key["id"]),
    )
    assert [(row["action"], row["actor_kind"]) for row in rows] == [
        ("api_key.created", "operator"),
        ("api_key.revoked", "operator"),
    ]


def test_a_key_is_rotated_and_limited_to_networks(given: Run, slug: str, urls: Urls) -> None:
    role = ("--role", "viewer", "--network", "192.0.2.0/24", "--network", "2001:DB8::/32")
    key = made(given("keys", "create", "--tenant", slug, "--name", "Feed", *role, "--json"))
    rotated = made(given("keys", "rotate", "--tenant", slug, key["id"], "--overlap-hours", "1", "--json"))
    assert rotated["id"] == key["id"]
    assert rotated["key"] != key["key"]
    [row] = fetch(urls.owner, "select allowed_networks from api_keys where id = $1", UUID(key["id"]))
    assert row["allowed_networks"] == ["192.0.2.0/24", "2001:db8::/32"]
    assert given("keys", "create", "--tenant", slug, "--name", "Feed", "--role", "viewer", "--network", "x")[0] == 2
