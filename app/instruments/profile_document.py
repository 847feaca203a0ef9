"""The schema of a scoring profile's document: every cut-off that scoring specification fa9/1 marks as a default."""

from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.instruments.parts import (
    AN_INTEGER,
    Document,
    DocumentKey,
    Level,
    License,
    LicenseUrl,
    LocaleMap,
    Part,
    PracticeCode,
    Semver,
    Slug,
    refuse_repeats,
)
from app.instruments.shipped import shipped_profiles

# Bounded on purpose: Fraction("1e999999999") would be built digit by digit.
Exact = (
    Annotated[int, Field(ge=0, le=100)]
    | Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}|/[1-9][0-9]{0,5})?$")]
)


def _at_most_one(value: int | str) -> int | str:
    if Fraction(value) > 1:
        raise PydanticCustomError("above_one", "A share must not exceed 1")
    return value


#: A number from 0 to 1, exact: an integer, or text such as "4/5"; never a float, which has no one canonical form.
Share = Annotated[Exact, AfterValidator(_at_most_one)]
Weight = Annotated[int, Field(ge=0, le=100)]
Rating = Annotated[int, Field(ge=1, le=5)]
Days = Annotated[int, Field(ge=0, le=36_500)]
#: The least number of respondents behind a figure; privacy allows none below 3.
SmallCell = Annotated[int, Field(ge=3, le=1000)]


class Weights(Part):
    """Weights of practices; a practice not named has the default."""

    default: Weight
    """Weight of every practice that is not named, 0 to 100."""
    practices: Annotated[dict[PracticeCode, Weight], Field(max_length=100)]
    """Weight by practice code, 0 to 100."""


class Band(Part):
    """A class of readiness that begins at `from` (inclusive) on the scale 0 to 100."""

    key: Slug
    """Stable key of the band."""
    lower: Exact = Field(alias="from")
    """Readiness from which the band begins, 0 to 100, exact."""
    title: LocaleMap | None = None
    """Title of the band."""


class AgreementLabel(Part):
    """A class of r_wg that begins at `from` (inclusive) on the scale 0 to 1."""

    key: Slug
    """Stable key of the label."""
    lower: Share = Field(alias="from")
    """r_wg from which the label begins, 0 to 1, exact."""
    title: LocaleMap | None = None
    """Title of the label."""


class Gates(Part):
    """What keeps an assessment out of the highest band, and the band it is capped at."""

    band: Slug
    """The band that is withheld; the highest one."""
    capped_at: Slug
    """The band that is given instead."""
    refuse: Annotated[list[Literal["practice_at_zero", "unscored", "provisional"]], Field(max_length=3)]
    """What withholds the band."""


class Quorum(Part):
    """Fewer voters than this flag a low response: a share of the respondent seats, and a least number."""

    share: Share
    """Share of the respondent seats, 0 to 1, exact."""
    minimum: Annotated[int, Field(ge=0, le=1000)]
    """Least number of voters."""


class PriorityDefaults(Part):
    """Ratings used where a team has given none."""

    importance: Rating
    """Importance where the team gave none, 1 to 5."""
    importance_where_level_2_is_expected: Rating
    """The same where the stage expects level 2, 1 to 5."""
    feasibility: Rating
    """Feasibility where the team gave none, 1 to 5."""


class ExpectedLevels(Part):
    """The least level each stage expects, by practice code."""

    exploration: dict[PracticeCode, Level]
    """Least level by practice code in the exploration stage."""
    installation: dict[PracticeCode, Level]
    """Least level by practice code in the installation stage."""
    initial_implementation: dict[PracticeCode, Level]
    """Least level by practice code in the stage of initial implementation."""
    full_implementation: dict[PracticeCode, Level]
    """Least level by practice code in the stage of full implementation."""


class Stages(Part):
    """What the stages expect, and the attainment (0 to 100) from which moving on is advised."""

    ready_from: Annotated[int, Field(ge=0, le=100)]
    """Attainment from which moving on is advised, 0 to 100."""
    expected_levels: ExpectedLevels
    """Least levels by stage and practice."""

    @model_validator(mode="after")
    def _covers_the_same_practices(self) -> Self:
        rows = self.expected_levels
        codes = rows.exploration.keys()
        if any(
            row.keys() != codes for row in (rows.installation, rows.initial_implementation, rows.full_implementation)
        ):
            raise PydanticCustomError("uneven_stages", "Every stage must name the same practices")
        return self


class EvidenceWindows(Part):
    """Age of evidence in days up to which it is fresh, then ageing; older is stale."""

    fresh_days: Days
    """Age in days up to which evidence is fresh."""
    ageing_days: Days
    """Age in days up to which evidence is ageing; older evidence is stale."""

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.fresh_days > self.ageing_days:
            raise PydanticCustomError("reversed_range", "Evidence cannot go stale before it ages")
        return self


class Substantiated(Part):
    """What makes evidence substantial, in numbers of items that are not stale."""

    items: Annotated[Literal[2], AN_INTEGER]
    """Fewest items."""
    kinds: Annotated[Literal[2], AN_INTEGER]
    """Fewest different kinds."""
    kinds_not_counted: tuple[Literal["testimony"]] = Field(strict=False)
    """Kinds that do not count towards those."""
    verified: Annotated[Literal[1], AN_INTEGER]
    """Fewest verified items among them."""
    fresh: Annotated[Literal[1], AN_INTEGER]
    """Fewest fresh items among them."""


class PartialEvidence(Part):
    """What makes evidence partial."""

    items: Annotated[Literal[1], AN_INTEGER]
    """Fewest items."""


class EvidenceRule(Part):
    """The rule of scoring spec 6, stated so that a reader of the profile sees it whole; fa9/1 fixes its values."""

    substantiated: Substantiated
    """What substantiates a practice."""
    partial: PartialEvidence
    """What supports a practice in part."""
    needed: dict[Literal["0", "1", "2"], Literal["none", "partial", "substantiated"]]
    """What each level needs."""

    @model_validator(mode="after")
    def _is_the_rule_of_the_specification(self) -> Self:
        if self.needed != {"2": "substantiated", "1": "partial", "0": "none"}:
            raise PydanticCustomError("fixed_by_specification", "The specification fixes what each level needs")
        return self


class Privacy(Part):
    """The least numbers behind a figure: respondents, comments, and organizations of a benchmark."""

    small_cell_k: SmallCell
    """Fewest respondents behind a figure in confidential mode."""
    small_cell_floor: Annotated[Literal[3], AN_INTEGER]
    """The least value that `small_cell_k` may have."""
    comments_k: SmallCell
    """Fewest comments that are shown together."""
    organizations_k: SmallCell
    """Fewest organizations behind a benchmark."""


class Rollup(Part):
    """How old, in days, an assessment may be to count in a roll-up."""

    window_days: Annotated[int, Field(ge=1, le=36_500)]
    """Greatest age of an assessment in days."""


# The shipped profile under another key, with double weights for coaching and training.
_EXAMPLE = {
    **shipped_profiles()[0].document,
    "key": "north-county",
    "weights": {"default": 1, "practices": {"P1": 2}},
}


class ProfileDocument(Document):
    """One version of a scoring profile."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    key: DocumentKey
    """Stable key of the profile."""
    version: Semver
    """Semantic version of this document."""
    spec: Literal["fa9/1"]
    """Version of the scoring specification."""
    title: LocaleMap
    """Title of the profile."""
    description: LocaleMap
    """What the profile is for."""
    license: License
    """SPDX identifier of the licence."""
    license_url: LicenseUrl | None = None
    """Address of the licence text."""
    weights: Weights
    """Weights of the practices."""
    coverage_minimum: Share
    """Least share of scored practices for a band, 0 to 1, exact."""
    max_not_applicable: Annotated[int, Field(ge=0, le=100)]
    """Most practices that may be not applicable."""
    bands: Annotated[list[Band], Field(min_length=2, max_length=20)]
    """Bands of readiness, ascending from 0."""
    gates: Gates
    """What withholds the highest band."""
    quorum: Quorum
    """Fewest voters that are not a low response."""
    agreement_labels: Annotated[list[AgreementLabel], Field(min_length=1, max_length=20)]
    """Labels of r_wg, ascending from 0."""
    priority: PriorityDefaults
    """Ratings used where a team gave none."""
    stages: Stages
    """What the stages of implementation expect."""
    evidence: EvidenceWindows
    """How fast evidence ages."""
    evidence_rule: EvidenceRule
    """What evidence a level needs."""
    privacy: Privacy
    """Smallest numbers behind a figure."""
    rollup: Rollup
    """Which assessments a roll-up takes."""

    @model_validator(mode="after")
    def _cuts_ascend(self) -> Self:
        _refuse_disorder([(band.key, Fraction(band.lower)) for band in self.bands], 100, "Bands")
        _refuse_disorder([(label.key, Fraction(label.lower)) for label in self.agreement_labels], 1, "Agreement labels")
        return self

    @model_validator(mode="after")
    def _gates_name_its_bands(self) -> Self:
        *lower, highest = [band.key for band in self.bands]
        if self.gates.band != highest or self.gates.capped_at not in lower:
            raise PydanticCustomError("gate_bands", "The gates guard the highest band and cap at a lower one")
        refuse_repeats(self.gates.refuse, "Gates")
        return self


def _refuse_disorder(cuts: list[tuple[str, Fraction]], scale: int, what: str) -> None:
    refuse_repeats((key for key, _ in cuts), f"{what}' keys")
    bounds = [lower for _, lower in cuts]
    if bounds[0] != 0 or any(low >= high for low, high in pairwise(bounds)) or bounds[-1] >= scale:
        raise PydanticCustomError(
            "cuts_out_of_order", "{what} must begin at 0, ascend and stay below {scale}", {"what": what, "scale": scale}
        )
