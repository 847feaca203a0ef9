"""Copy the ratings of one assessment to another that starts from it."""

from sqlmodel import col, select

from app.assessments.models import Assessment, PracticeRating
from app.assessments.reference_data import load_instrument
from app.db.transaction import Tx


async def copy_ratings(tx: Tx, source: Assessment, target: Assessment) -> None:
    """Copy the importance and feasibility ratings of another assessment to a draft.

    Practices that the draft's instrument does not have are left out. The reasons for unscored
    practices are not copied, because they belong to that session.
    """
    instrument = await load_instrument(tx, tx.tenant_id, target.instrument_version_id)
    ratings = await tx.session.scalars(
        select(PracticeRating)
        .where(col(PracticeRating.tenant_id) == tx.tenant_id, col(PracticeRating.assessment_id) == source.id)
        .order_by(col(PracticeRating.id))
    )
    for rating in ratings:
        if instrument is None or not instrument.has(rating.practice):
            continue
        if rating.importance is None and rating.feasibility is None:
            continue
        tx.insert(
            PracticeRating,
            assessment_id=target.id,
            practice=rating.practice,
            importance=rating.importance,
            feasibility=rating.feasibility,
        )
