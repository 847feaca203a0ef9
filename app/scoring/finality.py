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
    unscored: list[str] = []
    forgotten: list[str] = []
    provisional: list[str] = []
    unexplained: list[str] = []
    applicable = 0
    for result in results:
        applicable += result.status != "not_applicable"
        if result.status == "unscored":
            unscored.append(result.code)
            if not result.left_unscored:
                forgotten.append(result.code)
        elif result.source == "provisional":
            provisional.append(result.code)
        if result.consensus is not None and lacks_note(result):
            unexplained.append(result.code)
    blockers = []
    if not covers(applicable - len(unscored), applicable, profile):
        blockers.append(Finding("insufficient_coverage", tuple(unscored)))
    if not has_administration_record:
        blockers.append(Finding("no_administration_record"))
    by_practice = (
        ("unscored_practice", forgotten),
        ("provisional_practice", provisional),
        ("consensus_needs_note", unexplained),
    )
    return (*blockers, *(Finding(reason, tuple(codes)) for reason, codes in by_practice if codes))


def lacks_note(result: PracticeResult) -> bool:
    """Whether a practice's consensus departs from its votes and carries no note to say why."""
    consensus = result.consensus
    return consensus is not None and note_needed(consensus.value, result.counts) and not has_note(consensus)
