"""The readiness object as typed, rounded values, and its JSON.

While votes are sealed, the same types have None in place of every figure.
"""

from datetime import date
from typing import Any, Final

import msgspec
from msgspec import Struct

from app.scoring.priorities import Rating
from app.scoring.types import SPEC, Finding

NOTICE: Final = (
    "A planning aid for the team that made it: not a ranking and not a sanction. "
    "None of the cut-offs used here has been validated for this instrument."
)
INTERVAL_STATEMENT: Final = (
    "The interval describes the spread between respondents, not the sampling error of a complete team."
)
_encode: Final = msgspec.json.Encoder().encode


class Shape(Struct, frozen=True, gc=False):
    """Base of the parts of a result. They cannot form reference cycles, so the garbage collector ignores them."""


class VersionedItem(Shape, frozen=True):
    """An instrument version or a scoring profile, identified by its content."""

    key: str
    version: str
    content_hash: str


class PracticeVoting(Shape, frozen=True):
    """How many respondents voted on one practice."""

    code: str
    voted: int


class Voting(Shape, frozen=True):
    """How many respondents were invited, and how many voted."""

    invited: int
    voted: int
    quorum: int
    practices: list[PracticeVoting]


class Sums(Shape, frozen=True):
    """The integers readiness is computed from: 50 x weighted_sum / weight_scored."""

    weighted_sum: int
    weight_scored: int
    weight_applicable: int


class Counts(Shape, frozen=True):
    """Numbers of practices by status."""

    practices: int
    applicable: int | None
    scored: int | None
    not_applicable: int | None
    unscored: int | None


class PathToEstablished(Shape, frozen=True):
    """The fewest one-level moves to the highest band with no practice left at 0."""

    practices: tuple[str, ...] | None
    moves: int | None
    reason: str | None


class PracticeVotes(Shape, frozen=True):
    """Votes on one practice by answer."""

    not_in_place: int
    partially_in_place: int
    in_place: int
    dont_know: int
    not_applicable: int
    voted: int
    invited: int


class VoteRange(Shape, frozen=True):
    """Lowest and highest numeric vote."""

    low: int
    high: int


class PracticeAgreement(Shape, frozen=True):
    """r_wg of one practice and the profile's label for it."""

    value: float | None
    label: str | None
    reason: str | None


class PracticeConsensus(Shape, frozen=True):
    """The recorded consensus and how it relates to the votes."""

    value: int | str
    in_range: bool | None
    needs_note: bool
    has_note: bool


class SignalMetric(Shape, frozen=True):
    """A figure that counts for a signal, or the reason why there is none to show."""

    metric: str
    level: int | None
    reason: str | None
    numerator: int | None
    denominator: int | None
    period_start: date | None
    period_end: date | None
    metric_id: str | None


class PracticeSignal(Shape, frozen=True):
    """What systems report about a practice. It is no part of the score."""

    level: int | None
    reason: str | None
    metrics: list[SignalMetric]


class PracticeResult(Shape, frozen=True):
    """One practice: its score, the source of the score, and its part in every figure."""

    code: str
    number: int
    title: str | None
    status: str | None
    score: int | None
    source: str | None
    reason: str | None
    flags: list[str]
    votes: PracticeVotes | None
    perception: float | None
    vote_range: VoteRange | None
    r_wg: PracticeAgreement
    consensus: PracticeConsensus | None
    left_unscored: bool | None
    weight: int
    contribution: float | None
    importance: Rating
    feasibility: Rating
    expected_level: int | None
    gap: float | None
    priority: float | None
    signal: PracticeSignal | None


class AgreementFigure(Shape, frozen=True):
    """One figure of agreement across practices."""

    value: float | None
    reason: str | None
    units: int | None


class PairwiseExact(AgreementFigure, frozen=True):
    """Pairs of respondents who gave the same level, out of all pairs within practices."""

    agreeing_pairs: int | None
    pairs: int | None


class AgreementResult(Shape, frozen=True):
    """Agreement across practices."""

    r_star_wg_j: AgreementFigure
    alpha_ordinal: AgreementFigure
    pairwise_exact: PairwiseExact
    discuss_first: list[str]


class ExcludedRespondents(Shape, frozen=True):
    """Respondents who do not count towards perception, as a number."""

    reason: str
    respondents: int


class Perception(Shape, frozen=True):
    """How respondents see readiness, each by their own votes."""

    mean: float | None
    reason: str | None
    ci95: tuple[float, float] | None
    ci95_reason: str | None
    respondents: int | None
    excluded: list[ExcludedRespondents]
    statement: str = INTERVAL_STATEMENT


class RankedPriority(Shape, frozen=True):
    """One applicable practice in the order in which to take it up."""

    rank: int
    practice: str
    priority: float
    gap: float
    importance: int
    feasibility: int
    flags: list[str]


class StageResult(Shape, frozen=True):
    """Attainment of the levels that the stage expects."""

    value: float | None
    reason: str | None
    attained: int | None
    expected: int | None
    ready_to_advance: bool | None
    blocking: tuple[Finding, ...]


class Finality(Shape, frozen=True):
    """Whether the assessment can be made final now."""

    can_finalize: bool
    blockers: tuple[Finding, ...]


class Exclusion(Shape, frozen=True):
    """Practices by code, or a number of respondents, that a figure leaves out for a reason; one of the two is None."""

    figure: str
    reason: str
    practices: list[str] | None
    respondents: int | None


class Result(Shape, frozen=True, kw_only=True):
    """The readiness of one assessment, with everything that explains it. An undefined figure is None with a reason."""

    spec: str = SPEC
    assessment_id: str | None
    assessment_title: str | None
    organization_id: str | None
    organization_name: str | None
    program_id: str | None
    program_name: str | None
    instrument: VersionedItem
    profile: VersionedItem
    input_hash: str
    stage: str | None
    as_of: date | None
    sealed: bool
    voting: Voting | None
    readiness: float | None
    readiness_mean: float | None
    in_place_share: float | None
    at_least_partial_share: float | None
    coverage: float | None
    bounds: tuple[float, float] | None
    band: str | None
    reason: str | None
    band_reason: str | None
    cap_reasons: tuple[Finding, ...]
    provisional: list[str]
    sums: Sums | None
    counts: Counts
    path_to_established: PathToEstablished
    practices: list[PracticeResult]
    agreement: AgreementResult
    perception: Perception
    priorities: list[RankedPriority]
    stage_attainment: StageResult
    finality: Finality
    left_out: list[Exclusion]
    notice: str = NOTICE


def encode_result(result: Result) -> bytes:
    """Encode a result as JSON. Keys have a fixed order, so equal results give equal bytes."""
    return _encode(result)


def summarize(result: Result) -> Result:
    """Leave the two long lists empty: the practices and their priorities."""
    return msgspec.structs.replace(result, practices=[], priorities=[])


def encode_without_voting(result: Result) -> bytes:
    """Encode a sealed result without the part that changes as people vote. Its ETag is computed from this."""
    return _encode(msgspec.structs.replace(result, voting=None))


def to_builtins(result: Result) -> dict[str, Any]:
    """Convert a result to plain JSON values."""
    converted: dict[str, Any] = msgspec.json.decode(_encode(result))
    return converted
