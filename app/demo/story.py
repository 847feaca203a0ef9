"""The sandbox's story as data: what its files say, checked when they are read."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.action_items.models import ActionStatus, Effort
from app.assessments.models import AssessmentState, ConsensusMethod, Perspective
from app.principal import Role, SeatKind
from app.programs.models import Stage
from app.tree.models import OrganizationKind

PRACTICES = tuple(f"P{number}" for number in range(1, 10))
ROOT = "root"
_WORDS: dict[str, int | str] = {"0": 0, "1": 1, "2": 2, "d": "dont_know", "n": "not_applicable"}

Answers = dict[str, int | str]


def _answers(text: str) -> Answers:
    """One mark a practice; a dash or a dot leaves it out."""
    return {practice: _WORDS[mark] for practice, mark in _marks(text) if mark not in {"-", "."}}


def _ratings(text: str) -> dict[str, int]:
    return {practice: int(mark) for practice, mark in _marks(text) if mark != "."}


def _marks(text: str) -> list[tuple[str, str]]:
    return list(zip(PRACTICES, text.split(), strict=True))


Ballot = Annotated[Answers, BeforeValidator(_answers)]
Ratings = Annotated[dict[str, int], BeforeValidator(_ratings)]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TenantTold(_Told):
    """The tenant and its root."""

    name: str
    kind: OrganizationKind
    timezone: str


class ArchivalTold(_Told):
    """When and why an organization was archived."""

    day: int
    reason: str


class OrganizationTold(_Told):
    """An organization below the root or below another."""

    key: str
    parent: str = ROOT
    kind: OrganizationKind
    name: str
    staff: int
    timezone: str | None = None
    hr: str | None = None
    archived: ArchivalTold | None = None


class KeyTold(_Told):
    """An API key with one role at one organization."""

    role: Role
    name: str
    at: str = ROOT


class ProgramTold(_Told):
    """A program of an organization."""

    key: str
    at: str = ROOT
    name: str
    description: str
    website: str | None = None


class StageMoveTold(_Told):
    """An implementation's move to another stage."""

    day: int
    to: Stage
    reason: str


class ImplementationTold(_Told):
    """An organization's use of a program."""

    key: str
    at: str
    program: str
    day: int
    stage: Stage
    moves: tuple[StageMoveTold, ...] = ()


class PersonTold(_Told):
    """Somebody, known by a role at an organization."""

    key: str
    at: str = ROOT
    role: str
    left: int | None = None


class Places(_Told):
    """Who and what there is."""

    tenant: TenantTold
    organizations: tuple[OrganizationTold, ...]
    keys: tuple[KeyTold, ...]
    programs: tuple[ProgramTold, ...]
    implementations: tuple[ImplementationTold, ...]
    people: tuple[PersonTold, ...]

    def name_of(self, organization: str) -> str:
        """An organization's name."""
        named = {one.key: one.name for one in self.organizations}
        return {ROOT: self.tenant.name, **named}[organization]

    def label_of(self, person: str) -> str:
        """What a person is called."""
        [found] = [one for one in self.people if one.key == person]
        return f"{found.role}, {self.name_of(found.at)}"


class SeatTold(_Told):
    """A seat, and what was voted on it."""

    key: str | None = None
    seat: SeatKind = SeatKind.RESPONDENT
    perspective: Perspective | None = None
    who: str | None = None
    label: str | None = None
    votes: Ballot = Field(default_factory=dict)
    corrected: dict[str, int] = Field(default_factory=dict, description="What was first cast on these practices.")
    again: Ballot = Field(default_factory=dict, description="The votes after the reopening.")
    on_paper: bool = False
    withdrawn: bool = False

    @property
    def name(self) -> str:
        """The seat's name in its session."""
        return self.key or self.seat.value


class SessionTold(_Told):
    """An assessment, from its draft to where it stands."""

    key: str
    implementation: str
    title: str
    day: int
    ends: AssessmentState = AssessmentState.FINAL
    team: tuple[SeatTold, ...]
    comments: dict[str, str] = Field(default_factory=dict, description="By seat and practice: `director P1`.")
    reopened: str | None = None
    consensus: Ballot = Field(default_factory=dict)
    notes: dict[str, str] = Field(default_factory=dict)
    dissent: dict[str, str] = Field(default_factory=dict)
    methods: dict[str, ConsensusMethod] = Field(default_factory=dict)
    unscored: dict[str, str] = Field(default_factory=dict)
    importance: Ratings = Field(default_factory=dict)
    feasibility: Ratings = Field(default_factory=dict)
    minutes: int | None = None
    deviations: str | None = None
    reason: str | None = None


class ItemMoveTold(_Told):
    """An action item's move to another status."""

    day: int
    to: ActionStatus
    reason: str | None = None
    by: str | None = None


class ItemNoteTold(_Told):
    """A progress note."""

    day: int
    text: str


class ItemTold(_Told):
    """An action item."""

    key: str
    gap: str | None = None
    at: str | None = None
    practices: tuple[str, ...] = ()
    title: str
    description: str | None = None
    owner: str | None = None
    due: int | None = None
    effort: Effort | None = None
    expected_level: int | None = None
    day: int
    moves: tuple[ItemMoveTold, ...] = ()
    notes: tuple[ItemNoteTold, ...] = ()


class Story(_Told):
    """All of it."""

    places: Places
    sessions: tuple[SessionTold, ...]
    items: tuple[ItemTold, ...]


@cache
def told() -> Story:
    """The story that ships."""
    folder = files("app.demo") / "data"
    places, sessions, work = (
        tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8")) for name in ("places", "sessions", "work")
    )
    return Story.model_validate({"places": places, **sessions, **work})
