"""The scoring profile: the cut-offs that the specification calls defaults, as versioned and hashed data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Self

from app.scoring.canonical import content_hash
from app.scoring.profile_document import (
    Cut,
    read_cuts,
    read_exact,
    read_integer,
    read_levels,
    read_object,
    read_text,
)
from app.scoring.types import SPEC, STAGES

GATES: Final = ("practice_at_zero", "unscored", "provisional")
# Optional parts of a document. Of these, scoring reads only `privacy`.
_CARRIED: Final = ("title", "description", "license", "license_url", "evidence_rule", "privacy", "rollup")
_DEFAULT_K: Final = 5
_DEFAULT_COMMENTS_K: Final = 10
_LEAST_K: Final = 3
_SECTIONS: Final = (
    "key",
    "version",
    "spec",
    "weights",
    "coverage_minimum",
    "max_not_applicable",
    "bands",
    "gates",
    "quorum",
    "agreement_labels",
    "priority",
    "stages",
    "evidence",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringProfile:
    """The cut-offs one assessment is scored with. Build it with `from_document`.

    Shares and cut-offs are exact. Weights are integers 0 to 100, bands and `ready_from` on the 0 to 100 scale of
    readiness, agreement labels on the 0 to 1 scale of r_wg, evidence windows in days, k in respondents.
    """

    key: str
    version: str
    content_hash: str
    default_weight: int
    weights: Mapping[str, int]
    coverage_minimum: Fraction
    max_not_applicable: int
    bands: tuple[Cut, ...]
    gated_band: str
    capped_band: str
    gates: tuple[str, ...]
    quorum_share: Fraction
    quorum_minimum: int
    agreement_labels: tuple[Cut, ...]
    importance: int
    feasibility: int
    importance_expected_two: int
    ready_from: Fraction
    expected_levels: Mapping[str, Mapping[str, int]]
    fresh_days: int
    ageing_days: int
    small_cell_k: int
    comments_k: int

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScoringProfile) and self.content_hash == other.content_hash

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read a profile from its document.

        Args:
            document: the profile as JSON-like data, such as the shipped `fa9-default`.
        Returns:
            The profile, with the SHA-256 of the document's canonical form as `content_hash`.
        Raises:
            ValueError: a part of the document is missing, unknown or out of range; the message names it.
        Source:
            scoring spec, wherever it says "default".
        """
        top = read_object(document, "profile", _SECTIONS, _CARRIED)
        if top["spec"] != SPEC:
            raise ValueError(f"profile.spec must be {SPEC}")
        weights = read_object(top["weights"], "weights", ("default", "practices"))
        bands = read_cuts(top["bands"], "bands", 100, 2)
        gated_band, capped_band, gates = _read_gates(top["gates"], bands)
        quorum = read_object(top["quorum"], "quorum", ("share", "minimum"))
        defaults = ("importance", "feasibility", "importance_where_level_2_is_expected")
        priority = read_object(top["priority"], "priority", defaults)
        importance, feasibility, expected_two = (read_integer(priority[k], f"priority.{k}", 1, 5) for k in defaults)
        stages = read_object(top["stages"], "stages", ("ready_from", "expected_levels"))
        fresh_days, ageing_days = _read_windows(top["evidence"])
        return cls(
            key=read_text(top["key"], "key"),
            version=read_text(top["version"], "version"),
            default_weight=read_integer(weights["default"], "weights.default", 0, 100),
            weights=read_levels(weights["practices"], "weights.practices", 100),
            coverage_minimum=read_exact(top["coverage_minimum"], "coverage_minimum", 1),
            max_not_applicable=read_integer(top["max_not_applicable"], "max_not_applicable", 0, 1000),
            bands=bands,
            gated_band=gated_band,
            capped_band=capped_band,
            gates=gates,
            quorum_share=read_exact(quorum["share"], "quorum.share", 1),
            quorum_minimum=read_integer(quorum["minimum"], "quorum.minimum", 0, 1000),
            agreement_labels=read_cuts(top["agreement_labels"], "agreement_labels", 1, 1),
            importance=importance,
            feasibility=feasibility,
            importance_expected_two=expected_two,
            ready_from=read_exact(stages["ready_from"], "stages.ready_from", 100),
            expected_levels=_read_expected(stages["expected_levels"]),
            fresh_days=fresh_days,
            ageing_days=ageing_days,
            small_cell_k=_read_k(top.get("privacy"), "small_cell_k", _DEFAULT_K),
            comments_k=_read_k(top.get("privacy"), "comments_k", _DEFAULT_COMMENTS_K),
            content_hash=content_hash(dict(document)),
        )

    def weight(self, code: str) -> int:
        """Return the weight of a practice, 0 to 100: the one set for it, or the default weight."""
        return self.weights.get(code, self.default_weight)

    def expected_levels_of(self, stage: str | None, codes: Sequence[str]) -> list[int | None]:
        """Return the levels that a stage expects of practices; None where there is no stage or no expected level."""
        levels = {} if stage is None else self.expected_levels[stage]
        return [levels.get(code) for code in codes]

    def quorum(self, seats: int) -> int:
        """Return the quorum for a number of respondent seats: with fewer voters a practice has a low response."""
        return max(self.quorum_minimum, -(-seats * self.quorum_share.numerator // self.quorum_share.denominator))

    @property
    def established_from(self) -> Fraction:
        """Lower cut of the gated band, on the 0 to 100 scale of readiness."""
        return self.bands[-1].lower


def _read_gates(value: Any, bands: Sequence[Cut]) -> tuple[str, str, tuple[str, ...]]:
    gates = read_object(value, "gates", ("band", "capped_at", "refuse"))
    if gates["band"] != bands[-1].key:
        raise ValueError("gates.band must be the highest band")
    if gates["capped_at"] not in [band.key for band in bands[:-1]]:
        raise ValueError("gates.capped_at must be a lower band")
    refuse = gates["refuse"]
    if not isinstance(refuse, list) or any(gate not in GATES for gate in refuse):
        raise ValueError(f"gates.refuse must be a list of {', '.join(GATES)}")
    return gates["band"], gates["capped_at"], tuple(gate for gate in GATES if gate in refuse)


def _read_expected(value: Any) -> dict[str, dict[str, int]]:
    rows = read_object(value, "stages.expected_levels", STAGES)
    return {stage: read_levels(rows[stage], f"stages.expected_levels.{stage}", 2) for stage in STAGES}


def _read_windows(value: Any) -> tuple[int, int]:
    windows = read_object(value, "evidence", ("fresh_days", "ageing_days"))
    fresh = read_integer(windows["fresh_days"], "evidence.fresh_days", 0, 36_500)
    return fresh, read_integer(windows["ageing_days"], "evidence.ageing_days", fresh, 36_500)


def _read_k(privacy: Any, name: str, default: int) -> int:
    """Read a k of the privacy rules. An absent, invalid or too small k becomes the default (scoring spec 9)."""
    k = privacy.get(name) if isinstance(privacy, Mapping) else None
    return k if type(k) is int and k >= _LEAST_K else default
