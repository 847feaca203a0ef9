"""What is measured: each read against the framework's ceiling and against pgbench, a write, more routes, memory."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from statistics import median
from uuid import UUID

from tests.bench.data import CYCLE, IN_CONSENSUS, id_in_sql, id_of
from tests.bench.load import Load, Sample, Target, drive
from tests.bench.place import Place
from tests.bench.processes import Server, service, worker
from tests.bench.rounds import PGBENCH, Figure, run
from tests.bench.statements import STATEMENTS, Statement, observed, pgbench, script, statements

MORE_ROUTES = 65
_MOST_IDS = 4_000
_SAMPLED = 20
_INSERT = re.compile(r"INSERT INTO action_items \([^)]*\) VALUES \([^)]*\)")
_TITLE = "Made by the benchmark and removed after it"


@dataclass(frozen=True)
class Read:
    """One read that is measured.

    Args:
        key: what other modules find it by.
        path: with `{}` where an id goes.
        goals: the ratio to the constant answer below which no change may bring it, and the one worth work.
        ids: of the things to read, in the order they are asked for.
        number: a pgbench expression of the number of one of them, in `table`.
    """

    key: str
    name: str
    path: str
    goals: tuple[float, float]
    table: str = ""
    ids: Sequence[UUID] = ()
    number: str = ""

    @property
    def paths(self) -> list[str]:
        """What to ask for."""
        return [self.path.format(one) for one in self.ids] or [self.path]


@dataclass
class Known:
    """What was found out of a read before it is measured: the size of its answer, and pgbench's script of its SQL."""

    body_bytes: int
    script: str


def reads(place: Place) -> list[Read]:
    """Return all measured reads."""
    sizes = place.data.sizes
    chance = Random(1)  # the same ids every time
    items = [id_of("action_items", chance.randrange(sizes.items)) for _ in range(_MOST_IDS)]
    cycles = max(1, sizes.assessments // CYCLE)
    chosen = [chance.randrange(cycles) * CYCLE for _ in range(_MOST_IDS)]
    waiting = [id_of("assessments", number + IN_CONSENSUS[0]) for number in chosen]
    final = [id_of("assessments", number) for number in chosen]
    in_cycles = f"{CYCLE} * random(0, {cycles - 1})"
    readiness = "/v1/assessments/{}/readiness"
    page = f"page of 50 of {sizes.items:,}"
    return [
        Read("item", "action item by id", "/v1/action-items/{}", (0.75, 0.9), "action_items", items,
             f"random(0, {sizes.items - 1})"),
        Read("items", f"{page} action items", "/v1/action-items?limit=50", (0.4, 0.6)),
        Read("items_by_due_date", f"{page} action items, sort=due_on", "/v1/action-items?limit=50&sort=due_on",
             (0.4, 0.6)),
        Read("assessment", "assessment by id", "/v1/assessments/{}", (0.75, 0.9), "assessments", final, in_cycles),
        Read("provisional", "readiness of 9 x 5 votes, provisional", readiness, (0.25, 0.4), "assessments", waiting,
             f"{in_cycles} + {IN_CONSENSUS[0]}"),
        Read("final", "readiness of 9 x 5 votes, final", readiness, (0.25, 0.4), "assessments", final, in_cycles),
        Read("summary", "readiness of 9 x 5 votes, view=summary", f"{readiness}?view=summary", (0.25, 0.4),
             "assessments", final, in_cycles),
    ]  # fmt: skip


def new_item(place: Place) -> str:
    """Return the body of the measured POST."""
    return json.dumps(
        {
            "organization_id": str(place.data.county.id),
            "practices": ["P1", "P4"],
            "title": _TITLE,
            "owner_id": str(id_of("people", 0)),
            "due_on": "2030-01-31",
            "effort": "medium",
        }
    )


async def know(place: Place, chosen: Sequence[Read]) -> tuple[list[Known], str]:
    """Ask everything once: what is known of the reads, and pgbench's script of the INSERT behind the POST."""
    found, key = [], place.keys.admin
    async with observed(place, STATEMENTS) as observer:
        await observer.ask("/v1/me", key=key)
        for read in chosen:
            sizes = [len(await observer.ask(path, key=key)) for path in read.paths[:_SAMPLED]]
            _, entries = await observer.watch(read.paths[0], key=key)
            found.append(Known(int(median(sizes)), _script_of(read, statements(entries))))
        made, entries = await observer.watch("/v1/action-items", key=key, body=new_item(place))
    # It is part of a statement that writes everything else too.
    [insert] = [replace(one, sql=part[0]) for one in statements(entries) for part in _INSERT.finditer(one.sql)]
    return found, script([insert], {json.loads(made)["id"]: "gen_random_uuid()"})


def _script_of(read: Read, found: Sequence[Statement]) -> str:
    if not read.ids:
        return script(found, {})
    new = {str(read.ids[0]): id_in_sql(read.table, ":number")}
    return f"\\set number {read.number}\n{script(found, new)}"


async def remove_made(place: Place) -> None:
    """Remove what the POSTs and INSERTs of a run left behind."""
    mine = "in (select id from action_items where title = $1)"
    below = {"action_item_changes": "action_item_id", "outbox_events": "subject_id", "audit_events": "subject_id"}
    async with place.superuser() as connection:
        await connection.execute("set session_replication_role = replica")
        for table, column in below.items():
            await connection.execute(f"delete from {table} where {column} {mine}", _TITLE)
        await connection.execute("delete from action_items where title = $1", _TITLE)
        await connection.execute("delete from idempotency_keys")
        for table in ("action_items", "idempotency_keys", *below):
            await connection.execute(f"vacuum (analyze) {table}")
        await connection.execute("checkpoint")


@dataclass
class Memory:
    """Proportional set size of the service in megabytes, before the rounds and after them."""

    warm: float
    loaded: float


def measure(place: Place, load: Load, *, rounds: int, transactions: int = 0) -> tuple[list[Figure], Memory]:
    """Measure everything but the start.

    Args:
        transactions: of each of pgbench's connections; 0: as many as the load's seconds allow.
    """
    chosen = reads(place)
    known, insert = asyncio.run(know(place, chosen))
    bare = partial(pgbench, place, load=load, transactions=transactions)
    try:
        with ExitStack() as stack:
            ours = stack.enter_context(service(**place.settings))
            constants = stack.enter_context(worker("constants", *(facts.body_bytes for facts in known)))
            crowded = stack.enter_context(worker("routes", MORE_ROUTES, **place.settings))
            figures = []
            for number, (read, facts) in enumerate(zip(chosen, known, strict=True)):
                sides = {
                    "ours": partial(drive, asked(place, ours, read.paths), load),
                    "constant": partial(drive, Target(constants, [f"/{number}"]), load),
                    PGBENCH: partial(bare, facts.script),
                }
                figures.append(Figure(read.name, sides, {"constant": read.goals}, {"ours": facts.body_bytes}))
            figures.append(_post(place, load, ours, partial(bare, insert)))
            figures += _more_routes(place, load, chosen[0], crowded, ours)
            for figure in figures:
                next(iter(figure.sides.values()))()
            warm = ours.pss()
            run(figures, rounds)
            return figures, Memory(warm, ours.pss())
    finally:
        asyncio.run(remove_made(place))


def asked(place: Place, server: Server, paths: Sequence[str]) -> Target:
    """These reads, as the tenant's admin."""
    return Target(server, paths, {"Authorization": f"Bearer {place.keys.admin}"})


def _post(place: Place, load: Load, ours: Server, insert: Callable[[], Sample]) -> Figure:
    headers = {"Authorization": f"Bearer {place.keys.admin}", "Idempotency-Key": "{unique}"}
    post = Target(ours, ["/v1/action-items"], headers, new_item(place), status=201)
    bare = "bare INSERT by pgbench"
    return Figure(
        "keyed POST of an action item", {"ours": partial(drive, post, load), bare: insert}, {bare: (0.17, 0.25)}
    )


def _more_routes(place: Place, load: Load, read: Read, crowded: Server, ours: Server) -> list[Figure]:
    names = f"with {MORE_ROUTES} more routes", "without"
    # The index should take no notice of more routes, and a POST that is refused for want of a key does little else than
    # to be found.
    targets = {
        read.name: [asked(place, server, read.paths) for server in (crowded, ours)],
        "POST refused": [Target(server, ["/v1/action-items"], {}, new_item(place), 401) for server in (crowded, ours)],
    }
    return [
        Figure(
            f"{what} {names[0]}",
            {name: partial(drive, target, load) for name, target in zip(names, both, strict=True)},
            {names[1]: (0.9, 1.0)},
        )
        for what, both in targets.items()
    ]
