"""What a migration does to a database in use: squawk reads the SQL of each one.

A migration that an older release would not survive, or that holds a lock for long, fails here. The migrations before
the first release ran on no database of a user, so what they do is listed; a later one is listed only with its reason.
"""

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REVISIONS = sorted(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))
SECONDS = 600

# Alembic begins and ends the transaction. Bounded texts and 32-bit counters are decisions of the schema.
EVERYWHERE = "transaction-nesting,prefer-text-field,prefer-bigint-over-int"

BEFORE_THE_FIRST_RELEASE = {
    "0003": {"adding-field-with-default", "require-concurrent-index-creation"},
    "0004": {
        "ban-drop-column",
        "ban-drop-constraint",
        "ban-drop-default",
        "ban-drop-not-null",
        "constraint-missing-not-valid",
    },
    "0006": {"ban-drop-column", "ban-drop-function"},
    "0008": {"require-concurrent-index-creation"},
    "0009": {"ban-drop-constraint", "constraint-missing-not-valid", "disallowed-unique-constraint"},
}


def sql_of(revision: str) -> str:
    """Return the SQL of one migration."""
    former = f"{int(revision) - 1:04d}"
    span = revision if revision == REVISIONS[0] else f"{former}:{revision}"
    command: list[str | Path] = [Path(sysconfig.get_path("scripts")) / "alembic", "upgrade", span, "--sql"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=SECONDS).stdout  # noqa: S603


def rules_broken_by(sql: str, folder: Path) -> set[str]:
    """Return the names of squawk's rules that some SQL breaks."""
    file = folder / "migration.sql"
    file.write_text(sql, encoding="utf-8")
    command: list[str | Path] = [
        Path(sysconfig.get_path("scripts")) / "squawk",
        "--pg-version",
        "15",
        "--reporter",
        "json",
    ]
    options: list[str | Path] = ["--assume-in-transaction", "--exclude", EVERYWHERE, file]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=SECONDS)  # noqa: S603
    return {found["rule_name"] for found in json.loads(done.stdout)}


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_migration_is_safe_while_the_service_runs(revision: str, tmp_path: Path) -> None:
    assert rules_broken_by(sql_of(revision), tmp_path) == BEFORE_THE_FIRST_RELEASE.get(revision, set())


def test_squawk_sees_a_column_that_an_older_release_still_reads(tmp_path: Path) -> None:
    assert "ban-drop-column" in rules_broken_by("ALTER TABLE people DROP COLUMN name;", tmp_path)
