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
    title: LocaleMap
    text: LocaleMap


class Team(Part):
    """The recommended number of respondents."""

    minimum: Headcount
    maximum: Headcount
    guidance: LocaleMap

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _refuse_reversed(self.minimum, self.maximum)
        return self


class Duration(Part):
    """How long a session usually takes."""

    minimum_minutes: Minutes
    maximum_minutes: Minutes
    guidance: LocaleMap

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        _refuse_reversed(self.minimum_minutes, self.maximum_minutes)
        return self


class Cadence(Part):
    """How often the rating is repeated."""

    interval_days: Annotated[int, Field(ge=1, le=3660)]
    guidance: LocaleMap


class RoleRule(Part):
    """A role in the session and its rule; without a maximum, any number."""

    key: Literal["administrator", "facilitator", "note_taker", "respondent", "observer"]
    title: LocaleMap
    rule: LocaleMap
    votes: bool
    minimum: Headcount
    maximum: Headcount | None = None

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
    number: Annotated[int, Field(ge=1, le=100)]
    title: LocaleMap
    text: LocaleMap


class ChecklistItem(Part):
    """One statement the administrator answers; its code stays the same across versions."""

    code: Slug
    answer: Literal["yes_no", "minutes", "text"]
    required: bool
    text: LocaleMap


class Administration(Part):
    """How the rating is done, and what is recorded about it beside the score."""

    description: LocaleMap
    modes: Annotated[list[Mode], Field(min_length=1, max_length=2)]
    team: Team
    duration: Duration
    cadence: Cadence
    roles: Annotated[list[RoleRule], Field(min_length=1, max_length=5)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=50)]
    checklist: Annotated[list[ChecklistItem], Field(min_length=1, max_length=50)]

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
