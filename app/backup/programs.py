"""PostgreSQL's client programs, and the environment that leads them to one database and no other."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from app.embedded_postgres.host import EmbeddedPostgresError, complaint, find_programs
from app.errors import OperatorError

_NEEDED = ("pg_dump", "pg_restore", "psql")
_INSTALLED = Path("/usr/lib/postgresql")
# What proves who calls may come from the surroundings, as it does for the service itself; what chooses a server or a
# database may not.
_CREDENTIALS = re.compile(r"PGPASSWORD|PGPASSFILE|PGSSL\w+|PGGSS\w+|PGKRB\w+")
_PARAMETERS = {
    "application_name": "PGAPPNAME",
    "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "dbname": "PGDATABASE",
    "gssencmode": "PGGSSENCMODE",
    "host": "PGHOST",
    "options": "PGOPTIONS",
    "passfile": "PGPASSFILE",
    "password": "PGPASSWORD",
    "port": "PGPORT",
    "sslcert": "PGSSLCERT",
    "sslcrl": "PGSSLCRL",
    "sslkey": "PGSSLKEY",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "user": "PGUSER",
}


def client_environment(url: str, programs: Path | None) -> dict[str, str]:
    """Return this process's environment with the variables that lead a client program to a database.

    The URL stays out of the command line, where every account of the machine could read its password.

    Args:
        url: a login, as `postgresql://…`.
        programs: the folder that comes first on PATH, if any.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG") or _CREDENTIALS.match(name)}
    path = os.pathsep.join([*([str(programs)] if programs else []), env.get("PATH", os.defpath)])
    return env | _from_url(url) | {"PATH": path}


def _from_url(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    login, _, places = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    hosts, ports = [], []
    for place in filter(None, places.split(",")):
        host, _, port = place.rpartition(":") if re.search(r":\d*$", place) else (place, "", "")
        hosts.append(unquote(host.strip("[]")))
        ports.append(port or "5432")
    found = {
        "PGHOST": ",".join(hosts),
        "PGPORT": ",".join(ports),
        "PGUSER": unquote(user),
        "PGPASSWORD": unquote(password),
        "PGDATABASE": unquote(parts.path.removeprefix("/")),
    }
    given = {_PARAMETERS[name]: value for name, value in parse_qsl(parts.query) if name in _PARAMETERS}
    return {name: value for name, value in found.items() if value} | given


def run_client(command: list[str], programs: Path, failure: str, *, env: dict[str, str] | None = None) -> str:
    """Run a client program to its end, and return what it printed.

    Args:
        command: the program's name and its arguments.
        programs: the folder of the client programs.
        failure: what to say before the program's complaint if it fails.
        env: the environment, if it is another than this process's.

    Raises:
        OperatorError: it failed.
    """
    done = subprocess.run(  # noqa: S603 - our own command
        [str(programs / command[0]), *command[1:]],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise OperatorError(f"{failure}: {complaint(done.stderr)}")
    return done.stdout


def find_clients(bin_dir: Path | None, server_major: int) -> Path:
    """Return the folder with the client programs that suit a server best: of its version, or of the next newer one.

    Args:
        bin_dir: FA_POSTGRES_BIN.
        server_major: the server's major version.

    Raises:
        OperatorError: none is new enough.
    """
    found = [(version, folder) for folder in _folders(bin_dir) if (version := _version(folder)) >= server_major]
    if not found:
        raise OperatorError(
            f"No pg_dump, pg_restore and psql for PostgreSQL {server_major} were found: install its client programs, "
            "or set FA_POSTGRES_BIN to their folder."
        )
    return min(found, key=lambda one: one[0])[1]


def _folders(bin_dir: Path | None) -> Iterator[Path]:
    """List the folders that may hold client programs, the preferred one first."""
    if bin_dir is not None:
        yield bin_dir.absolute()
    with suppress(EmbeddedPostgresError):
        yield find_programs(None)
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).parent
    yield from sorted(_INSTALLED.glob("*/bin"))


def _version(folder: Path) -> int:
    """Return the major version of a folder's client programs, or 0 if some are missing."""
    if not all(os.access(folder / name, os.X_OK) for name in _NEEDED):
        return 0
    command = [str(folder / "pg_dump"), "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - found above
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(found[1]) if found else 0
