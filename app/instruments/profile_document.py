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
    practices: Annotated[dict[PracticeCode, Weight], Field(max_length=100)]


class Band(Part):
    """A class of readiness that begins at `from` (inclusive) on the scale 0 to 100."""

    key: Slug
    lower: Exact = Field(alias="from")
    title: LocaleMap | None = None


class AgreementLabel(Part):
    """A class of r_wg that begins at `from` (inclusive) on the scale 0 to 1."""

    key: Slug
    lower: Share = Field(alias="from")
    title: LocaleMap | None = None


class Gates(Part):
    """What keeps an assessment out of the highest band, and the band it is capped at."""

    band: Slug
    capped_at: Slug
    refuse: Annotated[list[Literal["practice_at_zero", "unscored", "provisional"]], Field(max_length=3)]


class Quorum(Part):
    """Fewer voters than this flag a low response: a share of the respondent seats, and a least number."""

    share: Share
    minimum: Annotated[int, Field(ge=0, le=1000)]


class PriorityDefaults(Part):
    """Ratings used where a team has given none."""

    importance: Rating
    importance_where_level_2_is_expected: Rating
    feasibility: Rating


class ExpectedLevels(Part):
    """The least level each stage expects, by practice code."""

    exploration: dict[PracticeCode, Level]
    installation: dict[PracticeCode, Level]
    initial_implementation: dict[PracticeCode, Level]
    full_implementation: dict[PracticeCode, Level]


class Stages(Part):
    """What the stages expect, and the attainment (0 to 100) from which moving on is advised."""

    ready_from: Annotated[int, Field(ge=0, le=100)]
    expected_levels: ExpectedLevels

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
    ageing_days: Days

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.fresh_days > self.ageing_days:
            raise PydanticCustomError("reversed_range", "Evidence cannot go stale before it ages")
        return self


class Substantiated(Part):
    """What makes evidence substantial, in numbers of items that are not stale."""

    items: Annotated[Literal[2], AN_INTEGER]
    kinds: Annotated[Literal[2], AN_INTEGER]
    kinds_not_counted: tuple[Literal["testimony"]] = Field(strict=False)
    verified: Annotated[Literal[1], AN_INTEGER]
    fresh: Annotated[Literal[1], AN_INTEGER]


class Partial(Part):
    """What makes evidence partial."""

    items: Annotated[Literal[1], AN_INTEGER]


class EvidenceRule(Part):
    """The rule of scoring spec 6, stated so that a reader of the profile sees it whole; fa9/1 fixes its values."""

    substantiated: Substantiated
    partial: Partial
    needed: dict[Literal["0", "1", "2"], Literal["none", "partial", "substantiated"]]

    @model_validator(mode="after")
    def _is_the_rule_of_the_specification(self) -> Self:
        if self.needed != {"2": "substantiated", "1": "partial", "0": "none"}:
            raise PydanticCustomError("fixed_by_specification", "The specification fixes what each level needs")
        return self


class Privacy(Part):
    """The least numbers behind a figure: respondents, comments, and organizations of a benchmark."""

    small_cell_k: SmallCell
    small_cell_floor: Annotated[Literal[3], AN_INTEGER]
    comments_k: SmallCell
    organizations_k: SmallCell


class Rollup(Part):
    """How old, in days, an assessment may be to count in a roll-up."""

    window_days: Annotated[int, Field(ge=1, le=36_500)]


# The shipped profile under a key of one's own, with coaching and training weighing double.
_EXAMPLE = {
    **shipped_profiles()[0].document,
    "key": "north-county",
    "weights": {"default": 1, "practices": {"P1": 2}},
}


class ProfileDocument(Document):
    """One version of a scoring profile."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    key: DocumentKey
    version: Semver
    spec: Literal["fa9/1"]
    title: LocaleMap
    description: LocaleMap
    license: License
    license_url: LicenseUrl | None = None
    weights: Weights
    coverage_minimum: Share
    max_not_applicable: Annotated[int, Field(ge=0, le=100)]
    bands: Annotated[list[Band], Field(min_length=2, max_length=20)]
    gates: Gates
    quorum: Quorum
    agreement_labels: Annotated[list[AgreementLabel], Field(min_length=1, max_length=20)]
    priority: PriorityDefaults
    stages: Stages
    evidence: EvidenceWindows
    evidence_rule: EvidenceRule
    privacy: Privacy
    rollup: Rollup

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
