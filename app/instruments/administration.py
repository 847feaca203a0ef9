"""How an instrument is administered: roles, session, checklist."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.instruments.parts import LocaleMap, Part, Slug, refuse_gaps, refuse_repeats

Headcount = Annotated[int, Field(ge=0, le=1000)]
Minutes = Annotated[int, Field(ge=1, le=10_000)]


class Mode(Part):
    """A way to collect the votes."""

    key: Literal["open", "confidential"]
    """`open`: the team sees votes after the close. `confidential`: nobody does."""
    title: LocaleMap
    """Title of the mode."""
    text: LocaleMap
    """What the mode means for respondents."""


class Team(Part):
    """The recommended number of respondents."""

    minimum: Headcount
    """Fewest respondents recommended."""
    maximum: Headcount
    """Most respondents recommended."""
    guidance: LocaleMap
    """How to put the team together."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _refuse_reversed(self.minimum, self.maximum)
        return self


class Duration(Part):
    """How long a session usually takes."""

    minimum_minutes: Minutes
    """Shortest session recommended, in minutes."""
    maximum_minutes: Minutes
    """Longest session recommended, in minutes."""
    guidance: LocaleMap
    """What the length depends on."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _refuse_reversed(self.minimum_minutes, self.maximum_minutes)
        return self


class Cadence(Part):
    """How often the rating is repeated."""

    interval_days: Annotated[int, Field(ge=1, le=3660)]
    """Days between two assessments, as recommended."""
    guidance: LocaleMap
    """When to assess again."""


class RoleRule(Part):
    """A role in the session and its rule; without a maximum, any number."""

    key: Literal["administrator", "facilitator", "note_taker", "respondent", "observer"]
    """The role, as a seat carries it."""
    title: LocaleMap
    """Title of the role."""
    rule: LocaleMap
    """What the role does and must not do."""
    votes: bool
    """Whether the role votes; only respondents do."""
    minimum: Headcount
    """Fewest people in the role."""
    maximum: Headcount | None = None
    """Most people in the role; absent where there is no limit."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.votes != (self.key == "respondent"):
            raise PydanticCustomError("only_respondents_vote", "Respondents vote, and nobody else")
        if self.maximum is not None:
            _refuse_reversed(self.minimum, self.maximum)
        return self


class Step(Part):
    """One step of the session."""

    code: Slug
    """Stable code of the step."""
    number: Annotated[int, Field(ge=1, le=100)]
    """Place of the step; the numbers run from 1 without gaps."""
    title: LocaleMap
    """Title of the step."""
    text: LocaleMap
    """What to do."""


class ChecklistItem(Part):
    """One statement the administrator answers; its code stays the same across versions."""

    code: Slug
    """Stable code, the same across versions."""
    answer: Literal["yes_no", "minutes", "text"]
    """Kind of answer: yes or no, minutes, or text."""
    required: bool
    """Whether an answer is expected."""
    text: LocaleMap
    """The statement to answer."""


class Administration(Part):
    """How the rating is done, and what is recorded about it in addition to the score."""

    description: LocaleMap
    """How the rating is done, in short."""
    modes: Annotated[list[Mode], Field(min_length=1, max_length=2)]
    """Ways to collect votes."""
    team: Team
    """Recommended size of the team."""
    duration: Duration
    """Recommended length of a session."""
    cadence: Cadence
    """Recommended interval between assessments."""
    roles: Annotated[list[RoleRule], Field(min_length=1, max_length=5)]
    """Who takes part, and as what."""
    steps: Annotated[list[Step], Field(min_length=1, max_length=50)]
    """The steps of a session, in order."""
    checklist: Annotated[list[ChecklistItem], Field(min_length=1, max_length=50)]
    """What the administrator records about the session."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        refuse_repeats((mode.key for mode in self.modes), "Modes")
        refuse_repeats((role.key for role in self.roles), "Roles")
        refuse_repeats((step.code for step in self.steps), "Step codes")
        refuse_repeats((item.code for item in self.checklist), "Checklist codes")
        refuse_gaps((step.number for step in self.steps), "Step numbers")
        if all(role.key != "respondent" for role in self.roles):
            raise PydanticCustomError("respondent_missing", "The administration needs the role of respondent")
        return self


def _refuse_reversed(minimum: int, maximum: int) -> None:
    if minimum > maximum:
        raise PydanticCustomError("reversed_range", "The minimum must not exceed the maximum")
