"""PocketBase with the same rows: its collections made through its API, their rows written to its SQLite file."""

import json
import secrets
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from tests.bench.data import Data
from tests.bench.place import log
from tests.bench.processes import Server, started

_ADMIN, _USER = "admin@example.org", "user@example.org"
#: Of each collection: fields by type, a relation as the collection it leads to; and what is indexed.
_COLLECTIONS: dict[str, tuple[dict[str, str], list[str]]] = {
    "organizations": ({"name": "text", "kind": "text", "path": "text", "depth": "number"}, []),
    "people": ({"name": "text", "organization_id": "organizations"}, []),
    "assessments": (
        {"title": "text", "state": "text", "administered_on": "date", "organization_id": "organizations"},
        ["organization_id"],
    ),
    "participants": (
        {"seat": "text", "perspective": "text", "label": "text", "assessment_id": "assessments"},
        ["assessment_id"],
    ),
    "votes": (
        {
            "practice": "text",
            "value": "text",
            "round": "number",
            "assessment_id": "assessments",
            "participant_id": "participants",
        },
        ["assessment_id"],
    ),
    "action_items": (
        {
            "organization_id": "organizations",
            "assessment_id": "assessments",
            "practices": "json",
            "title": "text",
            "description": "text",
            "status": "text",
            "owner_id": "people",
            "due_on": "date",
            "effort": "text",
            "expected_level": "number",
            "gap_score": "number",
            "verified_by": "people",
            "done_at": "date",
            "created_at": "date",
            "updated_at": "date",
            "version": "number",
        },
        ["organization_id", "due_on"],
    ),
}


def record_id(row_id: UUID) -> str:
    """PocketBase's fifteen letters and digits for a row's id."""
    return row_id.hex[-15:]


@contextmanager
def pocketbase(program: Path, folder: Path, data: Data) -> Iterator[tuple[Server, str]]:
    """Yield a running PocketBase with the rows, and a user's token. Missing rows are made."""
    marker, made_from = folder / "made-from", Path(__file__).read_text()
    password = secrets.token_hex(16)
    if not marker.exists() or marker.read_text() != made_from:
        shutil.rmtree(folder, ignore_errors=True)
        _run(program, folder, "superuser", "upsert", _ADMIN, password)
        with _serving(program, folder) as server:
            _make_collections(server, password)
        _fill(folder / "data.db", data)
        marker.write_text(made_from)
    _run(program, folder, "superuser", "upsert", _ADMIN, password)
    with _serving(program, folder) as server:
        yield server, _token(server, password)


def _run(program: Path, folder: Path, *arguments: str) -> None:
    command = [str(program), *arguments, "--dir", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command


def _serving(program: Path, folder: Path) -> Any:
    # Asked for any free port, it does not say which it took.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return started([program, "serve", "--http", f"127.0.0.1:{port}", "--dir", folder])


def _client(server: Server, password: str) -> httpx.Client:
    client = httpx.Client(base_url=f"http://127.0.0.1:{server.port}/api/collections")
    asked = {"identity": _ADMIN, "password": password}
    answer = client.post("/_superusers/auth-with-password", json=asked).raise_for_status()
    client.headers["Authorization"] = answer.json()["token"]
    return client


def _make_collections(server: Server, password: str) -> None:
    signed_in = "@request.auth.id != ''"
    made = [
        {
            "id": f"pbc_{name}",
            "name": name,
            "type": "base",
            "listRule": signed_in,
            "viewRule": signed_in,
            "fields": [_field(field, kind) for field, kind in fields.items()],
            "indexes": [f"CREATE INDEX ix_{name}_{field} ON {name} ({field})" for field in indexed],
        }
        for name, (fields, indexed) in _COLLECTIONS.items()
    ]
    with closing(_client(server, password)) as client:
        client.put("/import", json={"collections": made}).raise_for_status()


def _field(name: str, kind: str) -> dict[str, Any]:
    if kind in _COLLECTIONS:
        return {"name": name, "type": "relation", "collectionId": f"pbc_{kind}", "maxSelect": 1}
    return {"name": name, "type": kind}


def _token(server: Server, password: str) -> str:
    with closing(_client(server, password)) as client:
        user = {"email": f"{secrets.token_hex(4)}-{_USER}", "password": password, "passwordConfirm": password}
        client.post("/users/records", json=user).raise_for_status()
        asked = {"identity": user["email"], "password": password}
        token: str = client.post("/users/auth-with-password", json=asked).raise_for_status().json()["token"]
        return token


def _fill(file: Path, data: Data) -> None:
    log("filling PocketBase")
    with closing(sqlite3.connect(file)) as database, database:
        for name, (fields, _) in _COLLECTIONS.items():
            places = ", ".join("?" * (len(fields) + 1))
            rows = ([_value(row.get(field)) for field in ("id", *fields)] for row in getattr(data, name)())
            database.executemany(f"insert into {name} (id, {', '.join(fields)}) values ({places})", rows)
        database.execute("analyze")


def _value(value: Any) -> Any:
    if isinstance(value, UUID):
        return record_id(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.000Z}"
    if isinstance(value, date):
        return f"{value} 00:00:00.000Z"
    if isinstance(value, list):
        return json.dumps(value)
    return "" if value is None else value
