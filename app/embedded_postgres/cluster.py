"""A cluster of the embedded PostgreSQL: making it, configuring it, and its two roles."""

import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.embedded_postgres.host import Account, EmbeddedPostgresError, ServerLog, complaint, environment, sync_folder

DATABASE = "fa_readiness"
PORT = 5432
PID_FILE = "postmaster.pid"
OWNER, APP, SUPERUSER = "fa_owner", "fa_app", "postgres"

# Passed on the command line, so that neither postgresql.conf nor ALTER SYSTEM can override them. Statements that
# fail are not logged: the service reports them, and their text can carry what people typed.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "64MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "log",
    "log_checkpoints": "off",
    "cluster_name": "fa-readiness",
}

_PROVISION = f"""
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['{OWNER}', '{APP}']) AS name
 WHERE name NOT IN (SELECT rolname FROM pg_roles) \\gexec
ALTER ROLE {OWNER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE {APP} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
SELECT 'CREATE DATABASE {DATABASE} OWNER {OWNER}'
 WHERE '{DATABASE}' NOT IN (SELECT datname FROM pg_database) \\gexec
ALTER DATABASE {DATABASE} OWNER TO {OWNER};
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC, {APP};
GRANT CONNECT ON DATABASE {DATABASE} TO {APP};
\\connect {DATABASE}
ALTER SCHEMA public OWNER TO {OWNER};
REVOKE ALL ON SCHEMA public FROM PUBLIC, {APP};
GRANT USAGE ON SCHEMA public TO {APP};
"""  # noqa: S608 - every name in it is a constant of this module


@dataclass(frozen=True)
class Cluster:
    """The files of one PostgreSQL cluster: `data` is PostgreSQL's own, the rest of `base` is ours."""

    base: Path
    programs: Path
    major: int
    account: Account

    @property
    def data(self) -> Path:
        return self.base / "data"

    def create_or_check(self, log: ServerLog, lock: int) -> None:
        """Make the cluster where there is none; refuse one of another version or another account.

        Args:
            log: where the output of initdb goes.
            lock: descriptor whose lock initdb inherits, so that no other server starts while initdb runs.
        """
        for leftover in self.base.glob("initdb-*"):
            shutil.rmtree(leftover)
        if not self.data.exists():
            self._create(log, lock)
        self._check()

    def _create(self, log: ServerLog, lock: int) -> None:
        partial = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.base))
        self.account.own(partial)
        command = [str(self.programs / "initdb"), "-D", str(partial), "--username", SUPERUSER, "--no-instructions"]
        command += ["--auth-local=peer", "--auth-host=reject", "--data-checksums", "--encoding=UTF8"]
        if self.major >= 17:
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            command += ["--locale=C.UTF-8"]
        made = subprocess.run(  # noqa: S603 - the command is ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=log.descriptor,
            stderr=log.descriptor,
            env=environment(),
            cwd="/",
            pass_fds=[lock],
            check=False,
            **self.account.process_user(),
        )
        if made.returncode != 0:
            shutil.rmtree(partial)
            raise EmbeddedPostgresError(f"PostgreSQL's initdb failed in {self.base}: {log.complaint()}")
        partial.rename(self.data)
        for folder in (self.base, self.base.parent):
            sync_folder(folder)

    def _check(self) -> None:
        try:
            version = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise EmbeddedPostgresError(f"{self.data} is not a PostgreSQL data directory") from None
        if version != str(self.major):
            raise EmbeddedPostgresError(self._other_version(version))
        if (owner := self.data.stat().st_uid) != self.account.uid:
            raise EmbeddedPostgresError(
                f"{self.data} belongs to user id {owner}, and PostgreSQL would run as {self.account.name}"
            )

    def _other_version(self, version: str) -> str:
        move = shlex.join(["mv", str(self.data), f"{self.data}-{version}"])
        return (
            f"{self.data} was written by PostgreSQL {version} and this is {self.major}. "
            f"Run `FA_POSTGRES_BIN=<bin folder of PostgreSQL {version}> fa-readiness backup fa.dump`, then `{move}`, "
            f"remove postgres.identity from the data directory, and run `fa-readiness restore fa.dump`"
        )

    def write_access_rules(self, service: str) -> None:
        """Let in the account of this service, over the socket, and nobody else."""
        name = service.replace('"', '""')
        rules = "# Written at every start of the service.\nlocal all all peer map=fa\n"
        names = "".join(f'fa "{name}" {role}\n' for role in (SUPERUSER, OWNER, APP))
        for path, text in ((self.hba_file, rules), (self.ident_file, f"# Written at every start.\n{names}")):
            path.write_text(text, encoding="utf-8")
            path.chmod(0o644)

    @property
    def hba_file(self) -> Path:
        return self.base / "pg_hba.conf"

    @property
    def ident_file(self) -> Path:
        return self.base / "pg_ident.conf"

    def server_command(self, socket_dir: Path) -> list[str]:
        quoted = str(socket_dir).replace('"', '""')
        settings = SETTINGS | {
            "port": str(PORT),
            "unix_socket_directories": f'"{quoted}"',
            "hba_file": str(self.hba_file),
            "ident_file": str(self.ident_file),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *options]

    def provision(self, socket_dir: Path) -> None:
        """Bring roles, database and schema privileges to what they must be; safe to repeat."""
        command = [str(self.programs / "psql"), "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", str(socket_dir), "-p", str(PORT), "-U", SUPERUSER, "-d", "postgres"]
        done = subprocess.run(  # noqa: S603 - the command is ours
            command,
            input=_PROVISION,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment(),
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"PostgreSQL's roles could not be set up: {complaint(done.stderr)}")


def postmaster_pid(data: Path) -> int | None:
    """Return the process that runs, or ran until it was killed, on a data directory of PostgreSQL."""
    lines = _pid_lines(data)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def is_ready(data: Path) -> bool:
    """Return whether the server accepts connections: the eighth line of its pid file says so."""
    return [line.strip() for line in _pid_lines(data)[7:]] == [b"ready"]


def _pid_lines(data: Path) -> list[bytes]:
    try:
        return (data / PID_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return []
