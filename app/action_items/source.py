"""Where an action item comes from: a free proposal, or the gap that an assessment found."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.action_items.errors import (
    OrganizationMismatch,
    OrganizationRequired,
    PracticeRequired,
    TitleRequired,
    error_at,
)
from app.action_items.schemas import ActionItemCreate
from app.assessments.gaps import Gap, find_gaps
from app.db.transaction import Tx

_LONGEST_TITLE = 500
_HIGHEST_LEVEL = 2


@dataclass(frozen=True, slots=True)
class ItemSource:
    """The fields of a new item that its source decides."""

    organization_id: UUID
    title: str
    gap_score: int | None
    expected_level: int | None


async def find_source(tx: Tx, body: ActionItemCreate) -> ItemSource:
    """Find the source of a new item.

    Raises:
        OrganizationRequired, TitleRequired: a free item needs both.
        AppError: what `check_gap` raises.
    """
    if body.assessment_id is not None:
        gaps = await check_gap(tx, body.assessment_id, body.practices, body.organization_id)
        score = lowest_score(gaps)
        return ItemSource(
            gaps[0].organization_id,
            body.title or join_titles([gap.practice_title for gap in gaps]),
            score,
            body.expected_level or next_level(score),
        )
    if body.organization_id is None:
        raise error_at(OrganizationRequired, "organization_id")
    if body.title is None:
        raise error_at(TitleRequired, "title")
    return ItemSource(body.organization_id, body.title, None, body.expected_level)


async def check_gap(tx: Tx, assessment_id: UUID, practices: Sequence[str], organization_id: UUID | None) -> list[Gap]:
    """Find the gaps that a new or a changed item is to close.

    Args:
        organization_id: the organization of the item; None: the organization of the assessment.

    Raises:
        PracticeRequired: no practice is named.
        UnknownAssessment, UnknownPractice, AssessmentVoid, AssessmentSuperseded, SealedVotes, NoGap: as `find_gaps`
            raises them.
        OrganizationMismatch: the assessment belongs to another organization.
    """
    if not practices:
        raise error_at(PracticeRequired, "practices")
    gaps = await find_gaps(tx, assessment_id, practices)
    if organization_id not in {None, gaps[0].organization_id}:
        raise error_at(OrganizationMismatch, "organization_id")
    return gaps


def lowest_score(gaps: Sequence[Gap]) -> int | None:
    """Return the lowest score among the gaps, or None if none is scored."""
    return min((gap.score for gap in gaps if gap.score is not None), default=None)


def next_level(score: int | None) -> int:
    """Return the level that closing a gap should reach: one above the score and at most 2; 1 without a score."""
    return 1 if score is None else min(score + 1, _HIGHEST_LEVEL)


def join_titles(titles: Sequence[str]) -> str:
    """Join the titles of practices to one title, shortened to the longest that is allowed."""
    joined = "; ".join(titles)
    return joined if len(joined) <= _LONGEST_TITLE else joined[: _LONGEST_TITLE - 1].rstrip() + "…"
