"""Find what keeps an assessment from becoming final (scoring spec 2, "Final")."""

from collections.abc import Sequence

from app.scoring.profile import ScoringProfile
from app.scoring.readiness import PracticeGroups, is_covered
from app.scoring.types import Finding
from app.scoring.votes import PracticeOutcome


def find_blockers(
    codes: Sequence[str],
    outcomes: Sequence[PracticeOutcome],
    groups: PracticeGroups,
    profile: ScoringProfile,
    *,
    has_administration_record: bool,
) -> tuple[Finding, ...]:
    """Find what keeps an assessment from becoming final.

    Args:
        codes: practice codes in order of number, shape (practices,).
        outcomes: of the same practices.
        groups: codes of the same practices by status.
        profile: sets the minimum coverage.
        has_administration_record: whether the administration is recorded.
    Returns:
        An empty tuple if the assessment can be made final. Otherwise any of `insufficient_coverage` (with the unscored
        practices), `no_administration_record`, `unscored_practice` (neither scored nor explicitly left unscored),
        `provisional_practice` (votes differ and there is no consensus) and `consensus_needs_note`.
    Source:
        scoring spec 2.
    """
    applicable = len(codes) - len(groups.not_applicable)
    rows = list(zip(codes, outcomes, strict=True))
    blockers = []
    if not is_covered(applicable - len(groups.unscored), applicable, profile):
        blockers.append(Finding("insufficient_coverage", tuple(groups.unscored)))
    if not has_administration_record:
        blockers.append(Finding("no_administration_record"))
    if open_ := [code for code, one in rows if one.status == "unscored" and not one.left_unscored]:
        blockers.append(Finding("unscored_practice", tuple(open_)))
    if groups.provisional:
        blockers.append(Finding("provisional_practice", tuple(groups.provisional)))
    if bare := [code for code, one in rows if one.lacks_note]:
        blockers.append(Finding("consensus_needs_note", tuple(bare)))
    return tuple(blockers)
