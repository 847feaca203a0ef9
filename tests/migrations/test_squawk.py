"""What a migration does to a database in use: squawk reads the SQL of each one.

A migration that an older release would not survive, or that holds a lock for long, fails here. The migrations before
the first release ran on no database of a user, so what they do is listed; a later one is listed only with its reason.
"""

import json
import re
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

import pytest

from tests.support.tools import ROOT, run

SCRIPTS = Path(sysconfig.get_path("scripts"))
MIGRATIONS = sorted(path.stem for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))
SECONDS = 600

# Alembic begins and ends the transaction. Bounded texts and 32-bit counters are decisions of the schema.
EVERYWHERE = "transaction-nesting,ban-uncommitted-transaction,prefer-text-field,prefer-bigint-over-int"

BEFORE_THE_FIRST_RELEASE = {
    "rendered_action_items": {"adding-field-with-default", "require-concurrent-index-creation"},
    "organization_places": {
        "ban-drop-column",
        "ban-drop-constraint",
        "ban-drop-default",
        "ban-drop-not-null",
        "constraint-missing-not-valid",
    },
    "action_item_history": {"ban-drop-column", "ban-drop-function"},
    # Webhooks came after the last release, so their log is empty where this runs.
    "webhook_logs": {"ban-drop-constraint", "require-concurrent-index-creation"},
    # Calendar feeds came after the last release, so there are none where this runs.
    "calendar_owners": {
        "adding-foreign-key-constraint",
        "constraint-missing-not-valid",
        "require-concurrent-index-creation",
    },
    # A tenant has few keys, so that the checks and the indexes take no time.
    "key_makers": {
        "adding-foreign-key-constraint",
        "constraint-missing-not-valid",
        "require-concurrent-index-creation",
    },
    # Metrics came after the last release, so no older one reads a figure without a principal.
    "metrics_of_operators": {"ban-drop-not-null"},
    "unowned_action_items": {"require-concurrent-index-creation"},
    "seat_claims": {"ban-drop-constraint", "constraint-missing-not-valid", "disallowed-unique-constraint"},
    "audit_trail": {"ban-drop-not-null", "require-concurrent-index-creation"},
    "employment": {
        "adding-foreign-key-constraint",
        "constraint-missing-not-valid",
        "require-concurrent-index-creation",
    },
    "keys_and_grants_with_terms": {
        "adding-foreign-key-constraint",
        "constraint-missing-not-valid",
        "require-concurrent-index-creation",
    },
}


@cache
def sql_by_revision() -> dict[str, str]:
    """Return the SQL of each migration, as Alembic would run it."""
    done = run([SCRIPTS / "alembic", "upgrade", "head", "--sql"], seconds=SECONDS, errors=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    begin, *parts = re.split(r"^-- Running upgrade .*-> (\d+)$", done.stdout, flags=re.MULTILINE)
    return {revision: begin + sql for revision, sql in zip(parts[::2], parts[1::2], strict=True)}


def rules_broken_by(sql: str, folder: Path) -> set[str]:
    """Return the names of squawk's rules that some SQL breaks."""
    file = folder / "migration.sql"
    file.write_text(sql, encoding="utf-8")
    options = ["--pg-version", "15", "--reporter", "json", "--assume-in-transaction", "--exclude", EVERYWHERE]
    done = run([SCRIPTS / "squawk", *options, file], seconds=SECONDS, errors=subprocess.PIPE)
    return {found["rule_name"] for found in json.loads(done.stdout)}


@pytest.mark.parametrize("migration", MIGRATIONS)
def test_a_migration_is_safe_while_the_service_runs(migration: str, tmp_path: Path) -> None:
    expected = BEFORE_THE_FIRST_RELEASE.get(migration.partition("_")[2], set())
    assert rules_broken_by(sql_by_revision()[migration[:4]], tmp_path) == expected


def test_squawk_sees_a_column_that_an_older_release_still_reads(tmp_path: Path) -> None:
    assert "ban-drop-column" in rules_broken_by("ALTER TABLE people DROP COLUMN name;", tmp_path)
