"""The practices and respondents that a figure leaves out: one entry for each figure and reason."""

from collections.abc import Sequence
from typing import Final

from app.scoring.readiness import PracticeGroups
from app.scoring.result import Exclusion
from app.scoring.votes import PracticeOutcome

#: The lowest number of numeric votes on a practice that each figure of agreement needs.
_LEAST_VOTES: Final = (("agreement.r_star_wg_j", 3), ("agreement.alpha_ordinal", 2), ("agreement.pairwise_exact", 2))
_MOST_VOTES_NEEDED: Final = 3


def list_exclusions(
    codes: Sequence[str],
    outcomes: Sequence[PracticeOutcome],
    groups: PracticeGroups,
    excluded_respondents: Sequence[tuple[str, int]],
) -> list[Exclusion]:
    """List what readiness, agreement and perception leave out.

    Args:
        codes: practice codes in order of number, shape (practices,).
        outcomes: of the same practices.
        groups: codes of the same practices by status.
        excluded_respondents: reasons and numbers of respondents who do not count towards perception.
    Returns:
        Entries with the codes of practices or the number of respondents. They never name a respondent.
    """
    entries = []
    if groups.not_applicable or groups.unscored:
        entries += _of_readiness(codes, outcomes)
    if groups.not_applicable or min([outcome.counts.numeric for outcome in outcomes]) < _MOST_VOTES_NEEDED:
        entries += _of_agreement(codes, outcomes, groups)
    return entries + [Exclusion("perception", reason, None, number) for reason, number in excluded_respondents]


def _of_readiness(codes: Sequence[str], outcomes: Sequence[PracticeOutcome]) -> list[Exclusion]:
    reasons: dict[str, list[str]] = {}
    for code, outcome in zip(codes, outcomes, strict=True):
        if outcome.reason:
            reasons.setdefault(outcome.reason, []).append(code)
    return [Exclusion("readiness", reason, practices, None) for reason, practices in sorted(reasons.items())]


def _of_agreement(codes: Sequence[str], outcomes: Sequence[PracticeOutcome], groups: PracticeGroups) -> list[Exclusion]:
    entries = []
    for figure, least in _LEAST_VOTES:
        few = [
            code
            for code, outcome in zip(codes, outcomes, strict=True)
            if outcome.status != "not_applicable" and outcome.counts.numeric < least
        ]
        if groups.not_applicable:
            entries.append(Exclusion(figure, "not_applicable", list(groups.not_applicable), None))
        if few:
            entries.append(Exclusion(figure, "too_few_votes", few, None))
    return entries
