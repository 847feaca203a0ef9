"""What an action item takes from where it comes from: the caller's words, or the gap that an assessment found."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.action_items.errors import OrganizationMismatch, OrganizationRequired, PracticeRequired, TitleRequired, at
from app.action_items.schemas import ActionItemCreate
from app.assessments.gaps import Gap, gaps_of
from app.db.transaction import Tx

_LONGEST_TITLE = 500
_HIGHEST_LEVEL = 2


@dataclass(frozen=True, slots=True)
class Source:
    """What a new item takes from its source."""

    organization_id: UUID
    title: str
    gap_score: int | None
    expected_level: int | None


async def source_of(tx: Tx, body: ActionItemCreate) -> Source:
    """Find what a new item takes from its source.

    Raises:
        OrganizationRequired, TitleRequired: a free item lacks them.
        AppError: what `check_gap` raises.
    """
    if body.assessment_id is not None:
        gaps = await check_gap(tx, body.assessment_id, body.practices, body.organization_id)
        score = lowest_score(gaps)
        return Source(
            gaps[0].organization_id,
            body.title or join_titles([gap.practice_title for gap in gaps]),
            score,
            body.expected_level or next_level(score),
        )
    if body.organization_id is None:
        raise at(OrganizationRequired, "organization_id")
    if body.title is None:
        raise at(TitleRequired, "title")
    return Source(body.organization_id, body.title, None, body.expected_level)


async def check_gap(tx: Tx, assessment_id: UUID, practices: Sequence[str], organization_id: UUID | None) -> list[Gap]:
    """Find the gaps that an item is to close, for a new item and for a changed one.

    Args:
        organization_id: whose item it is; None: the assessment decides.

    Raises:
        PracticeRequired: no practice is named.
        UnknownAssessment, UnknownPractice, AssessmentVoid, AssessmentSuperseded, SealedVotes, NoGap: there is no such
            gap.
        OrganizationMismatch: the assessment belongs to another organization.
    """
    if not practices:
        raise at(PracticeRequired, "practices")
    gaps = await gaps_of(tx, assessment_id, practices)
    if organization_id not in {None, gaps[0].organization_id}:
        raise at(OrganizationMismatch, "organization_id")
    return gaps


def lowest_score(gaps: Sequence[Gap]) -> int | None:
    """Return the lowest score among the gaps, or None where none is scored."""
    return min((gap.score for gap in gaps if gap.score is not None), default=None)


def next_level(score: int | None) -> int:
    """Return the level that closing a gap should reach: one above the score and at most 2; 1 without a score."""
    return 1 if score is None else min(score + 1, _HIGHEST_LEVEL)


def join_titles(titles: Sequence[str]) -> str:
    """Make one title of the practices' titles, shortened to what a title may hold."""
    joined = "; ".join(titles)
    return joined if len(joined) <= _LONGEST_TITLE else joined[: _LONGEST_TITLE - 1].rstrip() + "…"
