"""Whether an assessment may become final, and what stands in the way (scoring spec 2, "Final")."""

from collections.abc import Sequence

from app.scoring.profile import ScoringProfile
from app.scoring.readiness import covers
from app.scoring.types import Finding
from app.scoring.votes import PracticeResult, has_note, note_needed


def finality(
    results: Sequence[PracticeResult], profile: ScoringProfile, *, has_administration_record: bool
) -> tuple[Finding, ...]:
    """What keeps an assessment from becoming final.

    Args:
        results: the practices' results in order of number.
        profile: the least coverage.
        has_administration_record: whether the administration was recorded.
    Returns:
        Blockers, none where the assessment can be made final: `insufficient_coverage` (with the unscored practices),
        `no_administration_record`, `unscored_practice` (neither scored nor explicitly left unscored),
        `provisional_practice` (votes that differ, and no consensus), `consensus_needs_note`.
    Source:
        scoring spec 2.
    """
    unscored = tuple(r.code for r in results if r.status == "unscored")
    applicable = sum(r.status != "not_applicable" for r in results)
    blockers = []
    if not covers(applicable - len(unscored), applicable, profile):
        blockers.append(Finding("insufficient_coverage", unscored))
    if not has_administration_record:
        blockers.append(Finding("no_administration_record"))
    by_practice = (
        Finding("unscored_practice", tuple(r.code for r in results if r.status == "unscored" and not r.left_unscored)),
        Finding("provisional_practice", tuple(r.code for r in results if r.source == "provisional")),
        Finding("consensus_needs_note", tuple(r.code for r in results if lacks_note(r))),
    )
    return (*blockers, *(finding for finding in by_practice if finding.practices))


def lacks_note(result: PracticeResult) -> bool:
    """Whether a practice's consensus departs from its votes and carries no note to say why."""
    consensus = result.consensus
    return consensus is not None and note_needed(consensus.value, result.counts) and not has_note(consensus)
