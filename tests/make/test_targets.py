"""Every target of the Makefile runs, at a tiny size."""

import json
import os
import re

import httpx
import pytest

from tests.make.conftest import Checkout
from tests.support.tools import ROOT, from_debian

MAKEFILE = (ROOT / "Makefile").read_text()
TINY = "BENCH_ARGS=--tiny --json figures.json"
#: One test that reads and writes the database over HTTP.
ONE_FILE = "tests/people/test_people.py"
SELECTED = f"PYTEST_ARGS={ONE_FILE} -k created_read_and_listed"


def targets() -> list[str]:
    """Return what the Makefile declares."""
    [phony] = re.finditer(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    return phony[1].split()


def pins(checkout: Checkout) -> dict[str, list[str]]:
    """Return the versions in each lock file, without hashes: an index may gain files for a version that is there."""
    locks = sorted(checkout.folder.rglob("*.lock"))
    found = {lock.name: re.findall(r"^[a-z0-9-]+==\S+", lock.read_text(), re.MULTILINE) for lock in locks}
    packages = json.loads((checkout.folder / "tests" / "contract" / "package-lock.json").read_text())["packages"]
    return {**found, "npm": [f"{name}=={package.get('version')}" for name, package in packages.items()]}


@pytest.mark.parametrize("target", targets())
def test_every_target_is_run_by_a_test_or_by_ci(target: str) -> None:
    places = [ROOT / ".ci" / "run", *(ROOT / "tests" / "make").glob("test_*.py")]
    ran = re.compile(rf'^make {target}$|\("{target}"', re.MULTILINE)
    assert any(ran.search(place.read_text()) for place in places)


def test_help_names_every_target(checkout: Checkout) -> None:
    named = re.findall(r"[a-z][a-z0-9-]+", checkout.make("help"))
    assert set(targets()) - {"help"} <= set(named)


def test_run_serves_and_ends_with_make(checkout: Checkout) -> None:
    with checkout.serving("run") as address:
        assert httpx.get(f"{address}/healthz/ready", timeout=300, trust_env=False).status_code == 200


def test_demo_serves_made_up_data(checkout: Checkout) -> None:
    with checkout.serving("demo") as address:
        assert httpx.get(f"{address}/healthz/ready", timeout=300, trust_env=False).status_code == 200


def test_sbom_lists_every_locked_package(checkout: Checkout) -> None:
    checkout.make("sbom")
    listed = json.loads((checkout.folder / "build" / "sbom.cdx.json").read_text())["components"]
    locked = re.findall(r"^([a-z0-9-]+)==", (checkout.folder / "constraints.lock").read_text(), re.MULTILINE)
    assert {component["name"] for component in listed} >= set(locked)


def test_migrate_names_the_revision_of_this_release(checkout: Checkout) -> None:
    last = max(path.name for path in (checkout.folder / "migrations" / "versions").glob("*.py"))
    assert checkout.make("migrate").splitlines()[-1] == last.partition("_")[0]


def test_a_migration_is_written_under_the_next_number(checkout: Checkout) -> None:
    versions = checkout.folder / "migrations" / "versions"
    before = set(versions.glob("*.py"))
    checkout.make("migration", "m=add nothing")
    [made] = set(versions.glob("*.py")) - before
    assert made.name == f"{len(before) + 1:04d}_add_nothing.py"
    assert re.search(r"def upgrade\(\) -> None:\n(?:    \"\"\".*\"\"\"\n|    #.*\n)*    pass\n", made.read_text())


def test_openapi_writes_the_document(checkout: Checkout) -> None:
    document = checkout.folder / "openapi" / "openapi.json"
    committed = document.read_bytes()
    document.unlink()
    checkout.make("openapi")
    assert document.read_bytes() == committed


def test_docs_writes_what_follows_from_the_code(checkout: Checkout) -> None:
    page = checkout.folder / "docs" / "errors.md"
    committed = page.read_bytes()
    page.unlink()
    checkout.make("docs")
    assert page.read_bytes() == committed


def test_released_checks_and_keeps_the_document(checkout: Checkout) -> None:
    released = checkout.folder / "openapi" / "released.json"
    released.write_text("{}")
    checkout.make("released")
    assert released.read_bytes() == (checkout.folder / "openapi" / "openapi.json").read_bytes()


def test_fix_formats_and_mends(checkout: Checkout) -> None:
    untidy = checkout.folder / "app" / "untidy.py"
    untidy.write_text('"""A module."""\nimport sys, os\nVALUE = [os.sep,\n  sys.path]\n')
    checkout.make("fix")
    assert untidy.read_text() == '"""A module."""\n\nimport os\nimport sys\n\nVALUE = [os.sep, sys.path]\n'


def test_test_runs_what_is_named(checkout: Checkout) -> None:
    assert " passed" in checkout.make("test", SELECTED)


def test_quick_leaves_out_what_starts_servers(checkout: Checkout) -> None:
    output = checkout.make("quick", "PYTEST_ARGS=--collect-only --quiet --numprocesses=0")
    files = set(re.findall(r"^(tests/\S+\.py)", output, re.MULTILINE))
    assert {"tests/assessments/votes/test_votes.py", "tests/scoring/test_golden.py"} <= files
    starts = re.compile(r"tests\.support\.(services|processes)|\bown_postgres\b")
    assert [file for file in sorted(files) if starts.search((ROOT / file).read_text())] == []


@pytest.mark.parametrize(
    ("target", "package", "program"),
    [
        ("test-postgres-15", "postgresql-15", "/usr/lib/postgresql/15/bin/postgres"),
        ("test-serializable", "", ""),
        ("test-pgbouncer", "pgbouncer", "pgbouncer"),
        ("soak", "", ""),
    ],
)
def test_the_service_works_on_another_database(checkout: Checkout, target: str, package: str, program: str) -> None:
    if package:
        from_debian(package, program)
    output = checkout.make(target, SELECTED)
    assert " passed" in output
    assert " skipped" not in output


def test_bench_measures_every_figure(checkout: Checkout) -> None:
    checkout.make("bench", TINY)
    found = json.loads((checkout.folder / "figures.json").read_text())
    assert len(found["figures"]) >= 10
    assert found["ready_s"]["spread"][0] > 0


def test_bench_peers_measures_every_peer(checkout_with_peers: Checkout) -> None:
    checkout_with_peers.make("bench-peers", TINY)
    found = json.loads((checkout_with_peers.folder / "figures.json").read_text())
    assert [list(figure["ratios"]) for figure in found["figures"]] == [["PocketBase", "django-ninja"]] * 3


def test_bench_growth_measures_both_sizes(checkout: Checkout) -> None:
    checkout.make("bench-growth", TINY)
    found = json.loads((checkout.folder / "figures.json").read_text())
    assert len(found["rows"]) > 20
    assert (checkout.folder / ".fa-bench" / "tiny" / "growth-plans.txt").stat().st_size > 0


@pytest.mark.skipif("CI" not in os.environ, reason="it asks the package indexes")
def test_lock_keeps_the_versions_there_are(checkout: Checkout) -> None:
    from_debian("npm", "npm")
    before = pins(checkout)
    checkout.make("lock")
    assert pins(checkout) == before


def test_clean_removes_caches_and_keeps_data(checkout: Checkout) -> None:
    caches = [checkout.folder / name for name in (".mypy_cache", "app/__pycache__", "tests/contract/node_modules")]
    data = checkout.folder / ".fa-data"
    for folder in (*caches, data):
        folder.mkdir()
    checkout.make("clean")
    assert [folder for folder in caches if folder.exists()] == []
    assert data.exists()
    assert (checkout.folder / ".venv" / "bin").exists()
