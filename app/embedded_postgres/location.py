"""Where the cluster of a data directory lies, and whether it is the one that was there before.

A data directory records its cluster in two files: `postgres.location` names the folder that holds the cluster, where
that is not the data directory itself, and `postgres.identity` holds the cluster's system identifier. A start that does
not find the recorded cluster is refused. A new cluster is made only where nothing is recorded and nothing lies.
"""

import os
import stat
import sys
import tempfile
from pathlib import Path

from app.embedded_postgres.host import Account, EmbeddedPostgresError, make_folder, sync_folder

ROOT_HOMES = Path("/var/lib/fa-readiness")
LOCATION, IDENTITY = "postgres.location", "postgres.identity"
_BACK_REFERENCE = "data-dir"


def choose_home(data_dir: Path, account: Account) -> Path:
    """Return the folder that holds the cluster: the data directory or, where the account cannot live there, a stand-in.

    The stand-in is a new folder under `/var/lib/fa-readiness`. The data directory records it in
    `postgres.location`, and the stand-in names its data directory in `data-dir`.

    Raises:
        EmbeddedPostgresError: there is a cluster already, and it cannot be used from here.
    """
    pointer = data_dir / LOCATION
    if pointer.exists():
        return _recorded_home(pointer, account)
    if account.is_ours:
        return data_dir
    if (owner := data_dir.stat().st_uid) != 0 and (data_dir / "postgres").exists():
        raise EmbeddedPostgresError(f"the database in {data_dir} was made by user id {owner}: run as that user")
    if (data_dir / "postgres" / "data").exists():
        _check_existing(data_dir, account)
        return data_dir
    if _only_root_writes(data_dir) and account.reaches([data_dir]):
        return data_dir
    if (data_dir / IDENTITY).exists():
        raise EmbeddedPostgresError(_missing(data_dir, data_dir / "postgres" / "data"))
    return _make_home(data_dir, account)


def check_identity(data_dir: Path, cluster_data: Path) -> None:
    """Refuse a missing cluster, or another one in the place of the recorded one.

    Raises:
        EmbeddedPostgresError: the record and the cluster differ.
    """
    record = data_dir / IDENTITY
    if not record.exists():
        return
    if not cluster_data.exists():
        raise EmbeddedPostgresError(_missing(data_dir, cluster_data))
    if (found := _system_identifier(cluster_data)) and found != record.read_text(encoding="ascii").strip():
        raise EmbeddedPostgresError(
            f"the database in {cluster_data} is not the one that {record} records: "
            f"put that one back, or remove {record} to use this one"
        )


def record_identity(data_dir: Path, cluster_data: Path) -> None:
    """Record the cluster, once it exists."""
    record, found = data_dir / IDENTITY, _system_identifier(cluster_data)
    if record.exists() or not found:
        return
    descriptor, partial = tempfile.mkstemp(prefix=f".{IDENTITY}-", dir=data_dir)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{found}\n")
        file.flush()
        os.fsync(descriptor)
    Path(partial).rename(record)
    sync_folder(data_dir)


def _system_identifier(cluster_data: Path) -> str | None:
    """Return the first eight bytes of PostgreSQL's control file, as pg_controldata shows them, or None if damaged."""
    try:
        with (cluster_data / "global" / "pg_control").open("rb") as file:
            first = file.read(8)
    except OSError:
        return None
    return str(int.from_bytes(first, sys.byteorder)) if len(first) == 8 else None


def _missing(data_dir: Path, cluster_data: Path) -> str:
    return (
        f"the database of {data_dir} is missing: {cluster_data} does not exist. "
        f"Put it back, or remove {data_dir / IDENTITY} to start empty"
    )


def _check_existing(data_dir: Path, account: Account) -> None:
    """Refuse a cluster in the data directory that the account cannot use any more."""
    if not account.reaches([data_dir, data_dir / "postgres"]):
        raise EmbeddedPostgresError(
            f"the database in {data_dir} cannot be reached by the account {account.name}, which runs PostgreSQL: "
            "let that account enter the folder and those above it (chmod o+x), or move the data directory"
        )
    if not _only_root_writes(data_dir):
        raise EmbeddedPostgresError(
            f"another account could replace the database in {data_dir}: let only root write to the folders above it"
        )


def _make_home(data_dir: Path, account: Account) -> Path:
    if not ROOT_HOMES.exists():
        make_folder(ROOT_HOMES, 0o755)
    home = Path(tempfile.mkdtemp(prefix=f"{data_dir.name.strip('.')[:32]}-", dir=ROOT_HOMES))
    home.chmod(0o711)
    if not (_only_root_writes(home) and account.reaches([home])):
        home.rmdir()
        raise EmbeddedPostgresError(
            f"the account {account.name}, which is to run PostgreSQL, cannot reach {ROOT_HOMES}"
        )
    (home / _BACK_REFERENCE).write_bytes(os.fsencode(data_dir) + b"\n")
    with (data_dir / LOCATION).open("xb") as file:
        file.write(os.fsencode(home) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(data_dir)
    sync_folder(ROOT_HOMES)
    return home


def _recorded_home(pointer: Path, account: Account) -> Path:
    home = Path(os.fsdecode(pointer.read_bytes().strip()))
    if os.geteuid() != 0:
        raise EmbeddedPostgresError(f"the database of {pointer.parent} was made by root: run as root")
    if home.parent != ROOT_HOMES or not home.is_dir() or not _only_root_writes(home):
        raise EmbeddedPostgresError(
            f"{pointer} names no folder of {ROOT_HOMES}: put the database back there, or remove that file and "
            f"{pointer.with_name(IDENTITY)} to start empty"
        )
    reference = home / _BACK_REFERENCE
    belongs_to = Path(os.fsdecode(reference.read_bytes().rstrip(b"\n"))) if reference.exists() else None
    if belongs_to != pointer.parent:
        raise EmbeddedPostgresError(
            f"the database in {home} belongs to {belongs_to or 'no data directory'}, and {pointer.parent} is a copy of "
            f"it or was moved: for a copy, remove {pointer} and {pointer.with_name(IDENTITY)} to start empty; "
            f"after a move, write the new path into {reference}"
        )
    if not account.reaches([home]):
        raise EmbeddedPostgresError(
            f"the account {account.name}, which runs PostgreSQL, cannot reach the database in {home}: "
            "let it enter that folder and those above it (chmod o+x)"
        )
    return home


def _only_root_writes(folder: Path) -> bool:
    """Return whether only root can replace this folder. A sticky parent such as /tmp is fine."""
    for path in (folder, *folder.parents):
        mode = path.lstat()
        if mode.st_uid != 0 or stat.S_ISLNK(mode.st_mode):
            return False
        if path != folder and mode.st_mode & stat.S_ISVTX:
            continue
        if mode.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return False
    return True
