"""What one tenant holds: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.state.model.world import World


@dataclass
class Thing:
    """A stored row with a version."""

    id: str
    created_at: str
    updated_at: str
    version: int = field(default=1, kw_only=True)

    def touch(self, world: "World") -> None:
        self.version += 1
        # It never runs backwards, nor stands still.
        self.updated_at = on_wire(max(world.now, from_wire(self.updated_at) + timedelta(microseconds=1)))

    def change(self, world: "World", fields: Mapping[str, Any]) -> bool:
        """Set fields, and count a change if one of them differs; whether one did."""
        before = vars(self).copy()
        for name, value in fields.items():
            setattr(self, name, value)
        if vars(self) == before:
            return False
        self.touch(world)
        return True


@dataclass
class Move:
    """An organization came below another parent."""

    id: str
    day: date
    from_parent_id: str
    to_parent_id: str
    fields: dict[str, Any]


@dataclass
class Organization(Thing):
    parent_id: str | None
    kind: str
    name: str
    staff_count: int | None
    timezone: str | None
    archived_at: str | None = None
    external_ids: set[tuple[str, str]] = field(default_factory=set)
    moves: list[Move] = field(default_factory=list)


@dataclass
class Program(Thing):
    organization_id: str
    name: str
    description: str | None


@dataclass
class Implementation(Thing):
    organization_id: str
    program_id: str
    stage: str
    ended_at: str | None = None
    stages: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Person(Thing):
    organization_id: str
    name: str
    active: bool
    returns: int = 0
    """How often the person came back after having left."""


@dataclass
class Seat(Thing):
    seat: str
    perspective: str | None
    label: str
    person_id: str | None
    channel: str = "token"
    first_round: int = 1
    claims: int = 0
    claimed_at: str | None = None
    sees_from: int = 1
    former_round: int = 0
    has_token: bool = False
    withdrawn_at: str | None = None
    withdrawn_round: int = 0
    counted_round: int = 0
    code: str | None = None
    """The code of its invitation, until it is used or ended."""
    code_ends: datetime | None = None
    history: list[tuple[str, str]] = field(default_factory=list)
    """What happened, and who did it."""


@dataclass
class Vote(Thing):
    value: int | str
    comment: str | None
    entered_by: str | None
    deferred: bool = False
    """Cast in a round in which a former claim could vote too."""


@dataclass
class Decision(Thing):
    """A consensus, a rating or the administration record: its fields as the wire has them."""

    fields: dict[str, Any]


@dataclass
class Assessment(Thing):
    organization_id: str
    implementation_id: str
    instrument_version_id: str
    scoring_profile_id: str
    title: str
    stage: str | None
    opens_at: str | None
    closes_at: str | None
    administered_on: str | None
    state: str = "draft"
    supersedes_id: str | None = None
    round: int = 1
    revealed_round: int = 0
    opened_at: str | None = None
    closed_at: str | None = None
    finalized_at: str | None = None
    seats: dict[str, Seat] = field(default_factory=dict)
    votes: dict[tuple[str, str, int, int], Vote] = field(default_factory=dict)
    consensus: dict[str, Decision] = field(default_factory=dict)
    ratings: dict[str, Decision] = field(default_factory=dict)
    administration: Decision | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Item(Thing):
    organization_id: str
    assessment_id: str | None
    practices: list[str]
    title: str
    description: str | None
    owner_id: str | None
    due_on: str | None
    effort: str | None
    expected_level: int | None
    gap_score: int | None
    status: str = "proposed"
    verified_by: str | None = None
    done_at: str | None = None
    done_owner_id: str | None = None
    proposer_id: str | None = None
    notes: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)


def on_wire(instant: datetime) -> str:
    """Return an instant as the service writes it, with microseconds only if it has some."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").replace(".000000Z", "Z")


def from_wire(instant: str) -> datetime:
    return datetime.fromisoformat(instant)
