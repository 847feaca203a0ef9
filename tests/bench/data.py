"""The rows the benchmark reads: made up, believable, and the same every time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any
from uuid import UUID

from app.db.ids import compose_uuid7
from app.text import search_key
from app.tree.paths import segment

Rows = Iterator[dict[str, Any]]

#: In an order that foreign keys accept.
TABLES = (
    "organizations",
    "organization_places",
    "people",
    "programs",
    "implementations",
    "assessments",
    "participants",
    "votes",
    "consensus",
    "practice_ratings",
    "administration_records",
    "action_items",
)
PRACTICES = tuple(f"P{number}" for number in range(1, 10))
PERSPECTIVES = ("executive", "manager", "supervisor", "practitioner", "hr")
ZONE = "America/Chicago"
#: In each run of this number of assessments, those with these remainders wait for consensus; the others are final.
CYCLE, IN_CONSENSUS = 5, (1, 3)

# Regions, counties a region, sites a county; whatever is left are teams, spread over the sites.
_LEVELS = {"region": 12, "county": 20, "site": 8, "team": 1_000_000}
_PROGRAMS = 20
_BEGIN = datetime(2025, 1, 6, 9, tzinfo=UTC)
_SPAN = timedelta(days=500)
_TITLES = (
    "Fund coaching for all affected roles in this fiscal year",
    "Write protected coaching time into the posted job descriptions",
    "Name one owner for the implementation budget",
    "Bring fidelity data to the monthly leadership meeting",
    "Revise the hiring interview so that candidates practise the core skill",
    "Shorten the approval of training travel to one signature",
    "Agree with finance on a code for implementation work",
    "Recognize teams that reached fidelity at the spring assembly",
)
_PROSE = (
    "Agreed after the assessment; the supervisor brings a first draft to the next team meeting and asks finance "
    "what the change would cost in this year and the next."
)
_STATUSES = {"proposed": 15, "open": 20, "in_progress": 30, "blocked": 5, "done": 15, "verified": 10, "dismissed": 5}
_VALUES = {"0": 24, "1": 40, "2": 31, "dont_know": 5}
_ROLES = json.dumps([{"seat": "administrator", "count": 1}, {"seat": "respondent", "count": len(PERSPECTIVES)}])


@dataclass(frozen=True)
class Sizes:
    """How much of everything.

    Args:
        chain: more organizations in one line below the root, each the only child of the one above.
        siblings: more organizations below one region, next to its counties.
    """

    organizations: int = 10_000
    assessments: int = 10_000
    items: int = 100_000
    chain: int = 0
    siblings: int = 0


@dataclass(frozen=True)
class Ground:
    """What a tenant has from the start."""

    tenant_id: UUID
    root_id: UUID
    instrument_version_id: UUID
    scoring_profile_id: UUID
    principal_id: UUID


@dataclass(frozen=True)
class Node:
    """One organization of the tree."""

    id: UUID
    parent_id: UUID | None
    kind: str
    path: str
    depth: int

    def child(self, number: int, kind: str) -> "Node":
        """The organization with this number, below this one."""
        made = id_of("organizations", number)
        return Node(made, self.id, kind, self.path + segment(made), self.depth + 1)


_FIRST = {
    table: compose_uuid7(int(_BEGIN.timestamp() * 1000) + place, bytes(10)).int for place, table in enumerate(TABLES)
}


def id_of(table: str, number: int) -> UUID:
    """The id of a table's row with this number, counted from 0."""
    return UUID(int=_FIRST[table] + number)


def id_in_sql(table: str, number: str) -> str:
    """The same as an SQL expression, of an integer expression."""
    return f"('{id_of(table, 0).hex[:20]}' || lpad(to_hex(({number})::bigint), 12, '0'))::uuid"


class Data:
    """All rows; a method a table."""

    def __init__(self, sizes: Sizes, ground: Ground) -> None:
        self.sizes = sizes
        self.ground = ground
        self._root = Node(ground.root_id, None, "state", segment(ground.root_id), 0)
        self._people = max(1, sizes.items // 10)
        self._uses = max(1, sizes.assessments // 2)

    @cached_property
    def tree(self) -> list[Node]:
        """The tree without its root, each level spread evenly over the one above."""
        made: list[Node] = []
        level = [self._root]
        for kind, fan_out in _LEVELS.items():
            count = min(self.sizes.organizations - 1 - len(made), fan_out * len(level))
            above, level = level, []
            level += [above[n % len(above)].child(len(made) + n, kind) for n in range(count)]
            made += level
        return made

    @cached_property
    def chain(self) -> list[Node]:
        """The line of organizations, topmost first."""
        made = [self._root]
        for n in range(self.sizes.chain):
            made.append(made[-1].child(len(self.tree) + n, "team"))
        return made[1:]

    @property
    def regions(self) -> list[Node]:
        """The organizations directly below the root, without the chain."""
        return self.tree[: _LEVELS["region"]]

    @property
    def county(self) -> Node:
        """One county."""
        return next(node for node in self.tree if node.kind == "county")

    def _node_of_use(self, number: int) -> Node:
        return self.tree[number % self._uses % len(self.tree)]

    def organizations(self) -> Rows:
        """The tree, the chain and the siblings."""
        for number, node in enumerate(self._nodes()):
            name = _named(f"{node.kind.title()} {number}")
            place = {"parent_id": node.parent_id, "kind": node.kind}
            yield self._versioned(node.id) | place | name | {"staff_count": 5 + number % 90, "timezone": ZONE}

    def organization_places(self) -> Rows:
        """Where each of them is."""
        for node in self._nodes():
            yield {
                "tenant_id": self.ground.tenant_id,
                "organization_id": node.id,
                "path": node.path,
                "depth": node.depth,
                "timezone_from_id": node.id,
            }

    def _nodes(self) -> Iterator[Node]:
        begin = len(self.tree) + self.sizes.chain
        siblings = (self.tree[0].child(number, "site") for number in range(begin, begin + self.sizes.siblings))
        yield from [*self.tree, *self.chain, *siblings]

    def people(self) -> Rows:
        """One for ten action items."""
        for number in range(self._people):
            home = {"organization_id": self.tree[number % len(self.tree)].id, "active": True}
            yield self._versioned(id_of("people", number)) | home | _named(f"Supervisor {number}")

    def programs(self) -> Rows:
        """A few, all of the root."""
        for number in range(_PROGRAMS):
            home = {"organization_id": self.ground.root_id, "description": _PROSE}
            yield self._versioned(id_of("programs", number)) | home | _named(f"Family Connections {number}")

    def implementations(self) -> Rows:
        """One for two assessments, spread over the organizations."""
        for number in range(self._uses):
            yield self._versioned(id_of("implementations", number)) | {
                "organization_id": self._node_of_use(number).id,
                "program_id": id_of("programs", number // len(self.tree) % _PROGRAMS),
                "stage": "initial_implementation",
            }

    def assessments(self) -> Rows:
        """Final, or in consensus."""
        for number, at in _instants(self.sizes.assessments):
            final = number % CYCLE not in IN_CONSENSUS
            yield self._versioned(id_of("assessments", number), at) | {
                "organization_id": self._node_of_use(number).id,
                "implementation_id": id_of("implementations", number % self._uses),
                "instrument_version_id": self.ground.instrument_version_id,
                "scoring_profile_id": self.ground.scoring_profile_id,
                "title": f"Session {1 + number // self._uses}",
                "mode": "open",
                "state": "final" if final else "consensus",
                "stage": "initial_implementation",
                "round": 1,
                "revealed_round": 1,
                "administered_on": at.date(),
                "opened_at": at,
                "closed_at": at + timedelta(days=7),
                "finalized_at": at + timedelta(days=7, hours=2) if final else None,
            }

    def participants(self) -> Rows:
        """Five respondents and an administrator an assessment."""
        for number, at in _instants(self.sizes.assessments):
            for place, perspective in enumerate((*PERSPECTIVES, None)):
                yield self._versioned(_seat(number, place), at) | {
                    "assessment_id": id_of("assessments", number),
                    "seat": "respondent" if perspective else "administrator",
                    "perspective": perspective,
                    "label": f"Seat {place + 1}" if perspective else None,
                }

    def votes(self) -> Rows:
        """Every respondent on every practice."""
        for number, at in _instants(self.sizes.assessments):
            for vote, value in enumerate(_votes(number)):
                place, practice = divmod(vote, len(PRACTICES))
                yield self._versioned(id_of("votes", number * len(PERSPECTIVES) * len(PRACTICES) + vote), at) | {
                    "assessment_id": id_of("assessments", number),
                    "participant_id": _seat(number, place),
                    "practice": PRACTICES[practice],
                    "round": 1,
                    "value": value,
                }

    def consensus(self) -> Rows:
        """On every practice of a final assessment: the lower median, with a note where not all agreed before."""
        for number, practice, row in self._of_final("consensus", PRACTICES):
            votes = sorted(value for value in _votes(number)[practice :: len(PRACTICES)] if value != "dont_know")
            agreed = votes[(len(votes) - 1) // 2] if votes else "1"
            yield row | {
                "practice": PRACTICES[practice],
                "value": agreed,
                "note": None if set(votes) == {agreed} else "The team went through the examples of both levels.",
                "method": "discussion",
                "recorded_by": self.ground.principal_id,
            }

    def practice_ratings(self) -> Rows:
        """How important and how feasible: on every practice of a final assessment."""
        for number, practice, row in self._of_final("practice_ratings", PRACTICES):
            rating = {"importance": 1 + (number + practice) % 5, "feasibility": 1 + (number + 2 * practice) % 5}
            yield row | {"practice": PRACTICES[practice]} | rating

    def administration_records(self) -> Rows:
        """How each final assessment was run."""
        for _, _, row in self._of_final("administration_records", ("record",)):
            yield row | {
                "roles_present": _ROLES,
                "checklist": "[]",
                "evidence_reviewed": True,
                "duration_minutes": 90,
                "recorded_by": self.ground.principal_id,
            }

    def action_items(self) -> Rows:
        """Most from a gap, most with an owner and a due date."""
        chance = Random(9)  # the same rows every time
        for number, at in _instants(self.sizes.items):
            gap = chance.random() < 0.7
            assessment = chance.randrange(self.sizes.assessments)
            status = chance.choices(list(_STATUSES), list(_STATUSES.values()))[0]
            owner, verifier = (id_of("people", chance.randrange(self._people)) for _ in range(2))
            title = f"{_TITLES[number % len(_TITLES)]} ({number})"
            yield self._versioned(id_of("action_items", number), at) | {
                "organization_id": self._node_of_use(assessment).id,
                "assessment_id": id_of("assessments", assessment) if gap else None,
                "practices": sorted(chance.sample(PRACTICES, chance.choice((1, 1, 2, 3)))),
                "title": title,
                "title_key": search_key(title),
                "description": _PROSE if chance.random() < 0.5 else None,
                "status": status,
                "owner_id": owner if chance.random() < 0.8 else None,
                "due_on": date(2026, 1, 1) + timedelta(chance.randrange(-200, 500)) if chance.random() < 0.85 else None,
                "effort": chance.choice(("small", "medium", "large", None)),
                "expected_level": chance.choice((1, 2)) if gap else None,
                "gap_score": chance.choice((0, 1)) if gap else None,
                "verified_by": verifier if status == "verified" else None,
                "done_at": at + timedelta(days=40) if status in {"done", "verified"} else None,
            }

    def _of_final(self, table: str, parts: tuple[str, ...]) -> Iterator[tuple[int, int, dict[str, Any]]]:
        for number, at in _instants(self.sizes.assessments):
            if number % CYCLE not in IN_CONSENSUS:
                for part in range(len(parts)):
                    row = self._versioned(id_of(table, number * len(parts) + part), at)
                    yield number, part, row | {"assessment_id": id_of("assessments", number)}

    def _versioned(self, row_id: UUID, at: datetime = _BEGIN) -> dict[str, Any]:
        times = {"created_at": at, "updated_at": at + timedelta(hours=1)}
        return {"tenant_id": self.ground.tenant_id, "id": row_id, "version": 1, **times}


def _named(name: str) -> dict[str, str]:
    return {"name": name, "name_key": search_key(name)}


def _votes(assessment: int) -> list[str]:
    chance = Random(assessment)  # the same rows every time
    return chance.choices(list(_VALUES), list(_VALUES.values()), k=len(PERSPECTIVES) * len(PRACTICES))


def _seat(assessment: int, place: int) -> UUID:
    return id_of("participants", assessment * (len(PERSPECTIVES) + 1) + place)


def _instants(count: int) -> Iterator[tuple[int, datetime]]:
    for number in range(count):
        yield number, _BEGIN + _SPAN * number / count
