"""Restoring a backup: all of it in one transaction, or none of it."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

from app.backup.contents import Contents
from app.backup.dump import check_archive
from app.backup.programs import client_environment, run_client
from app.db.base import metadata
from app.embedded_postgres.host import complaint
from app.errors import OperatorError

_TABLE = re.compile(r"^\d+; \d+ \d+ TABLE public (\w+) ", re.MULTILINE)
_SCHEMA = re.compile(r"^\d+; \d+ \d+ (?:SCHEMA - public|COMMENT - SCHEMA public) ")
_REVISION = re.compile(r"^COPY public\.alembic_version \(version_num\) FROM stdin;\n(\w+)\n\\\.$", re.MULTILINE)
_HEAD_BYTES = 65_536

# What an extension brought along stays. Everything else in the schema is the service's.
_BEGIN = """
begin;
set local lock_timeout = '30s';
set local client_min_messages = warning;
"""
# Somebody may have made a tenant since the database was looked at.
_KEEP_TENANTS = """
do $keep$
begin
  if to_regclass('public.tenants') is not null then
    lock table public.tenants in access exclusive mode;
    if exists (select from public.tenants) then
      raise 'the database holds a tenant by now';
    end if;
  end if;
end
$keep$;
"""
_CLEAR = """
do $clear$
declare one record;
begin
  for one in
    select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                          when 'f' then 'foreign table' else 'table' end as kind,
           format('%I.%I', 'public', c.relname) as name
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
      and not exists (select from pg_depend d
                      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    union all
    select 'routine', p.oid::regprocedure::text from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend d
                      where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    -- Sorted, so that all are named before the first is dropped: a routine that goes with its table has no name then.
    order by kind, name
  loop
    execute format('drop %s if exists %s cascade', one.kind, one.name);
  end loop;
end
$clear$;
"""


def check_backup(file: Path, programs: Path, revisions: Collection[str]) -> str:
    """Check that a file is a whole backup that this release can take.

    Args:
        programs: the folder of pg_restore.
        revisions: what this release can migrate from.

    Returns:
        The backup's revision.

    Raises:
        OperatorError: it is not.
    """
    if not file.is_file():
        raise OperatorError(f"{file} is no file.")
    listed = _read(programs, file, "--list")
    if not {"alembic_version", "tenants"} <= set(_TABLE.findall(listed)):
        raise OperatorError(f"{file} is no backup of this service.")
    check_archive(file, programs)
    found = _REVISION.search(_read(programs, file, "--data-only", "--table=alembic_version", "--file=-"))
    if found is None:
        raise OperatorError(f"{file} is no backup of this service: it names no revision.")
    if found[1] not in revisions:
        raise OperatorError(f"{file} was made by a newer release than this one.")
    return found[1]


def check_target(contents: Contents, *, replace: bool) -> None:
    """Check that a database may be filled.

    Args:
        replace: tenants that are there may be removed.

    Raises:
        OperatorError: it holds something that would be lost.
    """
    if contents.tables - {"alembic_version"} and not contents.is_ours:
        raise OperatorError("The database holds tables of another application: name another database.")
    if replace:
        return
    if contents.tenants:
        raise OperatorError(
            f"The database holds {contents.tenants} tenant{'s' if contents.tenants > 1 else ''}, who would be lost: "
            "back it up, then restore with --replace."
        )
    if contents.tables - {*metadata.tables, "alembic_version"}:
        raise OperatorError("The database holds other tables too, which would be lost: restore with --replace.")


def fill(url: str, file: Path, programs: Path, contents: Contents, *, replace: bool) -> None:
    """Replace everything in the schema public by the backup, in one transaction.

    Args:
        url: the owner's login.
        file: a checked backup.
        programs: the folder of pg_restore and psql.
        contents: what the database holds.
        replace: tenants that are there may be removed.

    Raises:
        OperatorError: a program failed; the database is as it was.
    """
    with tempfile.NamedTemporaryFile("w+", suffix=".list") as entries, tempfile.TemporaryFile("w+b") as errors:
        retained = [line for line in _read(programs, file, "--list").splitlines() if not _SCHEMA.match(line)]
        entries.write("\n".join(retained) + "\n")
        entries.flush()
        command = [str(programs / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
        with subprocess.Popen(  # noqa: S603 - our own command
            command,
            env=client_environment(url, programs) | {"LC_ALL": "C"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as psql:
            assert psql.stdin is not None  # noqa: S101  # a pipe, as asked for above
            before = _BEGIN + ("" if replace else _KEEP_TENANTS) + _CLEAR
            failure = _send(before, _script(programs, file, Path(entries.name)), psql.stdin, contents.server_major)
        if psql.returncode != 0:
            errors.seek(0)
            failure = complaint(errors.read().decode(errors="replace"))
        if failure is not None:
            raise OperatorError(f"The restore failed, and the database is as it was: {failure}")


def _script(programs: Path, file: Path, entries: Path) -> list[str]:
    options = ["--no-owner", "--no-privileges", f"--use-list={entries}", "--file=-"]
    return [str(programs / "pg_restore"), *options, str(file)]


def _send(before: str, script: list[str], psql: IO[bytes], server_major: int) -> str | None:
    """Send psql what a command prints; what ends without `commit` is rolled back.

    Returns:
        What the command complained of, None if it succeeded.
    """
    with (
        tempfile.TemporaryFile("w+b") as errors,
        subprocess.Popen(script, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as printing,  # noqa: S603
    ):
        assert printing.stdout is not None  # noqa: S101  # a pipe, as asked for above
        try:
            psql.write(before.encode())
            psql.write(_understood(printing.stdout.read(_HEAD_BYTES), server_major))
            shutil.copyfileobj(printing.stdout, psql)
            if printing.wait() == 0:
                psql.write(b"\ncommit;\n")
            psql.close()
        except BrokenPipeError:
            # psql ended at an error, and says which.
            printing.terminate()
            return None
        errors.seek(0)
        return None if printing.returncode == 0 else complaint(errors.read().decode(errors="replace"))


def _understood(head: bytes, server_major: int) -> bytes:
    """Remove from the beginning of a script the one setting that older servers do not know."""
    return head if server_major >= 17 else head.replace(b"SET transaction_timeout = 0;\n", b"", 1)


def _read(programs: Path, file: Path, *options: str) -> str:
    return run_client(["pg_restore", *options, str(file)], programs, f"{file} is no backup of this service")
