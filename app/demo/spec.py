"""Schemas of the sandbox's data files, which are validated when they are loaded."""

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
    """Parse one mark for each practice; a dash or a dot omits the practice."""
    return {practice: _WORDS[mark] for practice, mark in _marks(text) if mark not in {"-", "."}}


def _ratings(text: str) -> dict[str, int]:
    return {practice: int(mark) for practice, mark in _marks(text) if mark != "."}


def _marks(text: str) -> list[tuple[str, str]]:
    return list(zip(PRACTICES, text.split(), strict=True))


Ballot = Annotated[Answers, BeforeValidator(_answers)]
Ratings = Annotated[dict[str, int], BeforeValidator(_ratings)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TenantSpec(_Spec):
    """A tenant and its root organization."""

    name: str
    kind: OrganizationKind
    timezone: str


class ArchivalSpec(_Spec):
    """The day and the reason an organization was archived."""

    day: int
    reason: str


class OrganizationSpec(_Spec):
    """An organization below the root or below another one."""

    key: str
    parent: str = ROOT
    kind: OrganizationKind
    name: str
    staff: int
    timezone: str | None = None
    hr: str | None = None
    archived: ArchivalSpec | None = None


class KeySpec(_Spec):
    """An API key with one role at one organization."""

    role: Role
    name: str
    at: str = ROOT


class ProgramSpec(_Spec):
    """A program of an organization."""

    key: str
    at: str = ROOT
    name: str
    description: str
    website: str | None = None


class StageMoveSpec(_Spec):
    """An implementation's move to another stage."""

    day: int
    to: Stage
    reason: str


class ImplementationSpec(_Spec):
    """An organization's use of a program."""

    key: str
    at: str
    program: str
    day: int
    stage: Stage
    moves: tuple[StageMoveSpec, ...] = ()


class PersonSpec(_Spec):
    """A person, identified by a role at an organization."""

    key: str
    at: str = ROOT
    role: str
    department: str
    manager: str | None = None
    left: int | None = None


class PlacesSpec(_Spec):
    """The tenant's organizations, keys, programs, implementations and people."""

    tenant: TenantSpec
    organizations: tuple[OrganizationSpec, ...]
    keys: tuple[KeySpec, ...]
    programs: tuple[ProgramSpec, ...]
    implementations: tuple[ImplementationSpec, ...]
    people: tuple[PersonSpec, ...]

    def name_of(self, organization: str) -> str:
        """Return an organization's name."""
        named = {one.key: one.name for one in self.organizations}
        return {ROOT: self.tenant.name, **named}[organization]

    def label_of(self, person: str) -> str:
        """Return a person's label: role and organization."""
        [found] = [one for one in self.people if one.key == person]
        return f"{found.role}, {self.name_of(found.at)}"


class SeatSpec(_Spec):
    """A seat and its votes."""

    key: str | None = None
    seat: SeatKind = SeatKind.RESPONDENT
    perspective: Perspective | None = None
    who: str | None = None
    label: str | None = None
    votes: Ballot = Field(default_factory=dict)
    corrected: dict[str, int] = Field(default_factory=dict, description="First votes, corrected later, by practice.")
    again: Ballot = Field(default_factory=dict, description="Votes of the second round.")
    on_paper: bool = False
    withdrawn: bool = False

    @property
    def name(self) -> str:
        """Return the seat's name, unique in its session."""
        return self.key or self.seat.value


class SessionSpec(_Spec):
    """An assessment, from its draft to its final state."""

    key: str
    implementation: str
    title: str
    day: int
    ends: AssessmentState = AssessmentState.FINAL
    team: tuple[SeatSpec, ...]
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


class ItemMoveSpec(_Spec):
    """An action item's move to another status."""

    day: int
    to: ActionStatus
    reason: str | None = None
    by: str | None = None


class ItemNoteSpec(_Spec):
    """A progress note."""

    day: int
    text: str


class ItemSpec(_Spec):
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
    moves: tuple[ItemMoveSpec, ...] = ()
    notes: tuple[ItemNoteSpec, ...] = ()


class CorrectionSpec(_Spec):
    """The day and the numbers of a correction."""

    day: int
    figure: str


class WithdrawalSpec(_Spec):
    """The day and the reason of a withdrawal."""

    day: int
    reason: str


class FigureSpec(_Spec):
    """A figure of a metric, such as ``34/40``."""

    key: str
    at: str
    program: str
    metric: str
    source: str
    first: int
    last: int
    day: int
    figure: str
    corrected: CorrectionSpec | None = None
    withdrawn: WithdrawalSpec | None = None


class DemoSpec(_Spec):
    """The contents of all data files."""

    places: PlacesSpec
    sessions: tuple[SessionSpec, ...]
    items: tuple[ItemSpec, ...]
    metrics: tuple[FigureSpec, ...]


@cache
def load_spec() -> DemoSpec:
    """Load the data files that ship with the package."""
    folder = files("app.demo") / "data"
    places, *others = (
        tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
        for name in ("places", "sessions", "work", "metrics")
    )
    sessions, work, metrics = others
    return DemoSpec.model_validate({"places": places, **sessions, **work, **metrics})
