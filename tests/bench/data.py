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
from app.tree.paths import segment

Rows = Iterator[dict[str, Any]]

#: In an order that foreign keys accept.
TABLES = (
    "organizations",
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
#: Of so many assessments in a row those with these remainders wait for consensus; the others are final.
CYCLE, IN_CONSENSUS = 5, (1, 3)

# Regions, counties a region, sites a county; whatever is left are teams, spread over the sites.
_FAN_OUT = (12, 20, 8)
_KINDS = ("region", "county", "site", "team")
_PROGRAMS = 20
_BEGIN = datetime(2025, 1, 6, 9, tzinfo=UTC)
_SPAN = timedelta(days=500)
_NAMES = ("Cedar", "Harbor", "Prairie", "Summit", "Willow", "Granite", "Juniper", "Lakeside", "Mesa", "Northgate")
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
_EFFORTS = ("small", "medium", "large", None)
_ROLES = json.dumps([{"seat": "administrator", "count": 1}, {"seat": "respondent", "count": len(PERSPECTIVES)}])


@dataclass(frozen=True)
class Sizes:
    """How much of everything.

    Args:
        chain: organizations in one line below the root, each the only child of the one above.
        siblings: more organizations below one region, beside its counties.
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
class Place:
    """One organization of the tree."""

    id: UUID
    parent_id: UUID | None
    kind: str
    path: str
    depth: int


_FIRST = {
    table: compose_uuid7(int(_BEGIN.timestamp() * 1000) + place, bytes(10)).int for place, table in enumerate(TABLES)
}


def id_of(table: str, number: int) -> UUID:
    """The id of a table's row with this number, counted from 0."""
    return UUID(int=_FIRST[table] + number)


def id_in_sql(table: str, number: str) -> str:
    """The same as an SQL expression, of an integer expression."""
    return f"('{id_of(table, 0).hex[:20]}' || lpad(to_hex(({number})::bigint), 12, '0'))::uuid"


def in_consensus(number: int) -> bool:
    """Whether the assessment with this number still waits for its consensus."""
    return number % CYCLE in IN_CONSENSUS


class Data:
    """All rows; a method a table."""

    def __init__(self, sizes: Sizes, ground: Ground) -> None:
        self.sizes = sizes
        self.ground = ground
        self._root = Place(ground.root_id, None, "state", segment(ground.root_id), 0)
        self._number_of_people = max(1, sizes.organizations // 2)
        self._number_of_uses = max(1, sizes.assessments // 2)

    @cached_property
    def tree(self) -> list[Place]:
        """The tree without its root, each level spread evenly over the one above."""
        made: list[Place] = []
        level = [self._root]
        for kind, fan_out in zip(_KINDS, (*_FAN_OUT, self.sizes.organizations), strict=True):
            count = min(self.sizes.organizations - 1 - len(made), fan_out * len(level))
            if not count:
                break
            level = [_below(level[n % len(level)], len(made) + n, kind) for n in range(count)]
            made += level
        return made

    @cached_property
    def chain(self) -> list[Place]:
        """The line of organizations, topmost first."""
        made: list[Place] = []
        for n in range(self.sizes.chain):
            made.append(_below(made[-1] if made else self._root, len(self.tree) + n, "team"))
        return made

    @property
    def regions(self) -> list[Place]:
        """The organizations directly below the root, without the chain."""
        return [place for place in self.tree if place.depth == 1]

    @property
    def county(self) -> Place:
        """One county, or in a tiny tree what comes closest."""
        return next((place for place in self.tree if place.kind == "county"), self.tree[-1])

    def organizations(self) -> Rows:
        """The tree, the chain and the siblings."""
        for number, place in enumerate(self._places()):
            name = f"{_NAMES[number % len(_NAMES)]} {place.kind} {number}"
            yield self._versioned(place.id, _BEGIN) | {
                "parent_id": place.parent_id,
                "kind": place.kind,
                "name": name,
                "name_key": name.casefold(),
                "path": place.path,
                "depth": place.depth,
                "staff_count": 5 + number % 90,
                "timezone": "America/Chicago",
            }

    def _places(self) -> Iterator[Place]:
        yield from self.tree
        yield from self.chain
        begin = len(self.tree) + len(self.chain)
        for number in range(begin, begin + self.sizes.siblings):
            yield _below(self.tree[0], number, "site")

    def people(self) -> Rows:
        """Half as many as organizations."""
        for number in range(self._number_of_people):
            name = f"Supervisor {number}"
            yield self._versioned(id_of("people", number), _BEGIN) | {
                "organization_id": self.tree[number % len(self.tree)].id,
                "name": name,
                "name_key": name.casefold(),
                "active": True,
            }

    def programs(self) -> Rows:
        """A few, all of the root."""
        for number in range(_PROGRAMS):
            name = f"Family Connections {number}"
            yield self._versioned(id_of("programs", number), _BEGIN) | {
                "organization_id": self.ground.root_id,
                "name": name,
                "name_key": name.casefold(),
                "description": _PROSE,
            }

    def implementations(self) -> Rows:
        """One for two assessments, spread over the organizations."""
        for number in range(self._number_of_uses):
            yield self._versioned(id_of("implementations", number), _BEGIN) | {
                "organization_id": self._user(number).id,
                "program_id": id_of("programs", number // len(self.tree) % _PROGRAMS),
                "stage": "initial_implementation",
            }

    def _user(self, implementation: int) -> Place:
        return self.tree[implementation % len(self.tree)]

    def assessments(self) -> Rows:
        """Final, or in consensus."""
        for number, at in self._instants(self.sizes.assessments):
            use, final = number % self._number_of_uses, not in_consensus(number)
            yield self._versioned(id_of("assessments", number), at) | {
                "organization_id": self._user(use).id,
                "implementation_id": id_of("implementations", use),
                "instrument_version_id": self.ground.instrument_version_id,
                "scoring_profile_id": self.ground.scoring_profile_id,
                "title": f"Session {1 + number // self._number_of_uses}",
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
        for number, at in self._instants(self.sizes.assessments):
            for place, perspective in enumerate((*PERSPECTIVES, None)):
                yield self._versioned(_seat(number, place), at) | {
                    "assessment_id": id_of("assessments", number),
                    "seat": "administrator" if perspective is None else "respondent",
                    "perspective": perspective,
                    "label": None if perspective is None else f"Seat {place + 1}",
                }

    def votes(self) -> Rows:
        """Every respondent on every practice."""
        for number, at in self._instants(self.sizes.assessments):
            assessment_id, values = id_of("assessments", number), self._votes_on(number)
            for place in range(len(PERSPECTIVES)):
                seat, first = _seat(number, place), place * len(PRACTICES)
                for practice, code in enumerate(PRACTICES, first):
                    yield self._versioned(id_of("votes", number * len(values) + practice), at) | {
                        "assessment_id": assessment_id,
                        "participant_id": seat,
                        "practice": code,
                        "round": 1,
                        "value": values[practice],
                    }

    @staticmethod
    def _votes_on(assessment: int) -> list[str]:
        chance = Random(assessment)  # noqa: S311  # the same rows every time
        return chance.choices(list(_VALUES), list(_VALUES.values()), k=len(PERSPECTIVES) * len(PRACTICES))

    def consensus(self) -> Rows:
        """On every practice of a final assessment: the lower median."""
        for number, at in self._instants(self.sizes.assessments):
            if in_consensus(number):
                continue
            values = self._votes_on(number)
            for practice, code in enumerate(PRACTICES):
                votes = sorted(value for value in values[practice :: len(PRACTICES)] if value != "dont_know")
                agreed = votes[(len(votes) - 1) // 2] if votes else "1"
                yield self._versioned(id_of("consensus", number * len(PRACTICES) + practice), at) | {
                    "assessment_id": id_of("assessments", number),
                    "practice": code,
                    "value": agreed,
                    "note": None if set(votes) == {agreed} else "The team went through the examples of both levels.",
                    "method": "discussion",
                    "recorded_by": self.ground.principal_id,
                }

    def practice_ratings(self) -> Rows:
        """How important and how feasible: on every practice of a final assessment."""
        for number, at in self._instants(self.sizes.assessments):
            if in_consensus(number):
                continue
            for practice, code in enumerate(PRACTICES):
                yield self._versioned(id_of("practice_ratings", number * len(PRACTICES) + practice), at) | {
                    "assessment_id": id_of("assessments", number),
                    "practice": code,
                    "importance": 1 + (number + practice) % 5,
                    "feasibility": 1 + (number + 2 * practice) % 5,
                }

    def administration_records(self) -> Rows:
        """How each final assessment was run."""
        for number, at in self._instants(self.sizes.assessments):
            if in_consensus(number):
                continue
            yield self._versioned(id_of("administration_records", number), at) | {
                "assessment_id": id_of("assessments", number),
                "roles_present": _ROLES,
                "checklist": "[]",
                "evidence_reviewed": True,
                "duration_minutes": 90,
                "recorded_by": self.ground.principal_id,
            }

    def action_items(self) -> Rows:
        """Most from a gap, most with an owner and a due date."""
        chance = Random(9)  # noqa: S311  # the same rows every time
        for number, at in self._instants(self.sizes.items):
            gap = chance.random() < 0.7
            assessment = chance.randrange(self.sizes.assessments) if gap else None
            user = chance.randrange(len(self.tree)) if assessment is None else assessment % self._number_of_uses
            status = chance.choices(list(_STATUSES), list(_STATUSES.values()))[0]
            title = f"{_TITLES[number % len(_TITLES)]} ({number})"
            done = status in {"done", "verified"}
            owner = chance.randrange(self._number_of_people) if chance.random() < 0.8 else None
            due = date(2026, 1, 1) + timedelta(days=chance.randrange(-200, 500))
            verifier = chance.randrange(self._number_of_people)
            yield self._versioned(id_of("action_items", number), at) | {
                "organization_id": self._user(user).id,
                "assessment_id": None if assessment is None else id_of("assessments", assessment),
                "practices": sorted(chance.sample(PRACTICES, chance.choice((1, 1, 2, 3)))),
                "title": title,
                "title_key": title.casefold(),
                "description": _PROSE if chance.random() < 0.5 else None,
                "status": status,
                "owner_id": None if owner is None else id_of("people", owner),
                "due_on": due if chance.random() < 0.85 else None,
                "effort": chance.choice(_EFFORTS),
                "expected_level": chance.choice((1, 2)) if gap else None,
                "gap_score": chance.choice((0, 1)) if gap else None,
                "verified_by": id_of("people", verifier) if status == "verified" else None,
                "done_at": at + timedelta(days=40) if done else None,
            }

    def _versioned(self, row_id: UUID, at: datetime) -> dict[str, Any]:
        return {
            "tenant_id": self.ground.tenant_id,
            "id": row_id,
            "created_at": at,
            "updated_at": at + timedelta(hours=1),
            "version": 1,
        }

    @staticmethod
    def _instants(count: int) -> Iterator[tuple[int, datetime]]:
        for number in range(count):
            yield number, _BEGIN + _SPAN * number / count


def _below(parent: Place, number: int, kind: str) -> Place:
    made = id_of("organizations", number)
    return Place(made, parent.id, kind, parent.path + segment(made), parent.depth + 1)


def _seat(assessment: int, place: int) -> UUID:
    return id_of("participants", assessment * (len(PERSPECTIVES) + 1) + place)
