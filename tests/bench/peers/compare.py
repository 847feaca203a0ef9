"""Compares the service with PocketBase and a minimal django-ninja app: three reads of the same rows, in turn."""

import secrets
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from app.embedded_postgres.cluster import APP
from tests.bench.figures import Read, asked, reads
from tests.bench.load import Load, Target, drive
from tests.bench.peers.pocketbase import pocketbase, record_id
from tests.bench.place import Place
from tests.bench.processes import service, started
from tests.bench.rounds import Figure, run

POCKETBASE, NINJA = "PocketBase", "django-ninja"
#: By the key of each read that all three have.
_GOALS: dict[str, dict[str, tuple[float, float]]] = {
    "item": {POCKETBASE: (1.5, 2), NINJA: (8, 8)},
    "items": {POCKETBASE: (4, 6), NINJA: (12, 12)},
    "provisional": {POCKETBASE: (2.4, 3.5), NINJA: (4, 4)},
}


def measure(place: Place, programs: Path, load: Load, *, rounds: int) -> list[Figure]:
    """Measure all three.

    Args:
        programs: the `bin` folder of the peers' own environment.
    """
    chosen = {read.key: read for read in reads(place)}
    pocketbase_paths = _pocketbase_paths(chosen["item"], chosen["provisional"])
    key = secrets.token_hex(16)
    with ExitStack() as stack:
        ours = stack.enter_context(service(**place.settings))
        ninja = stack.enter_context(_ninja(place, programs, key))
        folder = place.data_dir / "pocketbase"
        theirs, token = stack.enter_context(pocketbase(programs / "pocketbase", folder, place.data))
        figures = []
        for name, goals in _GOALS.items():
            read = chosen[name]
            sides = {
                "ours": asked(place, ours, read.paths),
                POCKETBASE: Target(theirs, pocketbase_paths[name], {"Authorization": token}),
                NINJA: Target(ninja, read.paths, {"Authorization": f"Bearer {key}"}),
            }
            drives = {side: partial(drive, target, load) for side, target in sides.items()}
            figures.append(Figure(read.name, drives, goals, {side: _bytes(target) for side, target in sides.items()}))
            for one in drives.values():
                one()
        run(figures, rounds)
        return figures


def _bytes(target: Target) -> int:
    url = f"http://127.0.0.1:{target.server.port}{target.paths[0]}"
    return len(httpx.get(url, headers=target.headers).raise_for_status().content)


def _pocketbase_paths(by_id: Read, readiness: Read) -> dict[str, list[str]]:
    # A page without its total, which would cost it more, and for readiness all that a client needs to compute it: the
    # votes with the seat of each. The service's own answer is computed; the client's work here is not counted.
    records = "/api/collections/{}/records".format
    votes = records("votes") + "?perPage=45&skipTotal=1&expand=participant_id&filter="
    return {
        "item": [f"{records('action_items')}/{record_id(one)}" for one in by_id.ids],
        "items": [f"{records('action_items')}?perPage=50&skipTotal=1"],
        "provisional": [votes + quote(f"assessment_id='{record_id(one)}'") for one in readiness.ids],
    }


def _ninja(place: Place, programs: Path, key: str) -> Any:
    # A worker with two threads answered twice as many requests as uvicorn did with the same app, its views sync or
    # async, and as many as one with one, four or eight.
    address = place.server.address
    settings: dict[str, Any] = {
        "BENCH_KEY": key,
        "BENCH_DATABASE": address.database,
        "BENCH_USER": APP,
        "BENCH_HOST": address.socket_dir,
        "BENCH_PORT": str(address.port),
        "BENCH_TENANT": str(place.data.ground.tenant_id),
    }
    arguments = ["-k", "gthread", "--threads", "2", "-w", "1", "-b", "127.0.0.1:0", "ninja_app:application"]
    return started([programs / "gunicorn", *arguments], cwd=Path(__file__).parent, children=True, **settings)
