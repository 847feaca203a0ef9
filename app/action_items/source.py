"""Where a new action item comes from, and what it takes from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.action_items.errors import OrganizationMismatch, OrganizationRequired, PracticeRequired, TitleRequired, at
from app.action_items.schemas import ActionItemCreate
from app.assessments.practice_scores import gaps_of
from app.db.transaction import Tx

_LONGEST_TITLE = 500
_HIGHEST_LEVEL = 2


@dataclass(frozen=True, slots=True)
class Origin:
    """What an item takes from where it comes from."""

    organization_id: UUID
    title: str
    gap_score: int | None
    expected_level: int | None


async def origin_of(tx: Tx, body: ActionItemCreate) -> Origin:
    """The origin of a new item: the caller's own words, or the gap that an assessment found.

    Raises:
        OrganizationRequired, TitleRequired: a free item lacks them.
        PracticeRequired, OrganizationMismatch, UnknownAssessment, UnknownPractice: no such gap.
        SealedVotes: the assessment's votes are still sealed.
    """
    if body.assessment_id is not None:
        return await _from_gap(tx, body.assessment_id, body)
    if body.organization_id is None:
        raise at(OrganizationRequired, "organization_id")
    if body.title is None:
        raise at(TitleRequired, "title")
    return Origin(body.organization_id, body.title, None, body.expected_level)


def next_level(score: int | None) -> int:
    """The level expected of closing a gap: one above the score, at most 2; 1 where nothing is scored yet."""
    return 1 if score is None else min(score + 1, _HIGHEST_LEVEL)


def joined_title(titles: Sequence[str]) -> str:
    """A title made of the practices' own, shortened to what a title may hold."""
    joined = "; ".join(titles)
    return joined if len(joined) <= _LONGEST_TITLE else joined[: _LONGEST_TITLE - 1].rstrip() + "…"


async def _from_gap(tx: Tx, assessment_id: UUID, body: ActionItemCreate) -> Origin:
    if not body.practices:
        raise at(PracticeRequired, "practices")
    gaps = await gaps_of(tx, assessment_id, body.practices)
    organization_id = gaps[0].organization_id
    if body.organization_id not in {None, organization_id}:
        raise at(OrganizationMismatch, "organization_id")
    score = min((gap.score for gap in gaps if gap.score is not None), default=None)
    return Origin(
        organization_id,
        body.title or joined_title([gap.practice_title for gap in gaps]),
        score,
        body.expected_level or next_level(score),
    )
