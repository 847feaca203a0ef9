"""What ten times the rows cost: the same reads on two databases in turn, and the plans PostgreSQL chose for them.

No read may walk through a table that grows. A tree of depth 50 and very many siblings must answer like any other.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

from tests.bench.data import IN_CONSENSUS, TABLES, Sizes, id_of
from tests.bench.load import Load, Target, drive
from tests.bench.place import Place
from tests.bench.processes import service
from tests.bench.rounds import Figure, Line, run
from tests.bench.statements import PLANS, Plan, observed, plans

LARGE = Sizes(assessments=100_000, items=1_000_000, chain=50, siblings=100_000)
HEAD: Line = ("read", "p50 ms", "p50 ms of ten times as many", "times slower", "SQL ms", "blocks", "walks through")
_GROWING = set(TABLES) - {"programs"}
#: What was only planned, for another caller's sight, walks through nothing.
_WALKS = re.compile(r"Seq Scan on (\w+).*\(actual")
_BLOCKS = re.compile(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?")


@dataclass(frozen=True)
class Question:
    """A read, and whose key it is asked with: see `tests.bench.place.Keys`."""

    name: str
    path: str
    who: str = "admin"


@dataclass(frozen=True)
class Watched:
    """The plans of one read."""

    plans: Sequence[Plan]

    def walks(self) -> set[str]:
        """Return the tables that grow and were walked through."""
        return {table for plan in self.plans for table in _WALKS.findall(plan.text) if table in _GROWING}

    def blocks(self) -> int:
        """Return the number of blocks of 8 kB that were touched."""
        totals = [_BLOCKS.search(plan.text) for plan in self.plans]
        return sum(int(total[1] or 0) + int(total[2] or 0) for total in totals if total)


def questions(place: Place) -> list[Question]:
    """Return what is asked at every size."""
    assessment, items = id_of("assessments", IN_CONSENSUS[0]), "/v1/action-items?limit=50"
    region, owner = place.data.regions[0].id, id_of("people", 7)
    overdue = "overdue=true&as_of=2026-02-01"
    filters = {
        "one organization": f"&organization_id={place.data.county.id}",
        "one status": "&status=blocked",
        "overdue": f"&{overdue}",
        "one owner": f"&owner_id={owner}",
        "a region's subtree": f"&subtree={region}",
        "a region's subtree, overdue by due date": f"&subtree={region}&{overdue}&sort=due_on",
    }
    asked = [
        Question("action item by id", f"/v1/action-items/{id_of('action_items', place.data.sizes.items // 20)}"),
        Question("assessment by id", f"/v1/assessments/{assessment}"),
        Question("readiness of 9 x 5 votes", f"/v1/assessments/{assessment}/readiness"),
    ]
    for who in ("admin", "county", "region", "third"):
        sight = "" if who == "admin" else f", seen by a {who}'s viewer"
        asked += [
            Question(f"page of 50{sight}", items, who),
            Question(f"page of 50, sort=due_on{sight}", f"{items}&sort=due_on", who),
            Question(f"page of 50 assessments{sight}", "/v1/assessments?limit=50", who),
            Question(f"page of 50 people, sort=name{sight}", "/v1/people?limit=50&sort=name", who),
        ]
    asked += [Question(f"page of 50, {name}", items + rest) for name, rest in filters.items()]
    asked.append(Question("page of 50, overdue, seen by a county's viewer", f"{items}&{overdue}", "county"))
    return asked


def at_the_edge(place: Place) -> list[Question]:
    """Return what is asked of a deep line and of many siblings."""
    data, organizations = place.data, "/v1/organizations"
    top, end, parent = data.chain[0].id, data.chain[-1].id, data.tree[0].id
    many = f"{data.sizes.siblings:,} siblings"
    return [
        Question(f"page of 50 children, {many}", f"{organizations}?parent_id={parent}"),
        Question(f"page of 50 descendants, {many}", f"{organizations}/{parent}/descendants"),
        Question(f"depth {len(data.chain)}: descendants", f"{organizations}/{top}/descendants"),
        Question(f"depth {len(data.chain)}: the last", f"{organizations}/{end}"),
    ]


async def watch(place: Place, asked: Sequence[Question]) -> list[Watched]:
    """Return the plans of these reads, in the service's own sessions."""
    found = []
    async with observed(place, PLANS) as observer:
        for one in asked:
            key = getattr(place.keys, one.who)
            await observer.ask(one.path, key=key)
            found.append(Watched(plans((await observer.watch(one.path, key=key))[1])))
    return found


def measure(places: Mapping[str, Place], load: Load, *, rounds: int) -> tuple[list[Line], str]:
    """Measure both sizes, the small one first, and watch the plans of the large one: a table's lines, and all plans."""
    small, large = places.values()
    asked, edge = questions(small), at_the_edge(large)
    watched = asyncio.run(watch(large, asked + edge))
    with ExitStack() as stack:
        servers = {name: stack.enter_context(service(**place.settings)) for name, place in places.items()}
        figures = []
        for one in asked + edge:
            targets = {
                name: Target(servers[name], [one.path], {"Authorization": f"Bearer {getattr(place.keys, one.who)}"})
                for name, place in places.items()
                if one in asked or place is large
            }
            figures.append(Figure(one.name, {name: partial(drive, target, load) for name, target in targets.items()}))
        run(figures, rounds)
    texts = [
        f"## {one.name}: GET {one.path}\n\n{plan.text}"
        for one, each in zip(asked + edge, watched, strict=True)
        for plan in each.plans
    ]
    return [_line(figure, each) for figure, each in zip(figures, watched, strict=True)], "\n".join(texts)


def _line(figure: Figure, watched: Watched) -> Line:
    *before, after = ([one.p50_ms for one in samples] for samples in figure.samples.values())
    slower = [median(large / small for small, large in zip(each, after, strict=True)) for each in before]
    return (
        figure.name,
        *([f"{median(each):.2f}" for each in before] or [""]),
        f"{median(after):.2f}",
        *([f"{one:.2f}" for one in slower] or [""]),
        f"{sum(plan.milliseconds for plan in watched.plans):.2f}",
        f"{watched.blocks():,}",
        ", ".join(sorted(watched.walks())),
    )
