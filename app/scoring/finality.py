"""Whether an assessment may become final, and what stands in the way (scoring spec 2, "Final")."""

from app.scoring.readiness import covers
from app.scoring.results import Results
from app.scoring.types import Finding


def finality(results: Results, *, has_administration_record: bool) -> tuple[Finding, ...]:
    """What keeps an assessment from becoming final.

    Args:
        results: what the practices come to.
        has_administration_record: whether the administration was recorded.
    Returns:
        Blockers, none where the assessment can be made final: `insufficient_coverage` (with the unscored practices),
        `no_administration_record`, `unscored_practice` (neither scored nor explicitly left unscored),
        `provisional_practice` (votes that differ, and no consensus), `consensus_needs_note`.
    Source:
        scoring spec 2.
    """
    sheet, unscored, outcomes = results.sheet, results.marks.unscored, results.outcomes
    applicable = len(sheet.codes) - len(results.marks.not_applicable)
    blockers = []
    if not covers(applicable - len(unscored), applicable, sheet.profile):
        blockers.append(Finding("insufficient_coverage", tuple(unscored)))
    if not has_administration_record:
        blockers.append(Finding("no_administration_record"))
    if unscored:
        left = [code for code, outcome in zip(sheet.codes, outcomes, strict=True) if outcome.left_unscored]
        if forgotten := [code for code in unscored if code not in left]:
            blockers.append(Finding("unscored_practice", tuple(forgotten)))
    if results.marks.provisional:
        blockers.append(Finding("provisional_practice", tuple(results.marks.provisional)))
    if unexplained := [code for code, outcome in zip(sheet.codes, outcomes, strict=True) if outcome.lacks_note]:
        blockers.append(Finding("consensus_needs_note", tuple(unexplained)))
    return tuple(blockers)
