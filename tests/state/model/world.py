"""One tenant, who calls in it, and the questions every rule asks of it.

Nothing here knows HTTP or a database. A rule is a generator: it checks, raising `Refused`; it yields the status of
success; it is sent what the service answered, takes the ids from it, makes the change, and returns the body that the
answer must have.
"""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from tests.state.model.things import (
    Assessment,
    Implementation,
    Item,
    Organization,
    Person,
    Program,
    Thing,
    on_wire,
)

VIEWER, RESPONDENT, FACILITATOR = "viewer", "respondent", "facilitator"
MANAGER, INTEGRATOR, ADMIN = "manager", "integrator", "admin"
READ = frozenset({VIEWER, FACILITATOR, MANAGER, INTEGRATOR, ADMIN})
OWN = frozenset({ADMIN})
RUN = frozenset({FACILITATOR, ADMIN})
PLAN = frozenset({MANAGER, ADMIN})
SET_UP = frozenset({FACILITATOR, MANAGER, ADMIN})
FEED = frozenset({INTEGRATOR, ADMIN})

Rule = Generator[int, Any, Any]
Row = TypeVar("Row", bound="Thing")


class Refused(Exception):
    """The service must answer with this status and this code, and change nothing."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.outcome = (status, code)


def not_found() -> Refused:
    return Refused(404, "not_found")


class AuditRow(NamedTuple):
    """An audit row that must be there, and, without its last three, the event."""

    request_id: str
    action: str
    subject_type: str
    subject_id: str
    at: datetime
    outcome: str
    actor_kind: str
    actor_id: str | None


@dataclass(eq=False)
class Caller:
    """A key or a seat's token; of another tenant where it is `foreign`.

    `home` is the organization that the key's principal belongs to, None: the root because it has roles on several.
    """

    id: str
    name: str
    token: str
    grants: list[tuple[str, str]] = field(default_factory=list)
    grant_ids: dict[tuple[str, str], str] = field(default_factory=dict)
    home: str | None = None
    seat: tuple[str, str] | None = None
    expires_at: datetime | None = None
    dead: str | None = None
    foreign: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.seat or self.grants}"


@dataclass
class Ask:
    """What comes with a request besides its body. `if_match` is a version, or `*`."""

    caller: Caller
    request_id: str
    if_match: int | Literal["*"] | None = None
    must_not_exist: bool = False
    dry_run: bool = False
    key: str | None = None

    def __str__(self) -> str:
        return f"{self.caller}{' as a rehearsal' if self.dry_run else ''}{f' under {self.key}' if self.key else ''}"


@dataclass
class World:
    """One tenant."""

    root_id: str
    now: datetime
    organizations: dict[str, Organization] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    implementations: dict[str, Implementation] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    deleted_people: set[str] = field(default_factory=set)
    assessments: dict[str, Assessment] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    keys: list[Caller] = field(default_factory=list)
    tokens: dict[str, Caller] = field(default_factory=dict)
    """The holder of each seat's present token."""
    holders: list[Caller] = field(default_factory=list)
    """A holder of a seat's token, past or present."""
    recorded: Counter[AuditRow] = field(default_factory=Counter)

    @property
    def stamp(self) -> str:
        """The present instant on the wire."""
        return on_wire(self.now)

    def today(self, organization_id: str) -> date:
        """Return the day it is where an organization is."""
        return self.now.astimezone(ZoneInfo(self.zone(organization_id))).date()

    def zone(self, organization_id: str) -> str:
        """Return the effective time zone of an organization: its own, or that of the nearest one above that has one."""
        zones = [self.organizations[at].timezone for at in self.place(organization_id)]
        return next((zone for zone in reversed(zones) if zone is not None), "UTC")

    def archived_by(self, organization_id: str) -> str | None:
        """Return the nearest archived organization, from this one upwards."""
        above = reversed(self.place(organization_id))
        return next((at for at in above if self.organizations[at].archived_at is not None), None)

    def record(self, ask: Ask, event: str, subject_id: str, *, anonymous: bool = False) -> None:
        """Expect one event and one audit row."""
        kind = "api_key" if ask.caller.seat is None else "seat"
        actor = (kind, None if anonymous else ask.caller.id)
        self.recorded[
            AuditRow(ask.request_id, event, event.partition(".")[0], subject_id, self.now, "done", *actor)
        ] += 1

    # The tree

    def place(self, organization_id: str) -> list[str]:
        """Return an organization's ancestors and itself, from the root down."""
        found: list[str] = []
        at: str | None = organization_id
        while at is not None:
            assert at not in found, "a circle"
            found.insert(0, at)
            at = self.organizations[at].parent_id
        return found

    def subtree(self, organization_id: str) -> list[Organization]:
        """Return an organization and everything below it."""
        return [one for one in self.organizations.values() if organization_id in self.place(one.id)]

    def children(self, organization_id: str) -> list[Organization]:
        return [one for one in self.organizations.values() if one.parent_id == organization_id]

    def named(self, name: tuple[str, str]) -> Organization | None:
        """Return the organization with an external id."""
        return next((one for one in self.organizations.values() if name in one.external_ids), None)

    # Who may what

    def may(self, caller: Caller, organization_id: str, roles: frozenset[str]) -> bool:
        place = self.place(organization_id)
        return any(role in roles and at in place for role, at in caller.grants)

    def reads(self, caller: Caller, organization_id: str) -> bool:
        return self.may(caller, organization_id, READ)

    def has_left(self, person_id: str | None) -> bool:
        """Return whether the person of a seat has left; False where the seat names nobody."""
        return person_id in self.people and not self.people[person_id].active

    def is_offered(self, caller: Caller, organization_id: str) -> bool:
        """Return whether an organization's programs are visible: below a grant, or above one."""
        return self.reads(caller, organization_id) or any(
            role in READ and at in self.organizations and organization_id in self.place(at)
            for role, at in caller.grants
        )

    def require(self, caller: Caller, organization_id: str, roles: frozenset[str]) -> Organization:
        """Return the organization, if this caller may do this there."""
        if organization_id not in self.organizations or not self.reads(caller, organization_id):
            raise not_found()
        if not self.may(caller, organization_id, roles):
            raise Refused(403, "forbidden")
        return self.organizations[organization_id]

    def require_named(
        self, caller: Caller, organization_id: str | None, roles: frozenset[str], code: str = "unknown_organization"
    ) -> Organization:
        """Return the organization that a body names, if this caller may do this there."""
        try:
            return self.require(caller, organization_id or "", roles)
        except Refused as refused:
            raise (Refused(422, code) if refused.outcome[0] == 404 else refused) from None

    def require_assessment(
        self, caller: Caller, assessment_id: str, roles: frozenset[str], *, seat: bool = False
    ) -> Assessment:
        """Return the assessment, if this caller may do this in it."""
        found = self.assessments.get(assessment_id)
        if found is None:
            raise not_found()
        if caller.seat is None:
            self.require(caller, found.organization_id, roles)
        elif caller.seat[0] != assessment_id:
            raise not_found()
        elif not seat:
            raise Refused(403, "forbidden")
        return found

    @staticmethod
    def find(rows: dict[str, Row], id_: str) -> Row:
        if id_ not in rows:
            raise not_found()
        return rows[id_]

    @staticmethod
    def expect(ask: Ask, row: Thing) -> None:
        """Hold the caller to the version it read."""
        if ask.if_match is None:
            raise Refused(428, "precondition_required")
        if ask.if_match not in {"*", row.version}:
            raise Refused(412, "precondition_failed")


def ensure_active(world: World, organization: Organization) -> None:
    if world.archived_by(organization.id) is not None:
        raise Refused(409, "organization_archived")


def ensure_takes(world: World, organization_id: str, implementation_id: str) -> None:
    ensure_active(world, world.organizations[organization_id])
    if world.implementations[implementation_id].ended_at is not None:
        raise Refused(409, "implementation_ended")


def head(row: Thing) -> dict[str, Any]:
    """Return what every representation begins with."""
    return {"id": row.id, "version": row.version, "created_at": row.created_at, "updated_at": row.updated_at}


def made(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Return what every new row begins with: its id from the service, its instant from the clock."""
    return {"id": body["id"], "created_at": world.stamp, "updated_at": world.stamp}


def forget_tokens(world: World, seat_id: str) -> None:
    """What is stored of a token is gone: it is not even known to have been one."""
    world.tokens.pop(seat_id, None)
    for holder in world.holders:
        if holder.id == seat_id:
            holder.dead = "unauthorized"
