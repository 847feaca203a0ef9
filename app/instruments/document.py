"""The schema of an instrument document, shipped or an agency's own."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.instruments.administration import Administration
from app.instruments.parts import (
    Citation,
    Document,
    DocumentKey,
    Level,
    License,
    LicenseUrl,
    LocaleMap,
    Part,
    PartCode,
    PracticeCode,
    Semver,
    Slug,
    refuse_gaps,
    refuse_repeats,
)

LevelKey = Literal["0", "1", "2"]
_LEVELS: tuple[LevelKey, ...] = ("2", "1", "0")


class EvidenceKind(StrEnum):
    """What a piece of evidence is (scoring spec 6)."""

    HR_RECORD = "hr_record"
    FINANCE_RECORD = "finance_record"
    POLICY_DOCUMENT = "policy_document"
    DATA_REPORT = "data_report"
    MEETING_RECORD = "meeting_record"
    COMMUNICATION_RECORD = "communication_record"
    OBSERVATION = "observation"
    TESTIMONY = "testimony"


# Strict models take enumerations by member only, and documents arrive as JSON.
Kind = Annotated[EvidenceKind, Field(strict=False)]


class ScaleLevel(Part):
    """One level of the scale and the rule that decides it, the same for every practice."""

    value: Level
    """The level: 2 in place, 1 partially in place, 0 not in place."""
    name: LocaleMap
    """Name of the level."""
    rule: LocaleMap
    """What has to be true for the level."""


class OtherAnswer(Part):
    """An answer that is not a level."""

    code: Literal["dont_know", "not_applicable"]
    """The answer as a vote carries it."""
    name: LocaleMap
    """Name of the answer."""
    meaning: LocaleMap
    """When to give it."""


class Scale(Part):
    """The levels 2, 1 and 0, and the two other answers."""

    level_rule: LocaleMap = Field(description="How to choose between levels.")
    levels: Annotated[list[ScaleLevel], Field(min_length=3, max_length=3)]
    """The three levels, each once."""
    other_answers: Annotated[list[OtherAnswer], Field(min_length=2, max_length=2)]
    """The two answers that are no levels, each once."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        refuse_repeats((level.value for level in self.levels), "Scale levels")
        refuse_repeats((answer.code for answer in self.other_answers), "Other answers")
        return self


class Coded(Part):
    """A text with a code that stays the same across languages and versions."""

    code: PartCode
    """Stable code: the practice, the place in it and a letter, as in `P1.2.a`."""
    text: LocaleMap
    """The text."""


class EvidenceHint(Coded):
    """Something to look for, and the kind to file it under."""

    kind: Kind
    """Kind of evidence to file it under."""


class SuggestedAction(Coded):
    """A step that may improve the practice; a suggestion, never an assignment."""

    effort: Literal["small", "medium", "large"] | None = None
    """Rough effort; absent where it depends on the agency."""
    expected_level: Annotated[int, Field(ge=1, le=2)] | None = None
    """Level it can bring the practice to; absent where it cannot be said."""


class Metric(Part):
    """A figure an agency's own systems could feed.

    A `ratio` is its numerator over its denominator; `days` and `count` are the figure the definition describes, and
    `cases` says what a median is taken over, so that a figure resting on few cases can be held back.
    """

    key: Slug
    """Stable key of the metric, unique in the document."""
    kind: Literal["ratio", "days", "count"]
    """`ratio`, `days` or `count`."""
    title: LocaleMap
    """Title of the metric."""
    unit: LocaleMap
    """Unit of its values."""
    direction: Literal["higher", "lower", "near_one", "descriptive"] = Field(description="Which way is better.")
    signal: bool = Field(description="Whether it counts towards the practice's HR signal; such a metric is a coverage.")
    definition: LocaleMap
    """How the figure is defined."""
    numerator: LocaleMap | None = None
    """What a ratio counts; absent for other kinds."""
    denominator: LocaleMap | None = None
    """What a ratio counts it out of; absent for other kinds."""
    cases: LocaleMap | None = None
    """What a median is taken over; absent for a ratio."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        parts = [self.numerator, self.denominator]
        if self.kind == "ratio" and (None in parts or self.cases is not None):
            raise PydanticCustomError("ratio_parts", "A ratio has a numerator and a denominator, and no cases")
        if self.kind != "ratio" and parts != [None, None]:
            raise PydanticCustomError("ratio_parts", "Only a ratio has a numerator or a denominator")
        if self.signal and (self.kind, self.direction) != ("ratio", "higher"):
            raise PydanticCustomError("signal_kind", "Only a ratio where higher is better can be a signal")
        return self


class Practice(Part):
    """One practice: what the team is asked, and what helps it to answer and to act."""

    code: PracticeCode
    """Stable code of the practice, such as `P1`."""
    number: Annotated[int, Field(ge=1, le=100)]
    """Number of the practice; the numbers run from 1 without gaps."""
    slug: Slug
    """Stable readable name."""
    title: LocaleMap
    """Title of the practice."""
    description: LocaleMap
    """What the practice is."""
    question: LocaleMap
    """Question to the team."""
    indicators: dict[LevelKey, Annotated[list[Coded], Field(min_length=1, max_length=26)]]
    """Observable indicators by level, at least one for each."""
    prompts: Annotated[list[Coded], Field(min_length=1, max_length=26)]
    """Prompts for the facilitator."""
    evidence_to_look_for: Annotated[list[EvidenceHint], Field(min_length=1, max_length=26)]
    """Evidence to look for before voting."""
    evidence_kinds: Annotated[list[Kind], Field(min_length=1, max_length=len(EvidenceKind))]
    """Kinds of evidence that fit the practice."""
    suggested_actions: Annotated[list[SuggestedAction], Field(min_length=1, max_length=26)]
    """Steps that may close a gap; suggestions only."""
    metrics: Annotated[list[Metric], Field(max_length=26)]
    """Metrics that an agency's own systems could feed."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if missing := [level for level in _LEVELS if level not in self.indicators]:
            raise PydanticCustomError(
                "level_missing", "Every practice needs indicators at 2, 1 and 0", {"levels": missing}
            )
        refuse_repeats(self.evidence_kinds, "Evidence kinds of a practice")
        if any(hint.kind not in self.evidence_kinds for hint in self.evidence_to_look_for):
            raise PydanticCustomError("kind_not_listed", "The kind of each evidence must be among the practice's kinds")
        return self

    @model_validator(mode="after")
    def _codes_say_where_they_belong(self) -> Self:
        if any(not code.startswith(f"{self.code}.{place}.") for place, code in self._placed_codes()):
            raise PydanticCustomError(
                "misplaced_code", "A part's code begins with its practice's code and its place, as in P1.2.a"
            )
        return self

    def part_codes(self) -> Iterator[str]:
        """Return the codes of every indicator, prompt, evidence and action."""
        return (code for _, code in self._placed_codes())

    def _placed_codes(self) -> Iterator[tuple[str, str]]:
        for level, indicators in self.indicators.items():
            yield from ((level, indicator.code) for indicator in indicators)
        yield from (("prompt", prompt.code) for prompt in self.prompts)
        yield from (("evidence", hint.code) for hint in self.evidence_to_look_for)
        yield from (("action", action.code) for action in self.suggested_actions)


class InstrumentDocument(Document):
    """One version of an instrument, with all its texts."""

    format: Literal["instrument/1"]
    """Format of this document."""
    key: DocumentKey
    """Stable key of the instrument."""
    version: Semver
    """Semantic version of this document."""
    driver: Slug = Field(description="Key of the implementation driver it belongs to.")
    title: LocaleMap
    """Title of the instrument."""
    description: LocaleMap
    """What the instrument measures."""
    purpose: LocaleMap
    """What its results may be used for."""
    limitations: LocaleMap | None = None
    """What its results cannot show."""
    license: License = Field(description="SPDX identifier, or the terms the agency holds it under.")
    license_url: LicenseUrl | None = None
    """Address of the licence text."""
    citation: Annotated[list[Citation], Field(min_length=1, max_length=50)]
    """Works the instrument rests on."""
    derived_from: LocaleMap = Field(description="What it was made from, and what it does not contain.")
    scale: Scale
    """The levels and the other answers."""
    practices: Annotated[list[Practice], Field(min_length=1, max_length=100)]
    """The practices, in order of number."""
    administration: Administration
    """How the rating is done."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        refuse_gaps((practice.number for practice in self.practices), "Practice numbers")
        refuse_repeats((practice.code for practice in self.practices), "Practice codes")
        refuse_repeats((practice.slug for practice in self.practices), "Practice slugs")
        refuse_repeats((code for practice in self.practices for code in practice.part_codes()), "Codes")
        refuse_repeats((metric.key for practice in self.practices for metric in practice.metrics), "Metric keys")
        refuse_repeats((citation.code for citation in self.citation), "Citation codes")
        return self
