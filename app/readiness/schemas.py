"""The readiness object."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from app.readiness import examples
from app.schemas import ResponseModel

Level = Literal[0, 1, 2]
# Literal[0, 1, 2] takes true and 1.0 for a level, which in a request are mistakes: strict integers refuse them.
StrictLevel = Annotated[int, Field(ge=0, le=2, strict=True)]
ConsensusValue = StrictLevel | Literal["not_applicable"]
Stage = Literal["exploration", "installation", "initial_implementation", "full_implementation"]
Perspective = Literal["executive", "manager", "supervisor", "practitioner", "hr", "finance", "service_user", "other"]
Per100 = Annotated[float, Field(ge=0, le=100)]

_SEALED = "`votes_sealed` while votes are sealed"
_SIX = "rounded half-even to six decimals"


class Strict(ResponseModel):
    """A shape that carries exactly its own fields."""

    model_config = ConfigDict(extra="forbid")


class VersionedItem(Strict):
    """An instrument version or a scoring profile, identified by its content."""

    key: str = Field(description="Stable key.")
    version: str = Field(description="Version of that key.")
    content_hash: str = Field(description="SHA-256 of the canonical document, 64 hexadecimal digits.")


class PracticeVoting(Strict):
    """How many respondents voted on one practice."""

    code: str = Field(description="Practice code.")
    voted: int = Field(ge=0, description="Respondents who voted on this practice, whatever they voted.")


class Voting(Strict):
    """How many were invited and how many voted. Before the reveal nothing else can be seen of votes."""

    invited: int = Field(
        ge=0,
        description="Respondent seats. A seat that is withdrawn during voting is included until the close. After that "
        "it is included if an earlier close may have counted its votes.",
    )
    voted: int = Field(ge=0, description="Respondents who voted on at least one practice.")
    quorum: int = Field(ge=0, description="Fewer voters than this on a practice raise its flag `low_response`.")
    practices: list[PracticeVoting] = Field(description="Votes cast per practice, in instrument order.")


class PracticesFinding(Strict):
    """A machine-readable reason with the practices it names."""

    reason: str = Field(description="Stable reason code.")
    practices: list[str] = Field(description="Practice codes; empty where the reason is about the whole.")


class Sums(Strict):
    """The integers readiness is computed from: 50 x weighted_sum / weight_scored."""

    weighted_sum: int = Field(description="Sum of weight x score over the scored practices.")
    weight_scored: int = Field(description="Sum of the weights of the scored practices.")
    weight_applicable: int = Field(description="Sum of the weights of all applicable practices.")


class Counts(Strict):
    """Numbers of practices by status. All but `practices` are null while votes are sealed."""

    practices: int = Field(description="Practices of the instrument.")
    applicable: int | None = Field(description="Practices that are not `not_applicable`.")
    scored: int | None = Field(description="Applicable practices with a score.")
    not_applicable: int | None = Field(description="Practices that do not apply.")
    unscored: int | None = Field(description="Applicable practices without a score.")


class PathToEstablished(Strict):
    """The fewest one-level improvements that reach the highest band with no practice left at 0."""

    practices: list[str] | None = Field(
        description="Practices to lift, one entry per level (twice for a lift from 0 to 2), by practice number. "
        "Empty where the scores are already there; null with `reason`."
    )
    moves: int | None = Field(description="Number of improvements, the length of `practices`.")
    reason: str | None = Field(
        description=f"Why there is none: `unscored`, `too_many_not_applicable`, `nothing_scored`, or {_SEALED}."
    )


class VoteCountsRead(Strict):
    """Votes on one practice by answer."""

    not_in_place: int = Field(description="Votes of 0.")
    partially_in_place: int = Field(description="Votes of 1.")
    in_place: int = Field(description="Votes of 2.")
    dont_know: int = Field(description="Respondents who said they do not know.")
    not_applicable: int = Field(description="Respondents who said the practice does not apply.")
    voted: int = Field(description="Votes of any kind.")
    invited: int = Field(description="Respondent seats.")


class VoteRange(Strict):
    """Lowest and highest numeric vote."""

    low: Level = Field(description="Lowest numeric vote.")
    high: Level = Field(description="Highest numeric vote.")


class WithinGroupAgreement(Strict):
    """Agreement of the numeric votes on one practice, r_wg with a uniform null (James, Demaree & Wolf 1984)."""

    value: float | None = Field(ge=0, le=1, description=f"r_wg, 0 to 1, {_SIX}; null with `reason`.")
    label: str | None = Field(description="The profile's label: `acceptable`, `moderate` or `low` by default.")
    reason: str | None = Field(
        description=f"`not_applicable`, `too_few_votes` for fewer than three numeric votes, or {_SEALED}."
    )


class PracticeConsensus(Strict):
    """The recorded consensus and how it relates to the votes. Its note is read from the consensus itself."""

    value: ConsensusValue = Field(description="The recorded level, or `not_applicable`.")
    in_range: bool | None = Field(
        description="Whether the level lies within the votes' range; null without numeric votes or a level."
    )
    needs_note: bool = Field(
        description="True without any vote, outside the votes' range, or for `not_applicable` over numeric votes."
    )
    has_note: bool = Field(description="Whether a note was recorded.")


class RatingRead(Strict):
    """Importance or feasibility of one practice."""

    value: int = Field(ge=1, le=5, description="1 (least) to 5 (most).")
    source: Literal["given", "stage", "default"] = Field(
        description="`given` by the team, higher because the `stage` expects level 2, or the profile's `default`."
    )


class SignalMetric(Strict):
    """A metric that counts for the signal of a practice, with the figure that was reported last."""

    metric: str = Field(description="Key of the metric; the instrument defines what is counted.")
    level: Level | None = Field(
        description="What the figure maps to: 2 from 4/5, 1 from 2/5, otherwise 0. Null with `reason`."
    )
    reason: Literal["metric_missing", "small_denominator"] | None = Field(
        description="`metric_missing`: nothing was reported for a period that ended by `as_of` and is recent enough. "
        "`small_denominator`: the figure is out of fewer than 5, and none of your roles was granted at the "
        "organization itself."
    )
    numerator: int | None = Field(description="What was counted; null with `reason`.")
    denominator: int | None = Field(description="Out of how many; null with `reason`.")
    period_start: date | None = Field(description="First day of the period; null where none is known.")
    period_end: date | None = Field(description="Last day of the period; null where none is known.")
    metric_id: UUID | None = Field(description="Id of the figure; null if there is none, or it came with the request.")


class PracticeSignal(Strict):
    """What HR, learning and finance systems report about a practice. It never votes and changes no score."""

    level: Level | None = Field(description="The lowest level of the metrics; null with `reason`.")
    reason: Literal["metric_missing", "small_denominator"] | None = Field(
        description="`metric_missing`: a metric of the practice has no figure. `small_denominator`: one is withheld "
        "from you."
    )
    metrics: list[SignalMetric] = Field(description="The metrics of the practice that count, as the instrument says.")


class PracticeRead(Strict):
    """One practice: its score, where that comes from, and its part in every figure."""

    code: str = Field(description="Practice code.")
    number: int = Field(description="Practice number; practices are listed in this order.")
    title: str | None = Field(description="Title of the practice, in English.")
    status: Literal["scored", "not_applicable", "unscored"] | None = Field(description="Null while votes are sealed.")
    score: Level | None = Field(description="Official score: 0 not in place, 1 partially in place, 2 in place.")
    source: Literal["consensus", "unanimous", "provisional"] | None = Field(
        description="What the score rests on; `provisional` is the lower median of votes that differ. Null where "
        "there is no score, except that a consensus of `not_applicable` says `consensus`."
    )
    reason: str | None = Field(
        description="Why there is no score: `no_votes`, `insufficient_knowledge`, `left_unscored`, "
        f"`majority_not_applicable`, `consensus_not_applicable`, or {_SEALED}."
    )
    flags: list[str] = Field(
        description="Any of `low_response`, `gap_unknown`, `consensus_needs_note`, and `feed_contradiction`: the "
        "recorded consensus is above the signal."
    )
    votes: VoteCountsRead | None = Field(description="Votes by answer; null while votes are sealed.")
    perception: float | None = Field(
        ge=0, le=2, description=f"Mean of the numeric votes, 0 to 2, {_SIX}; never mixed into the score."
    )
    vote_range: VoteRange | None = Field(description="Range of the numeric votes; null where there are none.")
    r_wg: WithinGroupAgreement = Field(description="Agreement of the numeric votes.")
    consensus: PracticeConsensus | None = Field(description="The recorded consensus; null where there is none.")
    left_unscored: bool | None = Field(description="Whether the team explicitly leaves the practice unscored.")
    weight: int = Field(ge=0, le=100, description="The profile's weight, 0 to 100.")
    contribution: float | None = Field(
        ge=0, le=100, description=f"Points of readiness this practice brings, {_SIX}; the contributions sum to it."
    )
    importance: RatingRead = Field(description="Importance, 1 to 5.")
    feasibility: RatingRead = Field(description="Feasibility, 1 to 5.")
    expected_level: Level | None = Field(description="Least level the stage expects; null without a stage.")
    gap: float | None = Field(ge=0, le=1, description="Share of the scale missing to level 2: 0, 0.5 or 1.")
    priority: float | None = Field(ge=0, le=100, description="Importance x gap x feasibility, 0 to 100.")
    signal: PracticeSignal | None = Field(
        description="What systems report; null where they report nothing, and until the votes are revealed."
    )


class AgreementFigure(Strict):
    """One figure of agreement across practices."""

    value: float | None = Field(description=f"The figure, at most 1, {_SIX}; null with `reason`.")
    reason: str | None = Field(description=f"`too_few_votes`, `no_variation`, or {_SEALED}.")
    units: int | None = Field(description="Practices the figure rests on.")


class PairwiseExact(AgreementFigure):
    """Pairs of respondents who gave the same level, out of all pairs within practices."""

    agreeing_pairs: int | None = Field(description="Pairs of equal numeric votes.")
    pairs: int | None = Field(description="All pairs of numeric votes.")


class AgreementRead(Strict):
    """Agreement across practices. Read alpha and r*_wg(J) together: alpha is low wherever votes hardly vary."""

    r_star_wg_j: AgreementFigure = Field(description="r*_wg(J) of Lindell, Brandt & Whitney (1999); may be negative.")
    alpha_ordinal: AgreementFigure = Field(description="Krippendorff's alpha with the ordinal metric.")
    pairwise_exact: PairwiseExact = Field(description="Pairwise exact agreement, 0 to 1.")
    discuss_first: list[str] = Field(description="Applicable practices, those most in need of discussion first.")


class ExcludedRespondents(Strict):
    """Respondents who do not count towards perception, as a number only."""

    reason: str = Field(description="`no_votes`, `none_applicable`, `insufficient_coverage` or `nothing_scored`.")
    respondents: int = Field(description="How many.")


class PerceptionRead(Strict):
    """How respondents see readiness, each by their own votes. It never counts towards the official figure."""

    mean: float | None = Field(ge=0, le=100, description=f"Mean of the respondents' own readiness, {_SIX}.")
    reason: str | None = Field(description=f"`no_counting_respondents`, or {_SEALED}.")
    ci95: list[Per100] | None = Field(
        min_length=2,
        max_length=2,
        description=f"Two-sided 95 % Student t interval [low, high], clipped to [0, 100], {_SIX}.",
    )
    ci95_reason: str | None = Field(description=f"`too_few_respondents` for fewer than three, or {_SEALED}.")
    respondents: int | None = Field(description="Respondents whose own votes cover enough of the practices.")
    excluded: list[ExcludedRespondents] = Field(description="Respondents who do not count, by reason.")
    statement: str = Field(description="What the interval means and does not mean.")


class PriorityRead(Strict):
    """One applicable practice in the order in which to take it up."""

    rank: int = Field(ge=1, description="1 is first.")
    practice: str = Field(description="Practice code.")
    priority: float = Field(ge=0, le=100, description="100 x importance/5 x gap x feasibility/5.")
    gap: float = Field(ge=0, le=1, description="Share of the scale missing; 1 where the practice is unscored.")
    importance: int = Field(ge=1, le=5, description="1 to 5.")
    feasibility: int = Field(ge=1, le=5, description="1 to 5.")
    flags: list[str] = Field(description="`gap_unknown` where the practice is unscored.")


class StageAttainmentRead(Strict):
    """Attainment of the least levels the stage expects. Readiness itself is never rescaled by stage."""

    value: float | None = Field(ge=0, le=100, description=f"100 x attained / expected, {_SIX}; null with `reason`.")
    reason: str | None = Field(description=f"`no_stage`, `nothing_scored`, `nothing_expected`, or {_SEALED}.")
    attained: int | None = Field(description="Sum of min(score, expected level) over scored applicable practices.")
    expected: int | None = Field(description="Sum of the expected levels over the same practices.")
    ready_to_advance: bool | None = Field(description="Advice to the team, no gate; null where undefined.")
    blocking: list[PracticesFinding] = Field(
        description="What speaks against advancing: `attainment_too_low`, `practice_at_zero`, `unscored`."
    )


class FinalityRead(Strict):
    """Whether the assessment could be made final as it stands."""

    can_finalize: bool = Field(description="True where nothing blocks.")
    blockers: list[PracticesFinding] = Field(
        description="`insufficient_coverage`, `no_administration_record`, `unscored_practice`, "
        f"`provisional_practice`, `consensus_needs_note`, or {_SEALED}."
    )


class LeftOut(Strict):
    """What a figure does not rest on, and why."""

    figure: str = Field(description="Path of the figure in this object, such as `agreement.alpha_ordinal`.")
    reason: str = Field(description="Stable reason code.")
    practices: list[str] | None = Field(description="Practices left out; null where it is about respondents.")
    respondents: int | None = Field(description="Number of respondents left out; null where it is about practices.")


class ReadinessView(StrEnum):
    """How much of a readiness object is asked for."""

    FULL = "full"
    SUMMARY = "summary"


class ReadinessRead(Strict):
    """The readiness of one assessment, with all that explains it. Undefined figures are null and have a reason."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.readiness()]})

    spec: Literal["fa9/1"] = Field(description="Version of the scoring specification.")
    assessment_id: UUID | None = Field(description="The assessment; null where votes were sent with the request.")
    assessment_title: str | None = Field(description="Its title.")
    organization_id: UUID | None = Field(description="The organization that was assessed.")
    organization_name: str | None = Field(description="Its name.")
    program_id: UUID | None = Field(description="The program or practice that is implemented.")
    program_name: str | None = Field(description="Its name.")
    instrument: VersionedItem = Field(description="The frozen instrument version.")
    profile: VersionedItem = Field(description="The frozen scoring profile.")
    input_hash: str = Field(
        description="Digest of the canonical input, 64 hexadecimal digits: SHA-256 of what was sent; of a stored "
        "assessment keyed by a secret of the tenant. Equal inputs have equal digests. While sealed nothing of the "
        "votes is in it."
    )
    stage: Stage | None = Field(description="Stage of implementation.")
    as_of: date | None = Field(description="Date the result is asked for.")
    sealed: bool = Field(description="Whether votes are still sealed; then every figure is null.")
    voting: Voting = Field(
        description="Who was asked and how many voted; the only part that changes while votes are sealed."
    )
    readiness: float | None = Field(ge=0, le=100, description=f"Readiness, 0 to 100, {_SIX}; null with `reason`.")
    readiness_mean: float | None = Field(ge=0, le=2, description=f"Weighted mean of the scores, 0 to 2, {_SIX}.")
    in_place_share: float | None = Field(ge=0, le=100, description="Scored practices at level 2, per cent.")
    at_least_partial_share: float | None = Field(ge=0, le=100, description="Scored practices at 1 or 2, per cent.")
    coverage: float | None = Field(ge=0, le=1, description="Scored out of applicable practices, 0 to 1.")
    bounds: list[Per100] | None = Field(
        min_length=2,
        max_length=2,
        description="Readiness [low, high] if every unscored practice were at 0, or at 2. Nothing is imputed.",
    )
    band: str | None = Field(description="Key of the profile's band; null with `band_reason`.")
    reason: str | None = Field(
        description=f"Why readiness is null: `too_many_not_applicable`, `nothing_scored`, or {_SEALED}."
    )
    band_reason: str | None = Field(description="Why the band is null: as `reason`, or `insufficient_coverage`.")
    cap_reasons: list[PracticesFinding] = Field(
        description="Why the highest band is withheld: `practice_at_zero`, `unscored`, `provisional`."
    )
    provisional: list[str] = Field(description="Practices whose score is merely provisional.")
    sums: Sums | None = Field(description="The integers behind readiness; null while votes are sealed.")
    counts: Counts = Field(description="Numbers of practices by status.")
    path_to_established: PathToEstablished = Field(description="The shortest way to the highest band.")
    practices: list[PracticeRead] = Field(
        description="Every practice of the instrument, by number; empty in the summary."
    )
    agreement: AgreementRead = Field(description="Agreement between respondents across practices.")
    perception: PerceptionRead = Field(description="Respondents' own view, with its spread.")
    priorities: list[PriorityRead] = Field(
        description="Applicable practices, the most pressing first; empty in the summary."
    )
    stage_attainment: StageAttainmentRead = Field(description="What the stage expects and how much is attained.")
    finality: FinalityRead = Field(description="What stands in the way of making the assessment final.")
    left_out: list[LeftOut] = Field(description="What figures do not rest on, and why.")
    notice: str = Field(description="How the result may be used.")
